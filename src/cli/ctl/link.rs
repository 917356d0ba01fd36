//! A connection to the control port.
//!
//! A thread reads. It answers the server's pings by itself, so that a command may wait as long as
//! it likes, for standard input too, and hands everything else over in order. Frames are written
//! whole, one at a time, whoever writes them.

use super::arguments::{Access, Connecting};
use crate::cli::Failure;
use crate::protocol::control_frame::{ControlReader, LONGEST_PAYLOAD, encode};
use socket2::Socket;
use std::fmt::Display;
use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Frames that are read ahead. Whoever prints events too slowly for that makes the server wait,
/// which does not.
const AHEAD: usize = 64;

const BUFFER: usize = 64 * 1024;

/// A frame from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// What it is.
    pub letter: u8,
    /// What it says.
    pub payload: Vec<u8>,
}

impl Answer {
    /// The payload as text, whatever it is.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }
}

/// An open connection that the server has let in.
#[derive(Debug)]
pub(super) struct Link {
    writer: Arc<Writer>,
    answers: Receiver<Result<Answer, Failure>>,
    patience: Duration,
}

/// The half that writes.
#[derive(Debug)]
struct Writer {
    socket: Socket,
    turn: Mutex<()>,
}

impl Writer {
    fn write(&self, frames: &[u8]) -> io::Result<()> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        (&self.socket).write_all(frames)
    }
}

impl Link {
    /// Connects, and proves who it is where the server wants that.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn open(connecting: &Connecting) -> Result<Self, Failure> {
        let access = connecting.access()?;
        let patience = connecting.timeout();
        let failed = |error: &dyn Display| {
            Failure::Runtime(format!("cannot connect to {}: {error}", access.place))
        };
        let socket = access
            .place
            .connect(patience)
            .and_then(|socket| {
                socket.set_write_timeout(Some(patience))?;
                Ok(socket)
            })
            .map_err(|error| failed(&error))?;
        let reading = socket.try_clone().map_err(|error| failed(&error))?;
        let writer = Arc::new(Writer {
            socket,
            turn: Mutex::new(()),
        });
        let (sender, answers) = sync_channel(AHEAD);
        let pongs = Arc::clone(&writer);
        // The thread ends with the connection, or with the process.
        thread::spawn(move || read_answers(&reading, &pongs, &sender));
        let link = Self {
            writer,
            answers,
            patience,
        };
        link.prove(&access)?;
        Ok(link)
    }

    fn prove(&self, access: &Access) -> Result<(), Failure> {
        let Some(secret) = &access.secret else {
            return Ok(());
        };
        self.write(&encode(b'h', secret.as_bytes()))?;
        match self.receive(self.patience)? {
            Some(Answer { letter: b'a', .. }) => Ok(()),
            Some(Answer { letter: b'E', .. }) => Err(Failure::Runtime(format!(
                "{} refuses the secret",
                access.place
            ))),
            Some(answer) => Err(unexpected(&answer)),
            None => Err(self.silent()),
        }
    }

    /// Sends one frame.
    ///
    /// # Errors
    /// If the payload is too long for a frame or the connection is broken.
    pub(super) fn send(&self, letter: u8, payload: &[u8]) -> Result<(), Failure> {
        if payload.len() > LONGEST_PAYLOAD {
            return Err(Failure::Runtime(format!(
                "a frame of {} bytes is longer than {LONGEST_PAYLOAD} bytes; `stream` sends \
                 longer messages",
                payload.len()
            )));
        }
        self.write(&encode(letter, payload))
    }

    fn write(&self, frames: &[u8]) -> Result<(), Failure> {
        self.writer.write(frames).map_err(|error| {
            // What the server said before it closed tells more than the failed write.
            let closing = Duration::from_millis(200);
            while let Ok(answer) = self.answers.recv_timeout(closing) {
                match answer {
                    Ok(Answer { letter: b'E', .. }) => return refused_frame(),
                    Ok(_) => {}
                    Err(failure) => return failure,
                }
            }
            Failure::Runtime(format!("cannot send to the server: {error}"))
        })
    }

    /// Waits for the next frame, errors and pongs too; nothing if there is none within
    /// `patience`.
    ///
    /// # Errors
    /// If the connection ends.
    pub(super) fn receive(&self, patience: Duration) -> Result<Option<Answer>, Failure> {
        match self.answers.recv_timeout(patience) {
            Ok(answer) => answer.map(Some),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(closed()),
        }
    }

    /// Waits for an answer.
    ///
    /// # Errors
    /// If it is `0E`, if there is none in time, or if the connection ends.
    pub(super) fn answer(&self) -> Result<Answer, Failure> {
        match self.receive(self.patience)? {
            Some(Answer { letter: b'E', .. }) => Err(refused_frame()),
            Some(answer) => Ok(answer),
            None => Err(self.silent()),
        }
    }

    /// Sends one frame and waits for its answer.
    ///
    /// # Errors
    /// As [`Link::send`] and [`Link::answer`].
    pub(super) fn request(&self, letter: u8, payload: &[u8]) -> Result<Answer, Failure> {
        self.send(letter, payload)?;
        self.answer()
    }

    /// Waits until the server has dealt with everything that was sent.
    ///
    /// # Errors
    /// As [`Link::request`]; so what has no answer of its own is known to be taken.
    pub(super) fn synchronise(&self) -> Result<(), Failure> {
        match self.request(b'p', b"")? {
            Answer { letter: b'P', .. } => Ok(()),
            answer => Err(unexpected(&answer)),
        }
    }

    /// How long to wait for an answer.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// What is said when there is no answer in time.
    pub(super) fn silent(&self) -> Failure {
        Failure::Runtime(format!(
            "no answer within {}",
            humantime::format_duration(self.patience)
        ))
    }
}

