//! Listening sockets, and the descriptor that is held to be given up.

use std::fmt;
use std::fs::{DirBuilder, File};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mio::event::Source as _;
use mio::net::{TcpListener, UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, SockAddr, SockRef, Type};

use crate::config::Address;
use crate::limits::Limits;
use crate::reactor::binding::{Access, Binding};
use crate::reactor::service_manager::ServiceManager;
use crate::reactor::socket::Socket;
use crate::relay::address::PeerAddress;
use crate::relay::moment::Moment;
use crate::relay::peer::ListenerId;

/// Clients that the kernel keeps waiting for `accept`; it caps this by its own limit.
const BACKLOG: i32 = 4096;

/// How soon to try again when `accept` failed for want of something.
const RETRY: Duration = Duration::from_millis(50);

/// Why the server could not start.
#[derive(Debug)]
pub struct StartupError {
    subject: String,
    error: io::Error,
}

impl StartupError {
    /// `subject` could not be set up.
    pub(super) fn new(subject: impl fmt::Display, error: io::Error) -> Self {
        Self {
            subject: subject.to_string(),
            error,
        }
    }
}

impl fmt::Display for StartupError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.subject, self.error)?;
        match self.error.kind() {
            io::ErrorKind::AddrInUse => formatter.write_str(" (is another server running there?)"),
            io::ErrorKind::PermissionDenied => {
                formatter.write_str(" (ports below 1024 need a privilege or socket activation)")
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for StartupError {}

#[derive(Debug)]
enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A listening socket.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) id: ListenerId,
    listening: Listening,
    address: String,
    /// The file to remove when the listener is closed.
    path: Option<PathBuf>,
    access: Access,
    /// Set while clients may be waiting that could not be accepted: when to try again.
    retry_at: Option<Moment>,
}

impl Listener {
    /// Opens a listening socket, or takes over the one that systemd passed.
    pub(super) fn bind(
        id: ListenerId,
        binding: &Binding,
        limits: &Limits,
        service_manager: &mut ServiceManager,
    ) -> Result<Self, StartupError> {
        let Binding {
            address,
            mode,
            access,
            ..
        } = binding;
        let result = match address {
            Address::Tcp(address) => bind_tcp(*address).map(Listening::Tcp),
            Address::Unix(path) => {
                if *access == Access::Operators {
                    make_private_directory(path)
                        .map_err(|error| StartupError::new(address, error))?;
                }
                bind_unix(path, *mode).map(Listening::Unix)
            }
            Address::Systemd(name) => take_over(name, service_manager),
        };
        let listening = result.map_err(|error| StartupError::new(address, error))?;
        let path = match address {
            Address::Unix(path) => Some(path.clone()),
            Address::Tcp(_) | Address::Systemd(_) => None,
        };
        if let Listening::Tcp(listener) = &listening {
            set_inherited_options(listener, limits)
                .map_err(|error| StartupError::new(address, error))?;
        }
        let address = describe(&listening, address);
        Ok(Self {
            id,
            listening,
            address,
            path,
            access: *access,
            retry_at: None,
        })
    }

