//! A real MariaDB.

use super::child::{exit_within, run_with_input, run_within};
use super::process::signal;
use super::programs::require;
use super::wait::wait_until;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

const INSTALL_LIMIT: Duration = Duration::from_secs(60);
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);
const QUERY_LIMIT: Duration = Duration::from_secs(30);

/// The user that servers log in as, and the database that is theirs.
pub const MARIADB_USER: &str = "fantail";

/// The password of that user.
pub const MARIADB_PASSWORD: &str = "canary-se;cret'\"42";

/// A running MariaDB on loopback and a Unix socket, with all of its files in a directory of its
/// own, killed when this value is dropped.
#[derive(Debug)]
pub struct Mariadb {
    child: Child,
    program: PathBuf,
    client: PathBuf,
    address: SocketAddr,
    more: Vec<String>,
    directory: TempDir,
}

impl Mariadb {
    /// Makes a database and starts the server; `None` where MariaDB is not to be had.
    #[track_caller]
    pub fn start(more: &[&str]) -> Option<Self> {
        let program = require("mariadbd")?;
        let client = require("mariadb")?;
        let install = require("mariadb-install-db")?;
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let mut command = Command::new(install);
        keep_apart(&mut command, directory.path());
        command.arg("--no-defaults");
        command.args(own(directory.path()));
        command.args([
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
            "--innodb-log-file-size=8M",
        ]);
        run_within(INSTALL_LIMIT, &mut command).expect_success();
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("there is a free port");
        let more: Vec<_> = more.iter().map(|option| (*option).to_owned()).collect();
        let child = launch(&program, directory.path(), address, &more);
        let mut mariadb = Self {
            child,
            program,
            client,
            address,
            more,
            directory,
        };
        mariadb.wait();
        let password = MARIADB_PASSWORD.replace('\'', "''");
        mariadb.sql(&format!(
            "CREATE DATABASE {MARIADB_USER};
             CREATE USER '{MARIADB_USER}'@'%' IDENTIFIED BY '{password}';
             CREATE USER '{MARIADB_USER}'@'localhost' IDENTIFIED BY '{password}';
             GRANT ALL ON {MARIADB_USER}.* TO '{MARIADB_USER}'@'%';
             GRANT ALL ON {MARIADB_USER}.* TO '{MARIADB_USER}'@'localhost';"
        ));
        Some(mariadb)
    }

    /// Where it listens on loopback.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// What statements print that root executes in the database: columns with tabs between them.
    #[track_caller]
    pub fn sql(&self, statements: &str) -> String {
        let outcome = run_with_input(QUERY_LIMIT, &mut self.client(), statements.as_bytes());
        outcome.expect_success();
        outcome.stdout.trim_end().to_owned()
    }

    /// Starts statements that take a while; another connection has them executed.
    pub fn sql_in_background(&self, statements: &str) -> Child {
        self.client()
            .args(["-e", statements])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the client can be started")
    }

    fn client(&self) -> Command {
        let mut command = Command::new(&self.client);
        command
            .args(["--no-defaults", "--default-character-set=utf8mb4", "-uroot"])
            .args(["--batch", "--skip-column-names", "-S"])
            .arg(self.socket());
        if self
            .directory
            .path()
            .join("data")
            .join(MARIADB_USER)
            .exists()
        {
            command.arg(MARIADB_USER);
        }
        command
    }

    /// Ends it as a loss of power of this program alone would.
    #[track_caller]
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends when killed");
    }

    /// Ends it as a system does.
    pub fn stop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        signal(self.child.id(), "TERM");
        if exit_within(STOP_LIMIT, &mut self.child).is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// Starts it again at the same place.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.child = launch(
            &self.program,
            self.directory.path(),
            self.address,
            &self.more,
        );
        self.wait();
    }

    #[track_caller]
    fn wait(&mut self) {
        let mut ping = self.client();
        ping.args(["-e", "SELECT 1"]);
        wait_until("MariaDB answers", START_LIMIT, || {
            let ended = self.child.try_wait().expect("it is a child");
            assert!(
                ended.is_none(),
                "MariaDB has ended: {ended:?}\n{}",
                self.log()
            );
            self.socket().exists() && run_within(QUERY_LIMIT, &mut ping).status.success()
        });
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- MariaDB's log\n{}", self.log());
        }
    }
}

/// What both the installation and the server are told of the directory, and of root, as whom they
/// run only if asked to.
fn own(directory: &Path) -> Vec<String> {
    let owner = fs::metadata(directory).expect("it is there").uid();
    let mut options = vec![format!("--datadir={}/data", directory.display())];
    if owner == 0 {
        options.push("--user=root".to_owned());
    }
    options
}

/// A directory for temporary files of its own: a server that starts tidies it up.
fn keep_apart(command: &mut Command, directory: &Path) {
    let temporary = directory.join("temporary");
    fs::create_dir_all(&temporary).expect("the directory is there");
    command.env("TMPDIR", temporary);
}

fn launch(program: &Path, directory: &Path, address: SocketAddr, more: &[String]) -> Child {
    let path = directory.display();
    // What a killed one has left is not the one that is waited for.
    let _ = fs::remove_file(directory.join("socket"));
    let mut command = Command::new(program);
    keep_apart(&mut command, directory);
    command
        .arg("--no-defaults")
        .args(own(directory))
        .args([
            &format!("--socket={path}/socket"),
            &format!("--pid-file={path}/pid"),
            &format!("--log-error={path}/log"),
            &format!("--bind-address={}", address.ip()),
            &format!("--port={}", address.port()),
        ])
        .args([
            "--skip-name-resolve",
            "--innodb-buffer-pool-size=16M",
            "--innodb-log-file-size=8M",
        ])
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("MariaDB can be started")
}
