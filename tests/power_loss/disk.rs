//! What of a database's files is on the disk, and what only in the system's cache. The shim writes
//! it down while the server runs, and the test reads it when it has killed the server.
//!
//! For each file there is an *image*, which is what a loss of power leaves of it, and a log of the
//! *changes* since its last synchronisation. Names are on the disk when their directory has been
//! synchronised; until then their making and unlinking stands in a log, too. All of it is in files
//! beside the database, each appended to or replaced by one system call, so that it is right
//! whenever the server is killed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The environment variable that names the database to the shim.
pub const DATABASE: &str = "POWER_LOSS_DATABASE";

/// The files of a database whose content matters. The index of the write-ahead log (`-shm`) is
/// made anew after a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Main,
    WriteAheadLog,
    Journal,
}

impl Part {
    pub const ALL: [Self; 3] = [Self::Main, Self::WriteAheadLog, Self::Journal];

    /// What its name has behind that of the database.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Main => "",
            Self::WriteAheadLog => "-wal",
            Self::Journal => "-journal",
        }
    }

    /// Its path.
    pub fn path(self, database: &Path) -> PathBuf {
        let mut path = database.as_os_str().to_owned();
        path.push(self.suffix());
        path.into()
    }

    fn letter(self) -> char {
        match self {
            Self::Main => 'm',
            Self::WriteAheadLog => 'w',
            Self::Journal => 'j',
        }
    }
}

/// A change of a file that is not synchronised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Truncate { length: u64 },
}

impl Change {
    const WRITE: u8 = 1;
    const TRUNCATE: u8 = 2;
    /// A letter, a number of 8 bytes and the length of what follows in 4.
    const HEADER: usize = 13;

    fn encode(&self) -> Vec<u8> {
        let (letter, number, bytes) = match self {
            Self::Write { offset, bytes } => (Self::WRITE, *offset, bytes.as_slice()),
            Self::Truncate { length } => (Self::TRUNCATE, *length, &[][..]),
        };
        let mut record = vec![letter];
        record.extend_from_slice(&number.to_le_bytes());
        record.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        record.extend_from_slice(bytes);
        record
    }

    /// Takes a record off `bytes`; nothing if it is not all there: the server was killed before it
    /// had made that change.
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let (header, rest) = bytes.split_at_checked(Self::HEADER)?;
        let number = u64::from_le_bytes(header.get(1..9)?.try_into().ok()?);
        let length = u32::from_le_bytes(header.get(9..13)?.try_into().ok()?);
        let (content, rest) = rest.split_at_checked(length as usize)?;
        *bytes = rest;
        Some(match *header.first()? {
            Self::WRITE => Self::Write {
                offset: number,
                bytes: content.to_vec(),
            },
            _ => Self::Truncate { length: number },
        })
    }

    /// Makes the change.
    pub fn apply(&self, file: &File) -> io::Result<()> {
        match self {
            Self::Write { offset, bytes } => file.write_all_at(bytes, *offset),
            Self::Truncate { length } => file.set_len(*length),
        }
    }
}

/// A change of the directory that is not synchronised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameChange {
    Made(Part),
    /// What the file was stands under this number.
    Unlinked(Part, u32),
}

impl NameChange {
    pub fn part(self) -> Part {
        match self {
            Self::Made(part) | Self::Unlinked(part, _) => part,
        }
    }
}

/// A file as it is on the disk: that which has the name now, or one that was unlinked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    Current(Part),
    Unlinked(u32),
}

/// The record of a database's disk.
#[derive(Debug, Clone)]
pub struct Disk(PathBuf);

impl Disk {
    /// That of a database.
    pub fn of(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-disk");
        Self(path.into())
    }

    /// The directory that it is in.
    pub fn directory(&self) -> &Path {
        &self.0
    }

    /// What a loss of power leaves of a file in any case.
    pub fn image(&self, version: Version) -> PathBuf {
        self.0.join(match version {
            Version::Current(part) => format!("{}.image", part.letter()),
            Version::Unlinked(number) => format!("{number}.image"),
        })
    }

    fn changes_path(&self, version: Version) -> PathBuf {
        self.0.join(match version {
            Version::Current(part) => format!("{}.changes", part.letter()),
            Version::Unlinked(number) => format!("{number}.changes"),
        })
    }

    fn names_path(&self) -> PathBuf {
        self.0.join("names")
    }

