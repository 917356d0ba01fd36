//! A real nginx in front of a server.

use super::child::exit_within;
use super::process::signal;
use super::wait::wait_until;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

const TIME_LIMIT: Duration = Duration::from_secs(10);

/// A running nginx: one process in the foreground, with all of its files in a directory of its
/// own, killed when this value is dropped.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    address: SocketAddr,
    program: PathBuf,
    directory: TempDir,
}

impl Nginx {
    /// Starts `program` on a free port of loopback. `http` is what stands beside the server in its
    /// configuration, `server` what stands in it.
    #[track_caller]
    pub fn start(program: &Path, http: &str, server: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("there is a free port");
        let path = directory.path();
        let configuration = configuration(path, address, http, server);
        fs::write(path.join("nginx.conf"), configuration).expect("the directory is new");
        let child = launch(program, path, address);
        Self {
            child,
            address,
            program: program.to_owned(),
            directory,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it and starts it again at the same address; all connections through it are lost.
    #[track_caller]
    pub fn restart(&mut self) {
        self.stop();
        self.child = launch(&self.program, self.directory.path(), self.address);
    }

    /// What it has written to its error log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("error.log")).unwrap_or_default()
    }

    fn stop(&mut self) {
        signal(self.child.id(), "TERM");
        if exit_within(TIME_LIMIT, &mut self.child).is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.stop();
        if thread::panicking() {
            eprintln!("--- nginx's log\n{}", self.log());
        }
    }
}

#[track_caller]
fn launch(program: &Path, directory: &Path, address: SocketAddr) -> Child {
    let mut child = Command::new(program)
        .arg("-p")
        .arg(directory)
        .arg("-c")
        .arg(directory.join("nginx.conf"))
        .arg("-e")
        .arg(directory.join("error.log"))
        .stdin(Stdio::null())
        .spawn()
        .expect("nginx can be started");
    wait_until("nginx listens", TIME_LIMIT, || {
        let ended = child.try_wait().expect("it is a child");
        assert!(ended.is_none(), "nginx has ended: {ended:?}");
        TcpStream::connect(address).is_ok()
    });
    child
}

fn configuration(directory: &Path, address: SocketAddr, http: &str, server: &str) -> String {
    let directory = directory.display();
    format!(
        "daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{}}
http {{
access_log off;
client_body_temp_path {directory}/body;
proxy_temp_path {directory}/proxy;
fastcgi_temp_path {directory}/fastcgi;
uwsgi_temp_path {directory}/uwsgi;
scgi_temp_path {directory}/scgi;
{http}
server {{
listen {address};
{server}
}}
}}
"
    )
}
