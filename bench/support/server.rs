//! The programs that are measured, each started as a child process on a free loopback port.

use super::Outcome;
use super::affinity::{DRIVER_CORE, SERVER_CORE, pin_to};
use super::options::Common;
use super::process;
use super::rounds::Contestant;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take until it says where it listens.
const START: Duration = Duration::from_secs(10);

/// Later than any measurement ends: the drivers don't answer pings.
const NO_PINGS: &str = "1h";

/// Something that can be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Program {
    /// The floor, with one write for each message and socket.
    Floor,
    /// The floor, with one `writev` for each batch of messages and socket.
    CoalescingFloor,
    /// The relay.
    Relay(PathBuf),
}

impl Program {
    /// The program to be compared with the floors: as the command line or the environment says,
    /// else the relay as cargo has just built it, with the settings of a release.
    pub(crate) fn subject(options: &Common) -> Self {
        let named = options.server.clone();
        match named.or_else(|| std::env::var_os("FANTAIL_BIN").map(PathBuf::from)) {
            Some(path) if path == Path::new("floor") => Self::Floor,
            Some(path) => Self::Relay(path),
            None => Self::Relay(env!("CARGO_BIN_EXE_fantail").into()),
        }
    }

    /// What tables and messages call it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Floor => "floor".into(),
            Self::CoalescingFloor => "coalescing floor".into(),
            Self::Relay(path) => path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into(),
        }
    }

    /// Starts it on the core of servers and waits until it listens.
    ///
    /// # Errors
    /// If it cannot be started, ends at once, or doesn't say in time where it listens.
    pub(crate) fn start(&self) -> Outcome<Server> {
        self.start_with(&[])
    }

    /// The same with more in the environment, which the floor does not look at.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(crate) fn start_with(&self, environment: &[(&str, &str)]) -> Outcome<Server> {
        let mut command = self.command()?;
        command.envs(environment.iter().copied());
        command.stdout(Stdio::piped());
        Server::wait_until_it_listens(spawn(command)?)
    }

    fn command(&self) -> Outcome<Command> {
        let path = match self {
            Self::Floor | Self::CoalescingFloor => std::env::current_exe()?,
            Self::Relay(path) => path.clone(),
        };
        let mut command = Command::new(path);
        command.env_clear();
        match self {
            Self::Floor => command.arg("floor"),
            Self::CoalescingFloor => command.args(["floor", "--coalesce"]),
            Self::Relay(_) => command
                .env("FANTAIL_LISTEN", "tcp://127.0.0.1:0=topics+drc")
                .env("FANTAIL_CONTROL_LISTEN", "")
                .env("FANTAIL_LOG_LEVEL", "warn")
                .env("FANTAIL_TOPICS_PING_AFTER", NO_PINGS)
                .env("FANTAIL_DRC_PING_AFTER", NO_PINGS),
        };
        Ok(command)
    }
}

impl Contestant for Program {
    fn label(&self) -> String {
        self.name()
    }
}

/// A running server. It is killed when this is dropped, also while a panic unwinds.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    /// Kept open, since a server may fail when it writes to a closed pipe.
    _stdout: Option<BufReader<ChildStdout>>,
}

impl Server {
    /// Starts a program that has been told where to listen, on the core of servers, and waits
    /// until it does.
    ///
    /// # Errors
    /// If it cannot be started, ends at once, or doesn't listen in time.
    pub(crate) fn start_at(command: Command, address: SocketAddr) -> Outcome<Self> {
        let mut server = Self {
            child: spawn(command)?,
            address,
            _stdout: None,
        };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("it has ended with {status}").into());
            }
            if start.elapsed() > START {
                return Err(format!("it does not listen at {address} after {START:?}").into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(server)
    }

    fn wait_until_it_listens(mut child: Child) -> Outcome<Self> {
        let first = child.stdout.take().map(first_line);
        match first.unwrap_or_else(|| Err("it has no standard output".into())) {
            Ok((address, stdout)) => Ok(Self {
                child,
                address,
                _stdout: Some(stdout),
            }),
            Err(error) => {
                end(&mut child);
                Err(error)
            }
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Processor time that it has used so far.
    ///
    /// # Errors
    /// If it has ended.
    pub(crate) fn processor_time(&self) -> Outcome<Duration> {
        // The scheduler counts a thread's time when it stops running it.
        thread::sleep(Duration::from_millis(2));
        process::processor_time(self.child.id()).map_err(|error| ended(&*error))
    }

    /// Descriptors that it has open.
    ///
    /// # Errors
    /// If it has ended.
    pub(crate) fn open_descriptors(&self) -> Outcome<usize> {
        process::open_descriptors(self.child.id()).map_err(|error| ended(&*error))
    }

    /// Its resident memory in bytes.
    ///
    /// # Errors
    /// If it has ended.
    pub(crate) fn resident_bytes(&self) -> Outcome<u64> {
        process::resident_bytes(self.child.id()).map_err(|error| ended(&*error))
    }
}

fn spawn(mut command: Command) -> Outcome<Child> {
    command.stdin(Stdio::null());
    // Where there is one core only, the driver has said so at its start.
    let _ = pin_to(SERVER_CORE);
    let child = command.spawn();
    let _ = pin_to(DRIVER_CORE);
    child.map_err(|error| format!("cannot start {command:?}: {error}").into())
}

fn ended(error: &dyn std::error::Error) -> Box<dyn std::error::Error> {
    format!("cannot measure the server, has it ended? ({error})").into()
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // An error means that it has ended already.
    let _ = child.kill();
    let _ = child.wait();
}

/// Reads the line that says where the server listens, on a thread, since a pipe has no timeout.
fn first_line(stdout: ChildStdout) -> Outcome<(SocketAddr, BufReader<ChildStdout>)> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        let result = stdout.read_line(&mut line).map(|_| (line, stdout));
        // An error means that nobody waits any longer.
        let _ = sender.send(result);
    });
    let (line, stdout) = receiver
        .recv_timeout(START)
        .map_err(|_| format!("it has said nothing for {START:?}"))??;
    let address = line
        .split_once("ws://")
        .and_then(|(_, rest)| rest.split([' ', '/', '\n']).next())
        .and_then(|address| address.parse().ok())
        .ok_or_else(|| format!("its first line has no ws://ADDRESS: {line:?}"))?;
    Ok((address, stdout))
}
