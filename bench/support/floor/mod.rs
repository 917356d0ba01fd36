//! The floor: the least that any server of this kind has to do.
//!
//! It accepts, reads the request, writes an answer of a fixed text, and gives every message of
//! its one publisher to all receivers: one nonblocking write of the finished bytes for each
//! socket and message or, coalescing, one `writev` for each socket and batch of messages read.
//! It checks nothing, limits nothing, pings nobody and keeps no output: a receiver that is too
//! slow ends it, and the drivers see to it that none is. No server can be had for less, so what
//! a server costs beyond it is what can be saved.

mod connections;
mod publishing;

use super::Outcome;
use super::client::ACCEPT;
use connections::{Connection, Connections};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use publishing::{Output, Publishing};
use std::io::{ErrorKind, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

/// The token of the listener; those of connections are their descriptors.
const LISTENER: Token = Token(usize::MAX);

const EVENTS: usize = 1024;

const BACKLOG: i32 = 4096;

/// Longer than a batch of messages of a driver.
const READ_BUFFER: usize = 64 * 1024;

/// Becomes the floor if the first argument is `floor`: the benches start themselves as it.
pub(crate) fn run_if_asked() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some("floor") {
        return Ok(());
    }
    let output = match arguments.next().as_deref() {
        Some("--coalesce") => Output::Coalesced,
        _ => Output::MessageByMessage,
    };
    let result = Floor::listen(output).and_then(Floor::run);
    if let Err(error) = result {
        eprintln!("floor: {error}");
    }
    std::process::exit(1);
}

struct Floor {
    poll: Poll,
    listener: TcpListener,
    connections: Connections,
    publishing: Publishing,
    buffer: Box<[u8]>,
    answer: String,
}

impl Floor {
    fn listen(output: Output) -> Outcome<Self> {
        let mut listener = listener()?;
        println!("the floor relays on ws://{}", listener.local_addr()?);
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            connections: Connections::default(),
            publishing: Publishing::new(output),
            buffer: vec![0; READ_BUFFER].into_boxed_slice(),
            answer: format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                 Connection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
            ),
        })
    }

    fn run(mut self) -> Outcome<()> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            self.poll.poll(&mut events, None)?;
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(descriptor) => self.read(descriptor)?,
                }
            }
        }
    }

    fn accept(&mut self) -> Outcome<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let descriptor = usize::try_from(stream.as_raw_fd())?;
            let registry = self.poll.registry();
            registry.register(&mut stream, Token(descriptor), Interest::READABLE)?;
            self.connections
                .insert(descriptor, Connection::Accepted(stream));
        }
    }

    /// Reads once; a short read has emptied the socket.
    fn read(&mut self, descriptor: usize) -> Outcome<()> {
        loop {
            let Some(connection) = self.connections.get_mut(descriptor) else {
                return Ok(());
            };
            let read = match connection.stream().read(&mut self.buffer) {
                Ok(read) if read > 0 => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Ok(_) | Err(_) => {
                    self.connections.remove(descriptor);
                    return Ok(());
                }
            };
            let bytes = self.buffer.get_mut(..read).unwrap_or_default();
            match connection {
                Connection::Accepted(stream) => {
                    stream.write_all(self.answer.as_bytes())?;
                    let publishes = bytes.starts_with(b"GET /in/");
                    self.connections.upgrade(descriptor, publishes);
                }
                Connection::Publisher(_) => self.publishing.publish(bytes, &self.connections)?,
                Connection::Receiver(_) => {}
            }
            if read < READ_BUFFER {
                return Ok(());
            }
        }
    }
}

/// A listener whose connections have TCP_NODELAY from the start: they inherit it.
fn listener() -> Outcome<TcpListener> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}
