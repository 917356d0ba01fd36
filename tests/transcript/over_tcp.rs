//! The real binary.

use super::{Arrival, Transport};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long something may take that has to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Clients of a server at `address`.
pub(crate) struct OverTcp {
    address: SocketAddr,
    clients: Vec<TcpStream>,
}

impl OverTcp {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            clients: Vec::new(),
        }
    }
}

impl Transport for OverTcp {
    fn connect(&mut self) -> usize {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_nodelay(true).expect("TCP_NODELAY is there");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("it is not zero");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("it is not zero");
        self.clients.push(stream);
        self.clients.len() - 1
    }

    fn send(&mut self, client: usize, bytes: &[u8]) {
        let _ = self.clients[client].write_all(bytes);
    }

    fn receive(&mut self, client: usize) -> Arrival {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            return match self.clients[client].read(&mut buffer) {
                Ok(0) => Arrival::End,
                Ok(count) => Arrival::Bytes(buffer[..count].to_vec()),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => continue,
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => Arrival::Nothing,
                    _ => Arrival::End,
                },
            };
        }
    }

    fn close(&mut self, client: usize) {
        // It fails if the server was faster.
        let _ = self.clients[client].shutdown(Shutdown::Both);
    }

    fn wait(&mut self, time: Duration) {
        thread::sleep(time);
    }

    fn epoch_seconds(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_secs())
    }
}
