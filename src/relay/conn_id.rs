//! Names of connections, and the table of those that live.
//!
//! An index is used again, a pair of index and generation never is (before 2^32 reuses of one
//! index). A stale event or a late answer for a dead connection is dropped by [`ConnTable`]'s
//! comparison of generations, and nowhere else.

use std::fmt;
use std::str::FromStr;

use slab::Slab;

/// The name of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId {
    index: u32,
    generation: u32,
}

impl ConnId {
    /// A name from its parts; for the reactor's tokens and for tests.
    pub const fn from_parts(index: u32, generation: u32) -> Self {
        Self { index, generation }
    }

    /// The place in tables.
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// How many connections had this index before.
    pub const fn generation(self) -> u32 {
        self.generation
    }
}

impl fmt::Debug for ConnId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.index, self.generation)
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl FromStr for ConnId {
    type Err = ();

    /// Reads the form that [`fmt::Display`] writes: `12.3`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (index, generation) = text.split_once('.').ok_or(())?;
        let number = |text: &str| {
            let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if plain {
                text.parse().map_err(|_| ())
            } else {
                Err(())
            }
        };
        Ok(Self {
            index: number(index)?,
            generation: number(generation)?,
        })
    }
}

/// The connections that live, by name.
#[derive(Debug)]
pub struct ConnTable<T> {
    slots: Slab<T>,
    generations: Vec<u32>,
}

impl<T> Default for ConnTable<T> {
    fn default() -> Self {
        Self {
            slots: Slab::new(),
            generations: Vec::new(),
        }
    }
}

impl<T> ConnTable<T> {
    /// The name that the next insertion will give.
    pub fn next_id(&self) -> ConnId {
        let index = self.slots.vacant_key();
        ConnId {
            index: index as u32,
            generation: self.generations.get(index).copied().unwrap_or(0),
        }
    }

    /// Adds a connection.
    pub fn insert(&mut self, value: T) -> ConnId {
        let id = self.next_id();
        let index = self.slots.insert(value);
        if index == self.generations.len() {
            self.generations.push(0);
        }
        id
    }

    /// Ends a connection's life; its name never comes back.
    pub fn remove(&mut self, id: ConnId) -> Option<T> {
        if !self.contains(id) {
            return None;
        }
        let generation = self.generations.get_mut(id.index())?;
        *generation = generation.wrapping_add(1);
        self.slots.try_remove(id.index())
    }

    /// True if the connection lives.
    pub fn contains(&self, id: ConnId) -> bool {
        self.is_current(id) && self.slots.contains(id.index())
    }

    /// The connection, if it lives.
    pub fn get(&self, id: ConnId) -> Option<&T> {
        if self.is_current(id) {
            self.slots.get(id.index())
        } else {
            None
        }
    }

    /// The connection, if it lives.
    pub fn get_mut(&mut self, id: ConnId) -> Option<&mut T> {
        if self.is_current(id) {
            self.slots.get_mut(id.index())
        } else {
            None
        }
    }

    /// The living connection at this index.
    pub fn id_at(&self, index: usize) -> Option<ConnId> {
        self.slots.contains(index).then(|| ConnId {
            index: index as u32,
            generation: self.generations.get(index).copied().unwrap_or(0),
        })
    }

    /// One past the highest index that was ever used.
    pub fn end(&self) -> usize {
        self.generations.len()
    }

    /// How many live.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True if none lives.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The names of all that live.
    pub fn ids(&self) -> impl Iterator<Item = ConnId> + '_ {
        (0..self.end()).filter_map(|index| self.id_at(index))
    }

    fn is_current(&self, id: ConnId) -> bool {
        self.generations.get(id.index()) == Some(&id.generation)
            || cfg!(feature = "sabotage-no-generation-check")
    }
}

#[cfg(all(test, not(feature = "sabotage-no-generation-check")))]
mod tests {
    use super::*;

    #[test]
    fn a_dead_name_does_not_reach_its_successor() {
        let mut table = ConnTable::default();
        let first = table.insert("first");
        assert_eq!(table.remove(first), Some("first"));
        let second = table.insert("second");
        assert_eq!(first.index(), second.index());
        assert_ne!(first, second);
        assert_eq!(table.get(first), None);
        assert_eq!(table.get_mut(first), None);
        assert_eq!(table.remove(first), None);
        assert_eq!(table.get(second), Some(&"second"));
        assert_eq!(table.ids().collect::<Vec<_>>(), [second]);
    }
}
