//! What a dialect knows of its connections: dense, by index, checked by generation.

use crate::relay::conn_id::ConnId;

/// A value per connection. A name of a dead connection finds nothing.
#[derive(Debug)]
pub struct ConnMap<T> {
    entries: Vec<Option<(u32, T)>>,
    length: usize,
}

impl<T> Default for ConnMap<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            length: 0,
        }
    }
}

impl<T> ConnMap<T> {
    /// Sets the value of a connection.
    pub fn insert(&mut self, id: ConnId, value: T) {
        if id.index() >= self.entries.len() {
            self.entries.resize_with(id.index() + 1, || None);
        }
        if self.entries[id.index()]
            .replace((id.generation(), value))
            .is_none()
        {
            self.length += 1;
        }
    }

    /// The value of a connection.
    pub fn get(&self, id: ConnId) -> Option<&T> {
        match self.entries.get(id.index()) {
            Some(Some((generation, value))) if *generation == id.generation() => Some(value),
            _ => None,
        }
    }

    /// The value of a connection.
    pub fn get_mut(&mut self, id: ConnId) -> Option<&mut T> {
        match self.entries.get_mut(id.index()) {
            Some(Some((generation, value))) if *generation == id.generation() => Some(value),
            _ => None,
        }
    }

    /// Takes the value of a connection out.
    pub fn remove(&mut self, id: ConnId) -> Option<T> {
        self.get(id)?;
        self.length -= 1;
        self.entries[id.index()].take().map(|(_, value)| value)
    }

    /// All connections with their values, by index.
    pub fn iter(&self) -> impl Iterator<Item = (ConnId, &T)> {
        self.entries
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| {
                entry.as_ref().map(|(generation, value)| {
                    (ConnId::from_parts(index as u32, *generation), value)
                })
            })
    }

    /// How many connections have a value.
    pub fn len(&self) -> usize {
        self.length
    }

    /// True if none has.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_name_finds_nothing_and_removes_nothing() {
        let mut map = ConnMap::default();
        let (old, new) = (ConnId::from_parts(3, 0), ConnId::from_parts(3, 1));
        map.insert(old, "old");
        assert_eq!(map.remove(old), Some("old"));
        map.insert(new, "new");
        assert_eq!(map.get(old), None);
        assert_eq!(map.remove(old), None);
        assert_eq!((map.get(new), map.len()), (Some(&"new"), 1));
        assert_eq!(map.iter().collect::<Vec<_>>(), [(new, &"new")]);
    }
}
