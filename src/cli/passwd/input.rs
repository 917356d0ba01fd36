//! Passwords from the terminal, which does not show them, or from standard input. Never from the
//! command line, which everybody on the machine can read.

use std::io::{self, BufRead, IsTerminal, Read, Write};

/// The longest password in bytes.
const LONGEST: u64 = 4096;

/// A password that somebody chooses: asked for twice on a terminal.
///
/// # Errors
/// A sentence that says what is wrong.
pub(super) fn new_password() -> Result<String, String> {
    let password = password("New password: ")?;
    if io::stdin().is_terminal() && password != self::password("Again: ")? {
        return Err("these are two different passwords".to_owned());
    }
    Ok(password)
}

/// A password: a line, less its end.
///
/// # Errors
/// A sentence that says what is wrong.
pub(super) fn password(prompt: &str) -> Result<String, String> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return read_line();
    }
    // Nobody reads the prompt if it cannot be written.
    let _ = write!(io::stderr(), "{prompt}");
    let silent = Silence::begin().map_err(|error| format!("the terminal: {error}"))?;
    let password = read_line();
    drop(silent);
    let _ = writeln!(io::stderr());
    password
}

fn read_line() -> Result<String, String> {
    let mut line = String::new();
    let mut stdin = io::stdin().lock().take(LONGEST + 1);
    BufRead::read_line(&mut stdin, &mut line).map_err(|error| format!("the password: {error}"))?;
    let password = line.trim_end_matches(['\r', '\n']);
    match password.len() as u64 {
        0 => Err("the password is empty".to_owned()),
        length if length > LONGEST => Err(format!("the password is longer than {LONGEST} bytes")),
        _ => Ok(password.to_owned()),
    }
}

/// The terminal does not show what is typed while this lives.
struct Silence(libc::termios);

impl Silence {
    #[allow(unsafe_code, reason = "std knows nothing of terminals")]
    fn begin() -> io::Result<Self> {
        let mut before = std::mem::MaybeUninit::<libc::termios>::uninit();
        // SAFETY: tcgetattr writes to the struct that it is given a pointer to, which lives.
        if unsafe { libc::tcgetattr(libc::STDIN_FILENO, before.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: tcgetattr has succeeded, and so has written all of it.
        let before = unsafe { before.assume_init() };
        let mut silent = before;
        silent.c_lflag &= !libc::ECHO;
        // SAFETY: tcsetattr reads from the struct that it is given a pointer to, which lives.
        if unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSAFLUSH, &raw const silent) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self(before))
    }
}

impl Drop for Silence {
    #[allow(unsafe_code, reason = "std knows nothing of terminals")]
    fn drop(&mut self) {
        // SAFETY: tcsetattr reads from the struct that it is given a pointer to, which lives.
        unsafe {
            libc::tcsetattr(libc::STDIN_FILENO, libc::TCSAFLUSH, &raw const self.0);
        }
    }
}
