//! The connections of the floor: eight bytes for each, at the index of its descriptor, and the
//! list of receivers.

use mio::net::TcpStream;

/// A connection, by what it does.
pub(super) enum Connection {
    /// It has sent no request yet.
    Accepted(TcpStream),
    /// It sends messages.
    Publisher(TcpStream),
    /// It gets them.
    Receiver(TcpStream),
}

impl Connection {
    pub(super) fn stream(&mut self) -> &mut TcpStream {
        match self {
            Self::Accepted(stream) | Self::Publisher(stream) | Self::Receiver(stream) => stream,
        }
    }
}

/// All connections.
#[derive(Default)]
pub(super) struct Connections {
    by_descriptor: Vec<Option<Connection>>,
    receivers: Vec<u32>,
}

impl Connections {
    pub(super) fn insert(&mut self, descriptor: usize, connection: Connection) {
        if self.by_descriptor.len() <= descriptor {
            self.by_descriptor.resize_with(descriptor + 1, || None);
        }
        if let Some(place) = self.by_descriptor.get_mut(descriptor) {
            *place = Some(connection);
        }
    }

    pub(super) fn get_mut(&mut self, descriptor: usize) -> Option<&mut Connection> {
        self.by_descriptor.get_mut(descriptor)?.as_mut()
    }

    /// Makes an accepted connection a publisher or a receiver.
    pub(super) fn upgrade(&mut self, descriptor: usize, publishes: bool) {
        let Some(place) = self.by_descriptor.get_mut(descriptor) else {
            return;
        };
        *place = match place.take() {
            Some(Connection::Accepted(stream)) if publishes => Some(Connection::Publisher(stream)),
            Some(Connection::Accepted(stream)) => {
                self.receivers.push(descriptor as u32);
                Some(Connection::Receiver(stream))
            }
            other => other,
        };
    }

    /// Closes a connection.
    pub(super) fn remove(&mut self, descriptor: usize) {
        let connection = self
            .by_descriptor
            .get_mut(descriptor)
            .and_then(Option::take);
        if matches!(connection, Some(Connection::Receiver(_))) {
            let index = self
                .receivers
                .iter()
                .position(|receiver| *receiver as usize == descriptor);
            if let Some(index) = index {
                self.receivers.swap_remove(index);
            }
        }
    }

    /// The streams of all receivers.
    pub(super) fn receivers(&self) -> impl Iterator<Item = &TcpStream> {
        let stream = |descriptor: &u32| match self.by_descriptor.get(*descriptor as usize) {
            Some(Some(Connection::Receiver(stream))) => Some(stream),
            _ => None,
        };
        self.receivers.iter().filter_map(stream)
    }
}
