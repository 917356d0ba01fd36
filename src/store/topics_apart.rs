//! Two stores: a file of SQLite for topics, and another one for queues, such as that in memory,
//! where queues are not to be kept on a disk.

use crate::relay::task::{Outcome, StoreTask, Task, Worker};
use crate::store::sqlite::SqliteStore;

/// The two stores.
pub struct TopicsApart {
    topics: SqliteStore,
    queues: Box<dyn Worker>,
}

impl TopicsApart {
    /// Both of them.
    pub fn new(topics: SqliteStore, queues: Box<dyn Worker>) -> Self {
        Self { topics, queues }
    }
}

fn is_topics(task: &Task) -> bool {
    matches!(task, Task::Store(StoreTask::Topic(_)))
}

impl Worker for TopicsApart {
    fn batch(&self) -> usize {
        SqliteStore::BATCH
    }

    fn perform(&mut self, tasks: Vec<Task>) -> Vec<Outcome> {
        let places: Vec<_> = tasks.iter().map(is_topics).collect();
        let (topics, queues): (Vec<_>, Vec<_>) = tasks.into_iter().partition(is_topics);
        let do_all = |worker: &mut dyn Worker, tasks: Vec<Task>| match tasks.is_empty() {
            true => Vec::new(),
            false => worker.perform(tasks),
        };
        let mut topics = do_all(&mut self.topics, topics).into_iter();
        let mut queues = do_all(self.queues.as_mut(), queues).into_iter();
        let next = places.into_iter().map(|is_topics| {
            let outcomes = if is_topics { &mut topics } else { &mut queues };
            outcomes.next().unwrap_or(Outcome::Unavailable)
        });
        next.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::relay::task::topic::{TopicAnswer, TopicTask};
    use crate::relay::task::{KeepLimits, StoreAnswer};
    use crate::store::inspect::Inspector;
    use crate::store::inspection::Inspection;
    use crate::store::temporary::TemporaryStore;

    #[test]
    fn each_gets_its_outcome_and_queues_leave_nothing_on_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.db");
        let mut store = TopicsApart::new(
            SqliteStore::open(&path).unwrap(),
            Box::new(TemporaryStore::default()),
        );
        let outcomes = store.perform(vec![
            Task::Store(StoreTask::Probe),
            Task::Store(StoreTask::Topic(TopicTask::Expire(0))),
            Task::Store(StoreTask::Keep {
                channel: "c".into(),
                messages: vec!["1".into()],
                created: 5,
                limits: KeepLimits::of(&Limits::default()),
                once: None,
            }),
        ]);
        assert_eq!(outcomes[0], Outcome::Store(Ok(StoreAnswer::Works)));
        let expired = StoreAnswer::Topic(TopicAnswer::Expired(0));
        assert_eq!(outcomes[1], Outcome::Store(Ok(expired)));
        let kept = &outcomes[2];
        assert!(matches!(kept, Outcome::Store(Ok(StoreAnswer::Kept(_)))));
        assert_eq!(Inspector::open(&path).unwrap().channels(), Ok(vec![]));
    }
}
