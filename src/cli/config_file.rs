//! The configuration file, for commands that change it: all or nothing, one at a time, and only to
//! what the server would take.
//!
//! The new file is written beside the old one and takes its place when it is complete. Meanwhile
//! the directory is locked (flock), so that of two changes at the same time none is lost; that
//! needs no further file, which nobody would ever remove.

use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use clap::Args;

use super::random::random_text;
use super::{Failure, output};
use crate::config::{Config, ConfigErrors, EditError, Loaded, Place, Sources, read_file};

/// Who may read a file that was not there before.
const MODE: u32 = 0o600;

/// How long another change is waited for: so often, so long.
const TRIES: usize = 200;
const PAUSE: Duration = Duration::from_millis(50);

/// The most symbolic links that are followed, as in the kernel.
const MOST_LINKS: usize = 40;

/// Which file is meant.
#[derive(Debug, Clone, Default, Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// The configuration file [default: the variable FANTAIL_CONFIG, or else ./fantail.toml,
    /// ~/.config/fantail/fantail.toml or /etc/fantail/fantail.toml, whichever exists]
    #[arg(short, long, value_name = "PATH")]
    config: Option<PathBuf>,
}

/// The file that the server reads.
pub(super) struct ConfigFile {
    sources: Sources,
    /// As the server knows it.
    path: PathBuf,
    /// Where symbolic links lead.
    target: PathBuf,
}

/// A change that was made.
pub(super) struct Written<T> {
    /// What the change has to say.
    pub outcome: T,
    /// False if the file is as it was.
    pub is_changed: bool,
    path: PathBuf,
    is_new: bool,
}

impl<T> fmt::Display for Written<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match (self.is_changed, self.is_new) {
            (false, _) => write!(formatter, "nothing is changed in {path}"),
            (true, false) => write!(formatter, "written to {path}"),
            (true, true) => write!(formatter, "{path} is made; nobody else can read it (0600)"),
        }
    }
}

impl ConfigFile {
    /// The file that the server reads if it is started here, or would read if it were there.
    ///
    /// # Errors
    /// If that cannot be told.
    pub(super) fn find(arguments: Arguments) -> Result<Self, Failure> {
        let sources = Sources::of_process(arguments.config, Vec::new());
        let path = sources.file()?;
        let target = follow_links(&path);
        Ok(Self {
            sources,
            path,
            target,
        })
    }

    /// Its name.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What `read` makes of the text.
    ///
    /// # Errors
    /// If the file cannot be read or is not TOML, and those of `read`.
    pub(super) fn read_with<T>(
        &self,
        read: impl FnOnce(&str) -> Result<T, EditError>,
    ) -> Result<T, Failure> {
        let text = self.read()?.unwrap_or_default();
        read(&text).map_err(|error| self.failure(error, &text))
    }

    /// Puts what `change` makes of the text into its place.
    ///
    /// # Errors
    /// If the file cannot be read or written, or if the server would not take it, and those of
    /// `change`. The file is as it was then.
    pub(super) fn rewrite<T>(
        &self,
        change: impl FnOnce(&str) -> Result<(String, T), EditError>,
    ) -> Result<Written<T>, Failure> {
        let _lock = self.lock().map_err(|error| self.cannot("lock", &error))?;
        let old = self.read()?;
        let text = old.as_deref().unwrap_or("");
        let (new, outcome) = change(text).map_err(|error| self.failure(error, text))?;
        let is_changed = new != text;
        if is_changed {
            self.check(text, &new)?;
            self.replace(&new)
                .map_err(|error| self.cannot("write", &error))?;
        }
        Ok(Written {
            outcome,
            is_changed,
            path: self.path.clone(),
            is_new: old.is_none(),
        })
    }

    /// The variable of the environment that counts instead of a key of the file.
    pub(super) fn overriding(&self, key: &str) -> Option<String> {
        let text = self.read().ok().flatten()?;
        let loaded = Config::load_with(&self.sources, &self.path, &text).ok()?;
        match loaded.places.get(key) {
            Some(Place::Environment(name)) => Some(name.clone()),
            _ => None,
        }
    }

