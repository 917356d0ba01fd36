//! The threads for what may block: one for each kind of task, started with its first one, so that
//! a server that needs none has none. What waits for them is bounded by the relay.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use mio::{Registry, Waker};

use crate::reactor::Reactor;
use crate::reactor::sources::Source;
use crate::relay::moment::Now;
use crate::relay::task::{Assigned, Finished, Outcome, TaskKind, Ticket, Worker};

/// The name of the threads of each kind, as the system shows them.
const NAMES: [&str; TaskKind::ALL.len()] = ["passwords", "store"];

/// The niceness of those who go last.
const LEAST_PRIORITY: libc::c_int = 19;

/// Who does the tasks, by their kind.
#[derive(Default)]
pub struct Workforce([Option<Box<dyn Worker>>; TaskKind::ALL.len()]);

impl Workforce {
    /// Nobody: tasks are answered with [`Outcome::Unavailable`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Somebody for tasks of this kind.
    #[must_use]
    pub fn with(mut self, kind: TaskKind, worker: Box<dyn Worker>) -> Self {
        self.0[kind.index()] = Some(worker);
        self
    }
}

/// A thread that runs.
struct Running {
    tasks: Sender<Assigned>,
    thread: JoinHandle<()>,
}

/// The threads, and the way back from them.
pub(super) struct Workers {
    idle: Workforce,
    running: [Option<Running>; TaskKind::ALL.len()],
    sender: Sender<Finished>,
    finished: Receiver<Finished>,
    /// There once a thread is: it takes a descriptor.
    waker: Option<Arc<Waker>>,
}

impl Workers {
    /// No thread yet.
    pub(super) fn new(workforce: Workforce) -> Self {
        let (sender, finished) = channel();
        Self {
            idle: workforce,
            running: Default::default(),
            sender,
            finished,
            waker: None,
        }
    }

    /// Hands a task to its thread; the task comes back where there is none.
    fn hand_out(
        &mut self,
        kind: TaskKind,
        assigned: Assigned,
        registry: &Registry,
    ) -> Result<(), Ticket> {
        let ticket = assigned.ticket;
        if self.running[kind.index()].is_none()
            && let Err(error) = self.start(kind, registry)
        {
            log::error!("no thread for {}: {error}", NAMES[kind.index()]);
        }
        let running = self.running[kind.index()].as_ref().ok_or(ticket)?;
        running.tasks.send(assigned).map_err(|_| ticket)
    }

    fn start(&mut self, kind: TaskKind, registry: &Registry) -> io::Result<()> {
        let waker = match &self.waker {
            Some(waker) => waker,
            None => {
                let waker = Waker::new(registry, Source::Workers.token())?;
                self.waker.insert(Arc::new(waker))
            }
        };
        let Some(worker) = self.idle.0[kind.index()].take() else {
            return Ok(());
        };
        let (tasks, assigned) = channel();
        let (sender, waker) = (self.sender.clone(), Arc::clone(waker));
        let thread = Builder::new()
            .name(NAMES[kind.index()].to_owned())
            .spawn(move || {
                if kind == TaskKind::Password {
                    stand_back();
                }
                work(worker, &assigned, &sender, &waker);
            })?;
        self.running[kind.index()] = Some(Running { tasks, thread });
        Ok(())
    }

    /// Waits until the store has done what it was told; passwords interest nobody any more.
    pub(super) fn stop(&mut self) {
        self.running[TaskKind::Password.index()] = None;
        if let Some(Running { tasks, thread }) = self.running[TaskKind::Store.index()].take() {
            drop(tasks);
            // It has no result, and a panic has been told.
            let _ = thread.join();
        }
    }
}

/// Lets others go first: to verify a password is nothing but work for the processor, and the loop
/// is not to wait for a part of its time where there is only one.
#[allow(unsafe_code, reason = "std has no setpriority")]
fn stand_back() {
    // SAFETY: it is given no pointer. On Linux, 0 is the calling thread.
    if unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, LEAST_PRIORITY) } != 0 {
        log::debug!("the priority stays: {}", io::Error::last_os_error());
    }
}

/// What a thread does: takes what has come together, does it, says so.
fn work(
    mut worker: Box<dyn Worker>,
    assigned: &Receiver<Assigned>,
    finished: &Sender<Finished>,
    waker: &Waker,
) {
    while let Ok(first) = assigned.recv() {
        let mut tickets = vec![first.ticket];
        let mut tasks = vec![first.task];
        while tasks.len() < worker.batch()
            && let Ok(next) = assigned.try_recv()
        {
            tickets.push(next.ticket);
            tasks.push(next.task);
        }
        let outcomes = worker.perform(tasks);
        // What has no outcome was not done.
        let outcomes = outcomes
            .into_iter()
            .chain(std::iter::repeat(Outcome::Unavailable));
        for (ticket, outcome) in tickets.into_iter().zip(outcomes) {
            if finished.send(Finished { ticket, outcome }).is_err() {
                return;
            }
        }
        if let Err(error) = waker.wake() {
            log::error!("the loop cannot be woken: {error}");
        }
    }
}

impl Reactor {
    /// Gives the relay's tasks to their threads.
    pub(super) fn hand_out_tasks(&mut self, now: Now) {
        while let Some(assigned) = self.relay.pop_task() {
            let kind = assigned.task.kind();
            let registry = self.poll.registry();
            if let Err(ticket) = self.workers.hand_out(kind, assigned, registry) {
                let outcome = Outcome::Unavailable;
                self.relay.task_finished(Finished { ticket, outcome }, now);
            }
        }
    }

    /// Tells the relay what has been done.
    pub(super) fn take_finished(&mut self, now: Now) {
        while let Ok(finished) = self.workers.finished.try_recv() {
            self.relay.task_finished(finished, now);
        }
    }
}
