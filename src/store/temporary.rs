//! A store in memory, where nothing is to be kept on a disk: for messages that wait for an
//! acknowledgement. It is made with the first task, since most servers never need one.

use crate::relay::task::{Outcome, StoreFault, Task, Worker};
use crate::store::sqlite::SqliteStore;

/// The store.
#[derive(Debug, Default)]
pub struct TemporaryStore(Option<SqliteStore>);

impl TemporaryStore {
    fn opened(&mut self) -> Result<&mut SqliteStore, String> {
        let store = match self.0.take() {
            Some(store) => store,
            None => SqliteStore::in_memory()?,
        };
        Ok(self.0.insert(store))
    }
}

impl Worker for TemporaryStore {
    fn batch(&self) -> usize {
        SqliteStore::BATCH
    }

    fn perform(&mut self, tasks: Vec<Task>) -> Vec<Outcome> {
        match self.opened() {
            Ok(store) => store.perform(tasks),
            Err(error) => vec![Outcome::Store(Err(StoreFault::Failed(error))); tasks.len()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::relay::task::{KeepLimits, StoreAnswer, StoreTask};

    #[test]
    fn numbers_of_a_later_life_are_higher() {
        let keep = |created| {
            Task::Store(StoreTask::Keep {
                channel: "c".into(),
                messages: vec!["1".into(), "2".into()],
                created,
                limits: KeepLimits::of(&Limits::default()),
                once: None,
            })
        };
        let ids = |store: &mut TemporaryStore, created| match store
            .perform(vec![keep(created)])
            .remove(0)
        {
            Outcome::Store(Ok(StoreAnswer::Kept(ids))) => ids,
            other => panic!("{other:?}"),
        };
        let mut store = TemporaryStore::default();
        assert_eq!(ids(&mut store, 7), [7_000_001, 7_000_002]);
        assert_eq!(ids(&mut store, 9), [7_000_003, 7_000_004]);
        assert_eq!(ids(&mut TemporaryStore::default(), 8)[0], 8_000_001);
    }
}