    /// Asks to be told of clients that connect.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.listening {
            Listening::Tcp(listener) => listener.register(registry, token, Interest::READABLE),
            Listening::Unix(listener) => listener.register(registry, token, Interest::READABLE),
        }
    }

    /// True if programs of other users are refused here: those that are let in need no secret.
    pub(super) fn checks_users(&self) -> bool {
        self.access == Access::Operators && matches!(self.listening, Listening::Unix(_))
    }

    /// Accepts a client.
    pub(super) fn accept(&self) -> io::Result<(Socket, PeerAddress)> {
        match &self.listening {
            Listening::Tcp(listener) => listener
                .accept()
                .map(|(stream, address)| (Socket::Tcp(stream), PeerAddress::tcp(address))),
            Listening::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                if self.access == Access::Operators && !may_control(peer_user(&stream)?) {
                    log::warn!("{}: a program of another user was refused", self.address);
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                Ok((Socket::Unix(stream), PeerAddress::Unix))
            }
        }
    }

    /// The address, with the real port.
    pub(super) fn address(&self) -> String {
        self.address.clone()
    }

    /// Clients may be waiting: they will be tried again soon, and when a connection ends.
    pub(super) fn starve(&mut self, now: Moment) {
        self.retry_at = Some(now + RETRY);
    }

    /// No clients are waiting.
    pub(super) fn satisfy(&mut self) {
        self.retry_at = None;
    }

    /// When to try again, if clients may be waiting.
    pub(super) fn retry_at(&self) -> Option<Moment> {
        self.retry_at
    }

    /// Stops listening.
    pub(super) fn close(&mut self, registry: &Registry) {
        // Both fail only for what is gone already.
        let _ = match &mut self.listening {
            Listening::Tcp(listener) => listener.deregister(registry),
            Listening::Unix(listener) => listener.deregister(registry),
        };
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_cloexec(true)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// Options that Linux hands down from a listening socket to those that it accepts: set once,
/// they cost nothing per connection.
fn set_inherited_options(listener: &TcpListener, limits: &Limits) -> io::Result<()> {
    let socket = SockRef::from(listener);
    socket.set_tcp_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(limits.tcp_user_timeout))?;
    Ok(())
}

/// Makes the directory of a control socket, for nobody but the server's user, if it is not there.
fn make_private_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) if !directory.exists() => DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory),
        _ => Ok(()),
    }
}

/// The user of the program at the other end of a Unix socket.
#[allow(unsafe_code, reason = "std cannot tell yet")]
fn peer_user(stream: &UnixStream) -> io::Result<libc::uid_t> {
    let mut credentials = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the pointers are to values that live, and `length` is the size of the first.
    let result = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut credentials).cast(),
            &raw mut length,
        )
    };
    if result == 0 {
        Ok(credentials.uid)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Whether a program of this user may control the server.
#[allow(unsafe_code, reason = "std has no geteuid")]
fn may_control(user: libc::uid_t) -> bool {
    // SAFETY: geteuid takes nothing and cannot fail.
    user == 0 || user == unsafe { libc::geteuid() }
}

/// Binds a Unix socket that has its permissions from the first moment on.
fn bind_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    remove_stale(path)?;
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_cloexec(true)?;
    let bound = {
        let _umask = Umask::set(0o777 & !mode);
        socket.bind(&SockAddr::unix(path)?)
    };
    bound?;
    socket.listen(BACKLOG)?;
    Ok(UnixListener::from_std(socket.into()))
}

/// Removes the socket of a server that is gone. One that answers is left alone, and so is what
/// is no socket.
fn remove_stale(path: &Path) -> io::Result<()> {
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !metadata.file_type().is_socket() {
        let message = "the path exists and is no socket";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        Err(error) => Err(error),
    }
}

/// The process's file mode mask, set back when this is dropped.
struct Umask(libc::mode_t);

impl Umask {
    #[allow(unsafe_code, reason = "std has no umask")]
    fn set(mask: u32) -> Self {
        // SAFETY: umask takes any value, changes only the process's mask and cannot fail. The
        // mask is the process's, and listeners are bound before there is a second thread.
        Self(unsafe { libc::umask(mask as libc::mode_t) })
    }
}

impl Drop for Umask {
    #[allow(unsafe_code, reason = "std has no umask")]
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe {
            libc::umask(self.0);
        }
    }
}

