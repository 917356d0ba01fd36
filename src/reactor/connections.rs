//! The sockets of the relay's connections, by their index.

use std::io;

use mio::Registry;

use crate::reactor::socket::Socket;
use crate::reactor::sources::ConnectionToken;
use crate::relay::conn_id::ConnId;

/// A socket and whose it is.
#[derive(Debug)]
struct Entry {
    id: ConnId,
    socket: Socket,
    /// The peer has shut its write side: a short read does not mean that all is read.
    read_closed: bool,
}

/// All sockets.
#[derive(Debug, Default)]
pub(super) struct Connections(Vec<Option<Entry>>);

impl Connections {
    /// Keeps and registers the socket of a new connection.
    ///
    /// # Errors
    /// If the kernel does not register it; then it is closed.
    pub(super) fn insert(
        &mut self,
        id: ConnId,
        mut socket: Socket,
        registry: &Registry,
    ) -> io::Result<()> {
        socket.register(registry, ConnectionToken::of(id))?;
        if id.index() >= self.0.len() {
            self.0.resize_with(id.index() + 1, || None);
        }
        self.0[id.index()] = Some(Entry {
            id,
            socket,
            read_closed: false,
        });
        Ok(())
    }

    /// Closes the socket of a connection that was buried. Closing takes it out of the kernel's
    /// interest list, since there is no other descriptor for it.
    pub(super) fn remove(&mut self, id: ConnId) {
        if let Some(entry) = self.0.get_mut(id.index())
            && entry.as_ref().is_some_and(|entry| entry.id == id)
        {
            *entry = None;
        }
    }

    /// Whose event this is; nobody's if the connection has died.
    pub(super) fn id_of(&self, token: ConnectionToken) -> Option<ConnId> {
        let entry = self.0.get(token.index())?.as_ref()?;
        (ConnectionToken::of(entry.id) == token).then_some(entry.id)
    }

    /// The socket of a connection.
    pub(super) fn socket(&mut self, id: ConnId) -> Option<&mut Socket> {
        self.entry(id).map(|entry| &mut entry.socket)
    }

    /// Remembers that the peer has shut its write side.
    pub(super) fn set_read_closed(&mut self, id: ConnId) {
        if let Some(entry) = self.entry(id) {
            entry.read_closed = true;
        }
    }

    /// True if the peer has shut its write side.
    pub(super) fn is_read_closed(&mut self, id: ConnId) -> bool {
        self.entry(id).is_some_and(|entry| entry.read_closed)
    }

    fn entry(&mut self, id: ConnId) -> Option<&mut Entry> {
        self.0
            .get_mut(id.index())?
            .as_mut()
            .filter(|entry| entry.id == id)
    }
}
