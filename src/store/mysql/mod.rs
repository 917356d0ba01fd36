//! The store in tables of MariaDB or MySQL, which may be those that WSMessageBroker has left, and
//! which others may change meanwhile.
//!
//! A batch is one transaction on one connection. When a batch fails, its connection is given up and
//! the next batch makes a new one, so that what is assumed of a connection and of its table always
//! holds. A server that cannot be reached is tried again with growing pauses, in which batches fail
//! at once. Nothing here waits for ever: every read, write and lock has its time.

mod backlog;
mod fault;
mod inspector;
mod row;
mod sender_ids;
mod session;
mod settings;
mod table;
mod tasks;
mod text;

use std::time::{Duration, Instant};

use crate::relay::task::{Outcome, StoreFault, StoreTask, Task, Worker};
use crate::store::mysql::fault::{OpenFault, describe, is_conflict, is_disconnection};
use crate::store::mysql::session::{Making, Session};
use crate::store::mysql::tasks::{Batch, Counted};

pub use inspector::MysqlInspector;
pub use settings::Settings;

/// Tasks in one transaction, at most.
const BATCH: usize = 1024;

/// The pause behind the first attempt to connect that failed; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause between two attempts to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The store.
#[derive(Debug)]
pub struct MysqlStore {
    settings: Settings,
    session: Option<Session>,
    /// How much is kept; none if that is not known to be right.
    counted: Option<Counted>,
    absence: Option<Absence>,
}

/// Why there is no connection, and when the next one is tried.
#[derive(Debug)]
struct Absence {
    fault: OpenFault,
    next: Instant,
    pause: Duration,
}

impl MysqlStore {
    /// The store, and the first attempt to connect. A server that is not there yet is waited for,
    /// since nobody says in which order a machine starts its services.
    ///
    /// # Errors
    /// A sentence that says why the server will not do, if it is there.
    pub fn open(settings: Settings) -> Result<Self, String> {
        let place = settings.place();
        let mut store = Self {
            settings,
            session: None,
            counted: None,
            absence: None,
        };
        match store.connect() {
            Err(OpenFault::Refused(reason)) => Err(format!("the store, {place}: {reason}")),
            Err(OpenFault::Unreachable(_)) => {
                log::warn!("the store is not there yet; nothing is kept until it is");
                Ok(store)
            }
            Ok(()) => Ok(store),
        }
    }

    /// Makes a connection if there is none, and if it is time to try.
    fn connect(&mut self) -> Result<(), OpenFault> {
        if self.session.is_some() {
            return Ok(());
        }
        if let Some(absence) = &self.absence
            && Instant::now() < absence.next
        {
            return Err(absence.fault.clone());
        }
        match Session::open(&self.settings, Making::Allowed) {
            Ok(session) => {
                let place = self.settings.place();
                log::info!("the store is {} of {place}", session.description());
                self.session = Some(session);
                self.absence = None;
                Ok(())
            }
            Err(fault) => {
                self.put_off(fault.clone());
                Err(fault)
            }
        }
    }

    /// Notes an attempt to connect that failed; what is new about it is logged.
    fn put_off(&mut self, fault: OpenFault) {
        let before = self.absence.take();
        if before.as_ref().is_none_or(|before| before.fault != fault) {
            log::warn!("the store, {}: {}", self.settings.place(), fault.reason());
        }
        let pause = before.map_or(FIRST_PAUSE, |before| before.pause * 2);
        let pause = pause.min(LONGEST_PAUSE);
        self.absence = Some(Absence {
            fault,
            next: Instant::now() + pause,
            pause,
        });
    }

    /// Does all tasks in one transaction.
    ///
    /// # Errors
    /// What a sender may be told.
    fn transact(&mut self, tasks: &[Task]) -> Result<Vec<Outcome>, String> {
        let is_new = self.session.is_none();
        let first = self.attempt(tasks);
        let result = match first {
            // A server ends connections that were idle for long, and transactions that were in each
            // other's way; neither has done anything.
            Err(Failure::Undone(error))
                if is_conflict(&error) || (!is_new && is_disconnection(&error)) =>
            {
                self.attempt(tasks)
            }
            result => result,
        };
        result.map_err(|failure| match failure {
            Failure::NoConnection(fault) => fault.told().to_owned(),
            Failure::Undone(error) => describe(&error),
            Failure::Doubtful(error) => {
                format!("{}: whether it was kept is not known", describe(&error))
            }
        })
    }

    fn attempt(&mut self, tasks: &[Task]) -> Result<Vec<Outcome>, Failure> {
        self.connect().map_err(Failure::NoConnection)?;
        let Some(mut session) = self.session.take() else {
            return Ok(Vec::new());
        };
        // Neither is right any more if the transaction fails.
        let mut counted = self.counted.take();
        let outcomes = transaction(&mut session, &mut counted, tasks)?;
        self.session = Some(session);
        self.counted = counted;
        Ok(outcomes)
    }
}

/// Why a batch has no outcomes.
#[derive(Debug)]
enum Failure {
    /// There is no server to ask.
    NoConnection(OpenFault),
    /// Nothing of it was done.
    Undone(mysql::Error),
    /// The connection was lost while the server was to commit.
    Doubtful(mysql::Error),
}

fn transaction(
    session: &mut Session,
    counted: &mut Option<Counted>,
    tasks: &[Task],
) -> Result<Vec<Outcome>, Failure> {
    let writes = tasks.iter().any(writes);
    if writes {
        session.begin().map_err(Failure::Undone)?;
    }
    let mut batch = Batch::new(session, counted);
    let mut outcomes = Vec::with_capacity(tasks.len());
    for task in tasks {
        let outcome = match task {
            Task::Store(task) => batch.perform(task).map(Outcome::Store),
            Task::VerifyPassword { .. } => Ok(Outcome::Unavailable),
        };
        match outcome {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) => {
                session.roll_back();
                return Err(Failure::Undone(error));
            }
        }
    }
    if writes {
        session.commit().map_err(|error| match error {
            mysql::Error::MySqlError(_) => Failure::Undone(error),
            _ => Failure::Doubtful(error),
        })?;
    }
    Ok(outcomes)
}

fn writes(task: &Task) -> bool {
    matches!(
        task,
        Task::Store(
            StoreTask::Keep { .. }
                | StoreTask::Delete(_)
                | StoreTask::Expire(_)
                | StoreTask::ForgetSenderIds(_)
        )
    )
}

impl Worker for MysqlStore {
    fn batch(&self) -> usize {
        BATCH
    }

    fn perform(&mut self, tasks: Vec<Task>) -> Vec<Outcome> {
        self.transact(&tasks).unwrap_or_else(|reason| {
            vec![Outcome::Store(Err(StoreFault::Failed(reason))); tasks.len()]
        })
    }
}
