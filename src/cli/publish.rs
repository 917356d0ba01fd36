//! `fantail pub`: sends messages to a topic.
//!
//! Two helper threads wait, one for standard input and one for the server, since a server's ping
//! has to be answered also while there is nothing to send. Both report to the one place that
//! sends.

use super::Failure;
use super::client::{
    Connection, Ending, Incoming, LONGEST_MESSAGE, PATIENCE, Received, Sender, TokenArguments, Url,
};
use crate::protocol::ws_frame::Opcode;
use clap::Args;
use std::io::{self, BufRead, Read};
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

    /// The message; without it, all of standard input is one message
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
    let input = io::stdin().lock();
    if arguments.lines {
        let lines = Lines {
            input,
            text: !arguments.binary,
            number: 0,
        };
        let most = arguments.count.map_or(u64::MAX, NonZeroU64::get);
        return lines
            .take(usize::try_from(most).unwrap_or(usize::MAX))
            .try_for_each(|line| deliver(tasks, line?));
    }
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

fn read_whole(input: impl Read, text: bool) -> Result<Vec<u8>, Failure> {
    let mut message = Vec::new();
    input
        .take(LONGEST_MESSAGE as u64 + 1)
        .read_to_end(&mut message)
        .map_err(|error| unreadable(&error))?;
    if message.len() > LONGEST_MESSAGE {
        return Err(Failure::Runtime(format!(
            "standard input is longer than {LONGEST_MESSAGE} bytes"
        )));
    }
    if text && str::from_utf8(&message).is_err() {
        return Err(Failure::Runtime(
            "standard input is not UTF-8; send it with --binary".to_owned(),
        ));
    }
    Ok(message)
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::Runtime(format!("cannot read standard input: {error}"))
}

/// The lines of an input, without their ends.
struct Lines<R> {
    input: R,
    text: bool,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    fn read(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let mut line = Vec::new();
        let most = LONGEST_MESSAGE as u64 + 1;
        let taken = (&mut self.input)
            .take(most)
            .read_until(b'\n', &mut line)
            .map_err(|error| unreadable(&error))?;
        if taken == 0 {
            return Ok(None);
        }
        self.number += 1;
        if line.len() > LONGEST_MESSAGE {
            return Err(Failure::Runtime(format!(
                "line {} is longer than {LONGEST_MESSAGE} bytes",
                self.number
            )));
        }
        if line.ends_with(b"\n") {
            line.pop();
            if self.text && line.ends_with(b"\r") {
                line.pop();
            }
        }
        if self.text && str::from_utf8(&line).is_err() {
            return Err(Failure::Runtime(format!(
                "line {} is not UTF-8; send it with --binary",
                self.number
            )));
        }
        Ok(Some(line))
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Vec<u8>, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8], text: bool) -> Vec<Result<Vec<u8>, String>> {
        let lines = Lines {
            input,
            text,
            number: 0,
        };
        lines
            .map(|line| line.map_err(|failure| failure.to_string()))
            .collect()
    }

    #[test]
    fn lines_lose_their_ends_only() {
        let text: Vec<_> = lines(b"a\r\n\n b \nend", true)
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert_eq!(text, [&b"a"[..], b"", b" b ", b"end"]);
        let binary: Vec<_> = lines(b"\xff\r\n", false)
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert_eq!(binary, [b"\xff\r"]);
    }

    #[test]
    fn what_is_not_text_is_named_with_its_line() {
        assert_eq!(
            lines(b"a\n\xff\n", true)[1],
            Err("line 2 is not UTF-8; send it with --binary".to_owned())
        );
    }
}
