//! The connections of this process. Which of them a message is for is the relay's to know: each
//! user, session and channel is a channel of the hub.

use std::collections::HashMap;
use std::rc::Rc;

use crate::dialects::dsock::uuid::Uuid;
use crate::relay::conn_id::ConnId;
use crate::relay::conn_map::ConnMap;

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its name in the API.
    pub uuid: Uuid,
    /// Whose it is.
    pub user: Rc<str>,
    /// The session of that user; empty for none.
    pub session: Rc<str>,
    /// Its channels, none twice.
    pub channels: Vec<Rc<str>>,
    /// When it last sent a message, a ping or a pong, in seconds since 1970.
    pub last_ping: u64,
}

/// All connections, by both of their names.
#[derive(Debug, Default)]
pub struct Connections {
    rows: ConnMap<Connection>,
    by_uuid: HashMap<Uuid, ConnId>,
    /// How often a connection was looked at.
    #[cfg(test)]
    pub(super) looks: std::cell::Cell<usize>,
}

impl Connections {
    /// Adds a connection.
    pub fn insert(&mut self, id: ConnId, connection: Connection) {
        self.by_uuid.insert(connection.uuid, id);
        self.rows.insert(id, connection);
    }

    /// The connection of this name.
    pub fn get(&self, id: ConnId) -> Option<&Connection> {
        #[cfg(test)]
        self.looks.set(self.looks.get() + 1);
        self.rows.get(id)
    }

    /// The connection of this name.
    pub fn get_mut(&mut self, id: ConnId) -> Option<&mut Connection> {
        #[cfg(test)]
        self.looks.set(self.looks.get() + 1);
        self.rows.get_mut(id)
    }

    /// The connection that the API calls so.
    pub fn find(&self, uuid: &str) -> Option<ConnId> {
        self.by_uuid.get(&Uuid::parse(uuid)?).copied()
    }

    /// Takes a connection out.
    pub fn remove(&mut self, id: ConnId) -> Option<Connection> {
        let connection = self.rows.remove(id)?;
        self.by_uuid.remove(&connection.uuid);
        Some(connection)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_has_two_names_until_it_is_gone() {
        let mut connections = Connections::default();
        let id = ConnId::from_parts(3, 1);
        let uuid = Uuid::from_random([7; 16]);
        let connection = Connection {
            uuid,
            user: "u".into(),
            session: "".into(),
            channels: Vec::new(),
            last_ping: 1,
        };
        connections.insert(id, connection);
        assert_eq!(connections.find(&uuid.to_string()), Some(id));
        assert_eq!(connections.find("nope"), None);
        connections.get_mut(id).unwrap().last_ping = 2;
        assert_eq!(connections.remove(id).unwrap().last_ping, 2);
        assert_eq!(connections.find(&uuid.to_string()), None);
        assert!(connections.remove(id).is_none() && connections.is_empty());
    }
}
