//! The real binary.

use super::{Arrival, Transport};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long something may take that has to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a server's control port is.
pub(crate) enum ControlAddress {
    /// A Unix socket.
    Unix(PathBuf),
    /// A TCP address.
    Tcp(SocketAddr),
}

/// Clients of a server at `address`, and of its control port.
pub(crate) struct OverTcp {
    address: SocketAddr,
    control: ControlAddress,
    clients: Vec<Box<dyn Stream>>,
}

trait Stream: Read + Write {
    fn set_patience(&self) -> io::Result<()>;
    fn shut(&self, how: Shutdown) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn set_patience(&self) -> io::Result<()> {
        self.set_nodelay(true)?;
        self.set_read_timeout(Some(PATIENCE))?;
        self.set_write_timeout(Some(PATIENCE))
    }

    fn shut(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }
}

impl Stream for UnixStream {
    fn set_patience(&self) -> io::Result<()> {
        self.set_read_timeout(Some(PATIENCE))?;
        self.set_write_timeout(Some(PATIENCE))
    }

    fn shut(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }
}

impl OverTcp {
    pub(crate) fn new(address: SocketAddr, control: ControlAddress) -> Self {
        Self {
            address,
            control,
            clients: Vec::new(),
        }
    }

    fn add(&mut self, stream: impl Stream + 'static) -> usize {
        stream.set_patience().expect("sockets have these options");
        self.clients.push(Box::new(stream));
        self.clients.len() - 1
    }
}

impl Transport for OverTcp {
    fn connect(&mut self) -> usize {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        self.add(stream)
    }

    fn connect_to_control(&mut self) -> usize {
        match &self.control {
            ControlAddress::Unix(path) => {
                let stream = UnixStream::connect(path).expect("the server listens");
                self.add(stream)
            }
            ControlAddress::Tcp(address) => {
                let stream = TcpStream::connect(address).expect("the server listens");
                self.add(stream)
            }
        }
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

    fn finish(&mut self, client: usize) {
        let _ = self.clients[client].shut(Shutdown::Write);
    }

    fn close(&mut self, client: usize) {
        // It fails if the server was faster.
        let _ = self.clients[client].shut(Shutdown::Both);
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
