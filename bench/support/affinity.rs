//! Pins this process, and with it the children it starts, to one processor core.

use super::Outcome;
use std::io;
use std::mem;

/// The core of the server that is measured.
pub(crate) const SERVER_CORE: usize = 0;

/// The core of the driver.
pub(crate) const DRIVER_CORE: usize = 1;

/// Lets this process run on `core` only. Children inherit it.
///
/// # Errors
/// If there is no such core, or this process may not use it.
#[allow(unsafe_code)]
pub(crate) fn pin_to(core: usize) -> Outcome<()> {
    // SAFETY: `cpu_set_t` is a plain bit array, for which all zeroes is the empty set; CPU_SET
    // ignores a number past its end; the kernel reads exactly the size that is passed.
    let result = unsafe {
        let mut cores: libc::cpu_set_t = mem::zeroed();
        libc::CPU_SET(core, &mut cores);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const cores)
    };
    if result == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    Err(format!("cannot run on core {core} ({error})").into())
}