    /// The text, if the file is there.
    fn read(&self) -> Result<Option<String>, Failure> {
        match fs::metadata(&self.target) {
            Ok(metadata) if !metadata.is_file() => Err(Failure::Runtime(format!(
                "{} is not a regular file",
                self.path.display()
            ))),
            Ok(_) => read_file(&self.target).map(Some).map_err(Failure::Runtime),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.cannot("read", &error)),
        }
    }

    /// Whether the server would take the new text. What was wrong before may stay wrong, so that
    /// faults can be mended one after the other.
    fn check(&self, old: &str, new: &str) -> Result<(), Failure> {
        let load = |text| Config::load_with(&self.sources, &self.path, text);
        match (load(old), load(new)) {
            (before, Ok(Loaded { warnings, .. })) => {
                let before = before.map(|loaded| loaded.warnings).unwrap_or_default();
                for warning in warnings.iter().filter(|new| !before.contains(new)) {
                    output::complain(&format!("warning: {warning}"));
                }
                Ok(())
            }
            (Ok(_), Err(errors)) => Err(errors.into()),
            (Err(before), Err(errors)) => {
                let is_new = |message: &str| before.0.iter().all(|old| old.message != message);
                let (new, old): (Vec<_>, Vec<_>) = errors
                    .0
                    .into_iter()
                    .partition(|error| is_new(&error.message));
                if !new.is_empty() {
                    return Err(ConfigErrors(new).into());
                }
                let old = ConfigErrors(old);
                output::complain(&format!("warning: there are errors as before:\n{old}"));
                Ok(())
            }
        }
    }

    fn directory(&self) -> &Path {
        match self.target.parent() {
            Some(directory) if directory != Path::new("") => directory,
            _ => Path::new("."),
        }
    }

    /// Locks the directory as long as the file that is returned is open.
    fn lock(&self) -> io::Result<File> {
        let directory = File::open(self.directory())?;
        for _ in 0..TRIES {
            match directory.try_lock() {
                Ok(()) => return Ok(directory),
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::Error::other("another change takes too long"))
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        let random = random_text().map_err(|failure| io::Error::other(failure.to_string()))?;
        let temporary = self.directory().join(format!(".fantail.{random}.tmp"));
        let written = self
            .write(&temporary, text)
            .and_then(|()| fs::rename(&temporary, &self.target));
        if written.is_err() {
            // What could not be made cannot be removed either.
            let _ = fs::remove_file(&temporary);
            return written;
        }
        // The name is there; whether it outlives a loss of power is up to the file system.
        let _ = File::open(self.directory()).and_then(|directory| directory.sync_all());
        Ok(())
    }

    fn write(&self, path: &Path, text: &str) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(MODE).open(path)?;
        file.write_all(text.as_bytes())?;
        if let Ok(old) = fs::metadata(&self.target) {
            keep_rights(&file, &old)?;
        }
        file.sync_all()
    }

    fn failure(&self, error: EditError, text: &str) -> Failure {
        match error {
            EditError::Invalid(errors) => errors.into(),
            EditError::Usage(message) => Failure::Usage(message),
            EditError::Refused(message) => Failure::Runtime(message),
            EditError::Syntax => match Config::load_with(&self.sources, &self.path, text) {
                Err(errors) => errors.into(),
                Ok(_) => Failure::Runtime(format!("{} is not TOML", self.path.display())),
            },
        }
    }

    fn cannot(&self, what: &str, error: &io::Error) -> Failure {
        Failure::Runtime(format!("cannot {what} {}: {error}", self.path.display()))
    }
}

/// Gives a new file the owner and the mode of the old one. If it cannot have the group, the group
/// that it has gets no rights, since it is another one.
fn keep_rights(file: &File, old: &fs::Metadata) -> io::Result<()> {
    let mut mode = old.mode() & 0o777;
    let new = file.metadata()?;
    let is_same = (new.uid(), new.gid()) == (old.uid(), old.gid());
    if !is_same && fchown(file, Some(old.uid()), Some(old.gid())).is_err() {
        output::complain(
            "warning: the file has another owner now, since only root can give it away",
        );
        if fchown(file, None, Some(old.gid())).is_err() {
            mode &= 0o707;
        }
    }
    file.set_permissions(Permissions::from_mode(mode))
}

/// Where symbolic links lead, also to what is not there yet.
fn follow_links(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            Ok(link) => path = path.parent().unwrap_or(Path::new("")).join(link),
            Err(_) => break,
        }
    }
    path
}
