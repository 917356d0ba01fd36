//! nginx that answers every request with the same few bytes: what an HTTP server that has been made
//! fast for twenty years takes for a request that it does nothing with.

use super::Outcome;
use super::server::Server;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Where packages put it, which is not in everybody's PATH.
const USUAL_PLACE: &str = "/usr/sbin/nginx";

/// Starts it, as one process, on a free port of loopback. Its files are in the directory.
///
/// # Errors
/// If it isn't there or doesn't start.
pub(crate) fn start() -> Outcome<(Server, TempDir)> {
    let directory = tempfile::tempdir()?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let file = directory.path().join("nginx.conf");
    fs::write(&file, configuration(directory.path(), address))?;
    let usual = Path::new(USUAL_PLACE);
    let mut command = Command::new(if usual.exists() {
        usual
    } else {
        Path::new("nginx")
    });
    command.arg("-p").arg(directory.path()).arg("-c").arg(&file);
    command.arg("-e").arg(directory.path().join("error.log"));
    Ok((Server::start_at(command, address)?, directory))
}

fn configuration(directory: &Path, address: SocketAddr) -> String {
    let directory = directory.display();
    format!(
        "daemon off;
master_process off;
pid {directory}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
access_log off;
keepalive_requests 1000000000;
keepalive_timeout 1h;
client_body_temp_path {directory}/body;
proxy_temp_path {directory}/proxy;
fastcgi_temp_path {directory}/fastcgi;
uwsgi_temp_path {directory}/uwsgi;
scgi_temp_path {directory}/scgi;
server {{
listen {address};
default_type application/json;
return 200 '{{\"success\":true}}';
}}
}}
"
    )
}
