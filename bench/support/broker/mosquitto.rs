//! mosquitto with persistence, for the same work as far as it has it: messages with QoS 1 for a
//! session that is not connected. Its own client sends them.

use super::kept::{BYTES, Kept};
use crate::support::Outcome;
use crate::support::server::Server;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

/// Where packages put it, which is not in everybody's PATH.
const USUAL_PLACE: &str = "/usr/sbin/mosquitto";

/// When it writes its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saving {
    /// At its end only, or after half an hour.
    AtEnd,
    /// Whenever something has changed: all of it, each time.
    EachChange,
}

/// A broker, and a session that waits for messages and is not there.
pub(crate) struct Mosquitto {
    _server: Server,
    address: SocketAddr,
    directory: TempDir,
}

impl Mosquitto {
    /// Whether it and its client are installed.
    pub(crate) fn is_there() -> bool {
        let found = |name: &str| Command::new(name).arg("--help").output().is_ok();
        (Path::new(USUAL_PLACE).exists() || found("mosquitto")) && found("mosquitto_pub")
    }

    /// Starts it.
    ///
    /// # Errors
    /// If it does not start, or takes no session.
    pub(crate) fn start(saving: Saving) -> Outcome<Self> {
        let directory = tempfile::tempdir()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let file = directory.path().join("mosquitto.conf");
        fs::write(&file, configuration(directory.path(), address, saving))?;
        let usual = Path::new(USUAL_PLACE);
        let mut command = Command::new(if usual.exists() {
            usual
        } else {
            Path::new("mosquitto")
        });
        command.arg("-c").arg(&file);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mosquitto = Self {
            _server: Server::start_at(command, address)?,
            address,
            directory,
        };
        let subscribed = mosquitto
            .client("mosquitto_sub")
            .args(["-c", "-i", "bench", "-q", "1", "-t", "bench", "-E"])
            .status()?;
        if !subscribed.success() {
            return Err("mosquitto takes no session".into());
        }
        Ok(mosquitto)
    }

    /// Has messages sent by so many clients, each with `window` on their way.
    ///
    /// # Errors
    /// If a client fails, or a message does not come in the end.
    pub(crate) fn measure(
        &self,
        connections: usize,
        window: usize,
        messages: usize,
    ) -> Outcome<Kept> {
        let lines = self.directory.path().join("lines");
        let each = messages.div_ceil(connections);
        let line = format!("{}\n", "x".repeat(BYTES));
        fs::write(&lines, line.repeat(each))?;
        let start = Instant::now();
        let clients: Vec<Child> = (0..connections)
            .map(|_| {
                let mut client = self.client("mosquitto_pub");
                client.args(["-l", "-q", "1", "-t", "bench"]);
                client.arg("-M").arg(window.to_string());
                client.stdin(File::open(&lines)?);
                Ok(client.spawn()?)
            })
            .collect::<Outcome<_>>()?;
        for mut client in clients {
            if !client.wait()?.success() {
                return Err("mosquitto_pub has failed".into());
            }
        }
        let kept = Kept {
            messages: each * connections,
            transactions: 0,
            time: start.elapsed(),
        };
        self.check(kept.messages)?;
        Ok(kept)
    }

    /// The session comes back, and gets them all.
    fn check(&self, messages: usize) -> Outcome<()> {
        let output = self
            .client("mosquitto_sub")
            .args(["-c", "-i", "bench", "-q", "1", "-t", "bench", "-W", "20"])
            .arg("-C")
            .arg(messages.to_string())
            .stdout(Stdio::piped())
            .output()?;
        let found = output.stdout.iter().filter(|byte| **byte == b'\n').count();
        if found == messages {
            return Ok(());
        }
        Err(format!("mosquitto had {found} of {messages} messages").into())
    }

    fn client(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.args(["-h", "127.0.0.1", "-p", &self.address.port().to_string()]);
        command
    }
}

fn configuration(directory: &Path, address: SocketAddr, saving: Saving) -> String {
    let directory = directory.display();
    let autosave = match saving {
        Saving::AtEnd => "autosave_interval 1800",
        Saving::EachChange => "autosave_on_changes true\nautosave_interval 1",
    };
    format!(
        "listener {port} {ip}
allow_anonymous true
persistence true
persistence_location {directory}/
{autosave}
max_queued_messages 0
max_inflight_messages 0
log_dest none
",
        port = address.port(),
        ip = address.ip(),
    )
}