    /// Notes a change, which is about to be made.
    pub fn change(&self, part: Part, change: &Change) -> io::Result<()> {
        append(&self.changes_path(Version::Current(part)), &change.encode())
    }

    /// The changes that are not synchronised, in their order.
    pub fn changes(&self, version: Version) -> io::Result<Vec<Change>> {
        let bytes = read(&self.changes_path(version))?;
        let mut rest = bytes.as_slice();
        Ok(std::iter::from_fn(|| Change::take(&mut rest)).collect())
    }

    /// A file is synchronised.
    pub fn synchronise(&self, part: Part) -> io::Result<()> {
        let version = Version::Current(part);
        let image = open(&self.image(version))?;
        for change in self.changes(version)? {
            change.apply(&image)?;
        }
        self.forget_changes(version)
    }

    /// Its changes are lost, as when a disk refuses to take them: a later synchronisation does not
    /// try them again.
    pub fn forget_changes(&self, version: Version) -> io::Result<()> {
        open(&self.changes_path(version))?.set_len(0)
    }

    /// A file is about to be made.
    pub fn made(&self, part: Part) -> io::Result<()> {
        append(
            &self.names_path(),
            format!("+{}\n", part.letter()).as_bytes(),
        )
    }

    /// A file is about to be unlinked.
    pub fn unlinked(&self, part: Part) -> io::Result<()> {
        let number = self.name_changes()?.len() as u32;
        let line = format!("-{}{number}\n", part.letter());
        append(&self.names_path(), line.as_bytes())?;
        self.finish_unlinking()
    }

    /// Puts the record of a file that was unlinked last aside, unless that is done: the server may
    /// have been killed in the middle of it.
    pub fn finish_unlinking(&self) -> io::Result<()> {
        let last = self.name_changes()?.pop();
        let Some(NameChange::Unlinked(part, number)) = last else {
            return Ok(());
        };
        let (old, new) = (Version::Current(part), Version::Unlinked(number));
        ignore_missing(fs::rename(self.image(old), self.image(new)))?;
        ignore_missing(fs::rename(self.changes_path(old), self.changes_path(new)))
    }

    /// The changes of names that are not synchronised, in their order.
    pub fn name_changes(&self) -> io::Result<Vec<NameChange>> {
        let text = String::from_utf8(read(&self.names_path())?).unwrap_or_default();
        let complete = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let parse = |line: &str| {
            let part = Part::ALL
                .into_iter()
                .find(|part| line.chars().nth(1) == Some(part.letter()))?;
            Some(if line.starts_with('+') {
                NameChange::Made(part)
            } else {
                NameChange::Unlinked(part, line.get(2..)?.parse().ok()?)
            })
        };
        Ok(complete.lines().filter_map(parse).collect())
    }

    /// The directory is synchronised.
    pub fn synchronise_names(&self) -> io::Result<()> {
        let unlinked = self.name_changes()?;
        open(&self.names_path())?.set_len(0)?;
        for change in unlinked {
            if let NameChange::Unlinked(_, number) = change {
                let version = Version::Unlinked(number);
                ignore_missing(fs::remove_file(self.image(version)))?;
                ignore_missing(fs::remove_file(self.changes_path(version)))?;
            }
        }
        Ok(())
    }

    /// Counts a call that the shim has seen: "write", "fsync".
    pub fn count(&self, call: &str) -> io::Result<()> {
        append(&self.0.join(format!("{call}.count")), b".")
    }

    /// How many of these calls the shim has seen so far.
    pub fn counted(&self, call: &str) -> usize {
        fs::metadata(self.0.join(format!("{call}.count"))).map_or(0, |data| data.len() as usize)
    }

    /// From now on these calls fail, each with an error number; an empty list ends it.
    pub fn set_faults(&self, faults: &[(&str, i32)]) -> io::Result<()> {
        let lines: String = faults
            .iter()
            .map(|(call, number)| format!("{call} {number}\n"))
            .collect();
        let (new, path) = (self.0.join("faults.new"), self.0.join("faults"));
        if faults.is_empty() {
            return ignore_missing(fs::remove_file(path));
        }
        fs::write(&new, lines)?;
        fs::rename(new, path)
    }

    /// The error number that a call is to fail with.
    pub fn fault(&self, call: &str) -> Option<i32> {
        let text = fs::read_to_string(self.0.join("faults")).ok()?;
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        let (_, number) = lines.find(|(name, _)| *name == call)?;
        number.parse().ok()
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path)
}

fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(bytes)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        result => result,
    }
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