/// Takes over the socket that systemd passed under `name`.
fn take_over(name: &str, service_manager: &mut ServiceManager) -> io::Result<Listening> {
    let descriptors = service_manager.take_sockets(name);
    let &[descriptor] = descriptors.as_slice() else {
        let passed = service_manager.names().join(", ");
        let message = match descriptors.len() {
            0 => format!("systemd passed no socket of this name (it passed: {passed})"),
            count => format!("systemd passed {count} sockets of this name; give each its own"),
        };
        return Err(io::Error::other(message));
    };
    let socket = socket2::Socket::from(own(descriptor));
    if socket.r#type()? != Type::STREAM || !socket.is_listener()? {
        return Err(io::Error::other("not a listening stream socket"));
    }
    socket.set_nonblocking(true)?;
    match socket.domain()? {
        Domain::UNIX => Ok(Listening::Unix(UnixListener::from_std(socket.into()))),
        _ => Ok(Listening::Tcp(TcpListener::from_std(socket.into()))),
    }
}

#[allow(
    unsafe_code,
    reason = "a descriptor from the environment has to be claimed"
)]
fn own(descriptor: RawFd) -> OwnedFd {
    // SAFETY: systemd passed the descriptor to this process for it to own, and the service
    // manager hands out each one once.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

fn describe(listening: &Listening, configured: &Address) -> String {
    match (listening, configured) {
        (Listening::Tcp(listener), _) => match listener.local_addr() {
            Ok(address) => format!("ws://{address}"),
            Err(_) => configured.to_string(),
        },
        (Listening::Unix(_), Address::Unix(path)) => format!("unix://{}", path.display()),
        (Listening::Unix(listener), _) => {
            match listener
                .local_addr()
                .ok()
                .and_then(|a| a.as_pathname().map(Path::to_owned))
            {
                Some(path) => format!("unix://{}", path.display()),
                None => configured.to_string(),
            }
        }
    }
}

/// A descriptor that is held only to be given up when there is no other: with it a client can
/// be accepted, told that the server is full, and closed.
#[derive(Debug)]
pub(super) struct SpareDescriptor(Option<File>);

impl SpareDescriptor {
    /// Sets a descriptor aside.
    pub(super) fn open() -> Self {
        let mut spare = Self(None);
        spare.restore();
        spare
    }

    /// Gives it up. False if there is none.
    pub(super) fn give_up(&mut self) -> bool {
        self.0.take().is_some()
    }

    /// Sets one aside again, if there is one to be had.
    pub(super) fn restore(&mut self) {
        if self.0.is_none() && !cfg!(feature = "sabotage-no-spare-descriptor") {
            self.0 = File::open("/dev/null").ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(address: Address) -> Binding {
        Binding {
            address,
            mode: 0o660,
            access: Access::Clients,
            optional: false,
        }
    }

    fn bind(address: Address) -> Result<Listener, StartupError> {
        let mut service_manager = ServiceManager::new();
        let limits = Limits::default();
        Listener::bind(
            ListenerId::new(0),
            &binding(address),
            &limits,
            &mut service_manager,
        )
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn accepted_sockets_inherit_the_options_of_their_listener() {
        let listener = bind(Address::Tcp(([127, 0, 0, 1], 0).into())).unwrap();
        let address = listener.address().replace("ws://", "");
        let _client = std::net::TcpStream::connect(address).unwrap();
        let (Socket::Tcp(socket), _) = listener.accept().unwrap() else {
            panic!("not a TCP socket");
        };
        let socket = SockRef::from(&socket);
        assert!(socket.tcp_nodelay().unwrap());
        let timeout = socket.tcp_user_timeout().unwrap();
        assert_eq!(timeout, Some(Limits::default().tcp_user_timeout));
    }

    #[test]
    fn a_unix_socket_replaces_only_one_that_is_dead() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let address = Address::Unix(path.clone());
        let first = bind(address.clone()).unwrap();
        assert!(
            bind(address.clone())
                .unwrap_err()
                .to_string()
                .contains("another server")
        );
        drop(first);
        assert!(path.exists());
        drop(bind(address.clone()).unwrap());
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "precious").unwrap();
        assert!(bind(address).unwrap_err().to_string().contains("no socket"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }
}
