//! `fantail pub`: sends messages to a topic.
//!
//! Two helper threads wait, one for standard input and one for the server, since a server's ping
//! has to be answered also while there is nothing to send. Both report to the one place that
//! sends.

pub(super) mod input;

use super::Failure;
use super::client::{
    Connection, Ending, Incoming, PATIENCE, Received, Sender, TokenArguments, Url,
};
use crate::protocol::ws_frame::Opcode;
use clap::Args;
use input::{Lines, read_whole};
use std::io;
use std::num::NonZeroU64;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// Messages that are read ahead.
const AHEAD: usize = 64;

/// How long the reading half waits before it looks again.
const LONG: Duration = Duration::from_secs(3600);

/// The arguments of `fantail pub`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// The topic, such as ws://127.0.0.1:7328/demo
    url: Url,

    /// The message; without it, all of standard input is one message, or with --binary a stream:
    /// a message for each part as it comes
    #[arg(conflicts_with = "lines")]
    message: Option<String>,

    /// Each line of standard input is a message
    #[arg(short, long)]
    lines: bool,

    /// Send binary messages rather than text
    #[arg(short, long)]
    binary: bool,

    /// Send the message this often; with --lines, stop after this many lines
    #[arg(short = 'n', long, value_name = "NUMBER")]
    count: Option<NonZeroU64>,

    #[command(flatten)]
    token: TokenArguments,
}

/// What there is to do.
enum Task {
    /// Send this.
    Send(Vec<u8>),
    /// All has been read.
    Finish,
    /// What the server sent, less its messages.
    Answer(Received),
    /// One of the helpers failed.
    Fail(Failure),
}

/// Sends, and ends when the server has taken everything.
///
/// # Errors
/// If it cannot connect, the input cannot be read, or the server closes before the end.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut connection = Connection::open(&arguments.url)?;
    arguments.token.present(&mut connection)?;
    let Connection {
        mut sender,
        incoming,
    } = connection;
    incoming.set_patience(LONG)?;
    let (tasks, queue) = sync_channel(AHEAD);
    let from_server = tasks.clone();
    let arguments = arguments.clone();
    let opcode = if arguments.binary {
        Opcode::Binary
    } else {
        Opcode::Text
    };
    // The threads end with the process, or when nobody takes their tasks any more.
    thread::spawn(move || report_server(incoming, &from_server));
    thread::spawn(move || {
        let last = match report_input(&arguments, &tasks) {
            Ok(()) => Task::Finish,
            Err(failure) => Task::Fail(failure),
        };
        let _ = tasks.send(last);
    });
    send_all(&mut sender, opcode, &queue)?;
    sender.close()?;
    wait_for_end(&queue)
}

fn send_all(sender: &mut Sender, opcode: Opcode, queue: &Receiver<Task>) -> Result<(), Failure> {
    let unexpected = || Failure::Runtime("a helper thread ended".to_owned());
    loop {
        match queue.recv().map_err(|_| unexpected())? {
            Task::Send(payload) => sender.send(opcode, &payload).map_err(|failure| {
                // What the server said before it closed tells more than the failed write.
                closing_words(queue).unwrap_or(failure)
            })?,
            Task::Finish => return Ok(()),
            Task::Answer(received) => answer(sender, received)?,
            Task::Fail(failure) => return Err(failure),
        }
    }
}

fn closing_words(queue: &Receiver<Task>) -> Option<Failure> {
    while let Ok(task) = queue.recv_timeout(Duration::from_millis(200)) {
        if let Task::Answer(Received::End(ending @ Ending::Closed(..))) = task {
            return Some(ending.into());
        }
    }
    None
}

fn answer(sender: &mut Sender, received: Received) -> Result<(), Failure> {
    match received {
        Received::Ping(payload) => sender.send(Opcode::Pong, &payload),
        Received::End(ending) => {
            sender.answer_close(&ending);
            Err(ending.into())
        }
        Received::Message(..) | Received::Pong | Received::Silence => Ok(()),
    }
}

/// The server answers the close behind everything that it has taken.
fn wait_for_end(queue: &Receiver<Task>) -> Result<(), Failure> {
    loop {
        match queue.recv_timeout(PATIENCE) {
            Ok(Task::Answer(Received::End(ending))) if ending.is_normal() => return Ok(()),
            Ok(Task::Answer(Received::End(ending))) => return Err(ending.into()),
            Ok(Task::Fail(failure)) => return Err(failure),
            // Behind a close frame nothing is sent, not even a pong (section 5.5.1).
            Ok(Task::Answer(_) | Task::Send(_) | Task::Finish) => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return Err(Failure::Runtime(format!(
                    "the server did not confirm the end within {} s",
                    PATIENCE.as_secs()
                )));
            }
        }
    }
}

fn report_server(mut incoming: Incoming, tasks: &SyncSender<Task>) {
    loop {
        let (task, last) = match incoming.next() {
            Ok(Received::Message(..) | Received::Pong | Received::Silence) => continue,
            Ok(received @ Received::End(_)) => (Task::Answer(received), true),
            Ok(received) => (Task::Answer(received), false),
            Err(failure) => (Task::Fail(failure), true),
        };
        if tasks.send(task).is_err() || last {
            return;
        }
    }
}

fn report_input(arguments: &Arguments, tasks: &SyncSender<Task>) -> Result<(), Failure> {
    if arguments.lines {
        let input = io::stdin().lock();
        let lines = Lines::new(input, !arguments.binary);
        let most = arguments.count.map_or(u64::MAX, NonZeroU64::get);
        return lines
            .take(usize::try_from(most).unwrap_or(usize::MAX))
            .try_for_each(|line| deliver(tasks, line?));
    }
    if arguments.binary && arguments.message.is_none() && arguments.count.is_none() {
        return input::parts(io::stdin()).try_for_each(|part| deliver(tasks, part?));
    }
    let input = io::stdin().lock();
    let message = match &arguments.message {
        Some(text) => text.clone().into_bytes(),
        None => read_whole(input, !arguments.binary)?,
    };
    let times = arguments.count.map_or(1, NonZeroU64::get);
    (0..times).try_for_each(|_| deliver(tasks, message.clone()))
}

/// Nobody takes the task only when the command has ended already.
fn deliver(tasks: &SyncSender<Task>, message: Vec<u8>) -> Result<(), Failure> {
    tasks
        .send(Task::Send(message))
        .map_err(|_| Failure::OutputClosed)
}
