//! Raises the limit of open descriptors, for this process and for the servers it starts.

use super::Outcome;
use std::io;

/// Descriptors that a process needs besides one for each connection.
pub(crate) const BESIDES: usize = 100;

/// Makes room for `connections` and says for how many there is room now: fewer, where this
/// process may not raise the limit so far.
///
/// # Errors
/// If the limit cannot be read or set at all.
pub(crate) fn make_room_for(connections: usize) -> Outcome<usize> {
    let wanted = (connections + BESIDES) as libc::rlim_t;
    let mut limit = read()?;
    if limit.rlim_max < wanted {
        let raised = libc::rlimit {
            rlim_cur: wanted,
            rlim_max: wanted,
        };
        if write(&raised).is_ok() {
            return Ok(connections);
        }
    }
    limit.rlim_cur = limit.rlim_cur.max(wanted.min(limit.rlim_max));
    write(&limit)?;
    let room = usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX);
    Ok(connections.min(room.saturating_sub(BESIDES)))
}

#[allow(unsafe_code)]
fn read() -> io::Result<libc::rlimit> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel writes one `rlimit` to a valid place for one.
    match unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } {
        0 => Ok(limit),
        _ => Err(io::Error::last_os_error()),
    }
}

#[allow(unsafe_code)]
fn write(limit: &libc::rlimit) -> io::Result<()> {
    // SAFETY: the kernel reads one `rlimit` from a valid reference.
    match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, limit) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