/// Takes leave, so that the end of the connection is no loss to the server's log.
impl Drop for Link {
    fn drop(&mut self) {
        let _ = self.writer.write(&encode(b'q', b""));
    }
}

/// What is said of an answer that does not belong to the question.
pub(super) fn unexpected(answer: &Answer) -> Failure {
    Failure::Runtime(format!(
        "the server gave an answer of another kind: {}{}",
        answer.payload.len(),
        char::from(answer.letter)
    ))
}

fn refused_frame() -> Failure {
    Failure::Runtime(
        "the server calls this an error (0E): text that is not UTF-8, a token that has not 32 \
         bytes, a frame longer than control.frame, or a letter that it does not know"
            .to_owned(),
    )
}

fn closed() -> Failure {
    Failure::Runtime("the server closed the connection".to_owned())
}

fn read_answers(socket: &Socket, pongs: &Writer, answers: &SyncSender<Result<Answer, Failure>>) {
    let failure = match hand_over(socket, pongs, answers) {
        Ok(()) => return,
        Err(failure) => failure,
    };
    let _ = answers.send(Err(failure));
}

/// Reads until nobody takes the answers any more.
fn hand_over(
    mut socket: &Socket,
    pongs: &Writer,
    answers: &SyncSender<Result<Answer, Failure>>,
) -> Result<(), Failure> {
    let mut reader = ControlReader::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        let taken = match socket.read(&mut buffer) {
            Ok(0) => return Err(closed()),
            Ok(taken) => taken,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Err(closed()),
            Err(error) => {
                return Err(Failure::Runtime(format!(
                    "cannot receive from the server: {error}"
                )));
            }
        };
        let mut input = buffer.get(..taken).unwrap_or_default();
        while let Some(frame) = reader
            .receive(&mut input, LONGEST_PAYLOAD)
            .map_err(|fault| Failure::Runtime(format!("the server breaks the protocol: {fault}")))?
        {
            if frame.letter == b'p' {
                // A broken connection shows itself in the next read.
                let _ = pongs.write(&encode(b'P', b""));
                continue;
            }
            let answer = Answer {
                letter: frame.letter,
                payload: frame.payload.to_vec(),
            };
            if answers.send(Ok(answer)).is_err() {
                return Ok(());
            }
        }
    }
}
