//! Losses of power: the shim of `tests/power_loss` in a server, and what is done to the files of
//! its database when it has been killed.

use crate::disk::{Change, DATABASE, Disk, NameChange, Part, Version};
use fastrand::Rng;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What a disk writes as a whole or not at all, in bytes.
const SECTOR: usize = 512;

/// What becomes of the changes that were not synchronised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// None of them is left.
    All,
    /// The disk was in the midst of writing them one after the other.
    Rest,
    /// Some sectors were written, others not, in whatever order.
    Some,
}

impl Loss {
    pub const ALL: [Self; 3] = [Self::All, Self::Rest, Self::Some];
}

/// A database on a disk that can lose power.
#[derive(Debug)]
pub struct Power {
    database: PathBuf,
    disk: Disk,
}

impl Power {
    /// The disk of a database that is yet to be made.
    pub fn of(database: &Path) -> Self {
        let disk = Disk::of(database);
        fs::create_dir(disk.directory()).expect("the directory is there, and this is new");
        Self {
            database: database.to_owned(),
            disk,
        }
    }

    /// The record of its disk.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The environment of a server on this disk.
    pub fn environment(&self) -> Vec<(&str, &str)> {
        let text = |path: &'static Path| path.to_str().expect("it is UTF-8");
        let database = self.database.to_str().expect("it is UTF-8");
        vec![("LD_PRELOAD", text(library())), (DATABASE, database)]
    }

    /// The power is gone: what of the files was not on the disk is lost, all or a part of it. Who
    /// had them open must be dead.
    pub fn lose(&self, loss: Loss, random: &mut Rng) {
        self.try_lose(loss, random)
            .expect("the record can be read and the files written");
    }

    fn try_lose(&self, loss: Loss, random: &mut Rng) -> io::Result<()> {
        self.disk.finish_unlinking()?;
        let names = self.disk.name_changes()?;
        let done = match loss {
            Loss::All => 0,
            Loss::Rest | Loss::Some => random.usize(..=names.len()),
        };
        for part in Part::ALL {
            let path = part.path(&self.database);
            let was_there = path.exists();
            let content = match version(part, &names[done..], was_there) {
                Some(version) => Some(self.content(version, loss, random)?),
                None => None,
            };
            let version = Version::Current(part);
            self.disk.forget_changes(version)?;
            match content {
                Some(content) => {
                    fs::write(&path, &content)?;
                    fs::write(self.disk.image(version), content)?;
                }
                None => {
                    for path in [path, self.disk.image(version)] {
                        if path.exists() {
                            fs::remove_file(path)?;
                        }
                    }
                }
            }
        }
        self.disk.synchronise_names()?;
        let mut index = self.database.as_os_str().to_owned();
        index.push("-shm");
        let index = PathBuf::from(index);
        if index.exists() {
            fs::remove_file(index)?;
        }
        Ok(())
    }

    /// What is left of a file.
    fn content(&self, version: Version, loss: Loss, random: &mut Rng) -> io::Result<Vec<u8>> {
        let image = self.disk.image(version);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&image)?;
        let sectors: Vec<Change> = self
            .disk
            .changes(version)?
            .into_iter()
            .flat_map(into_sectors)
            .collect();
        let done = match loss {
            Loss::All => 0,
            Loss::Rest => random.usize(..=sectors.len()),
            Loss::Some => sectors.len(),
        };
        for change in &sectors[..done] {
            if loss == Loss::Rest || random.bool() {
                change.apply(&file)?;
            }
        }
        fs::read(image)
    }
}

/// Which file has a name if the changes of `lost` did not reach the disk.
fn version(part: Part, lost: &[NameChange], is_there: bool) -> Option<Version> {
    match lost.iter().find(|change| change.part() == part) {
        Some(NameChange::Unlinked(_, number)) => Some(Version::Unlinked(*number)),
        Some(NameChange::Made(_)) => None,
        None => is_there.then_some(Version::Current(part)),
    }
}

/// The same change, cut where sectors end.
fn into_sectors(change: Change) -> Vec<Change> {
    let Change::Write { offset, bytes } = change else {
        return vec![change];
    };
    let mut sectors = Vec::new();
    let (mut offset, mut rest) = (offset, bytes.as_slice());
    while !rest.is_empty() {
        let to_the_end = SECTOR - (offset as usize % SECTOR);
        let (sector, behind) = rest.split_at(to_the_end.min(rest.len()));
        sectors.push(Change::Write {
            offset,
            bytes: sector.to_vec(),
        });
        offset += sector.len() as u64;
        rest = behind;
    }
    sectors
}

/// The shim, made anew in each run: `cargo test --test durability` alone does not make examples.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power_loss/shim.rs");
        // Of this process alone, and then for all: another run may have it loaded.
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let made = directory.join(format!("power_loss.{}.so", std::process::id()));
        let library = directory.join("power_loss.so");
        let compiler = Path::new(env!("CARGO")).with_file_name("rustc");
        let output = Command::new(compiler)
            .args(["--edition", "2024", "-O", "--crate-type", "cdylib", "-o"])
            .args([&made, &source])
            .output()
            .expect("rustc is where cargo is");
        assert!(output.status.success(), "{output:?}");
        fs::rename(made, &library).expect("it was made");
        library
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk where the main file was synchronised with "old", and "new!" was written over it.
    fn disk() -> (tempfile::TempDir, Power) {
        let directory = tempfile::tempdir().expect("it can be made");
        let power = Power::of(&directory.path().join("x.db"));
        let write = |offset, bytes: &[u8]| Change::Write {
            offset,
            bytes: bytes.to_vec(),
        };
        let disk = &power.disk;
        let done = || -> io::Result<()> {
            disk.made(Part::Main)?;
            disk.synchronise_names()?;
            disk.change(Part::Main, &write(0, b"old"))?;
            disk.synchronise(Part::Main)?;
            disk.change(Part::Main, &write(0, b"new!"))?;
            disk.change(Part::Main, &write(600, &[b'x'; 1000]))?;
            disk.made(Part::WriteAheadLog)?;
            disk.change(Part::WriteAheadLog, &write(0, b"log"))?;
            disk.synchronise(Part::WriteAheadLog)?;
            fs::write(&power.database, "new! and so on")?;
            fs::write(Part::WriteAheadLog.path(&power.database), "log")
        };
        done().expect("it can be written");
        (directory, power)
    }

    fn main_file(power: &Power) -> Vec<u8> {
        fs::read(&power.database).expect("it is there")
    }

    #[test]
    fn what_was_synchronised_is_left_and_nothing_else_need_be() {
        let (_directory, power) = disk();
        let mut random = Rng::with_seed(1);
        power.lose(Loss::All, &mut random);
        assert_eq!(main_file(&power), b"old");
        // Its name was never synchronised.
        assert!(!Part::WriteAheadLog.path(&power.database).exists());
        // What is left is what was there the next time.
        power.lose(Loss::Some, &mut random);
        assert_eq!(main_file(&power), b"old");
    }

    #[test]
    fn what_was_not_synchronised_is_lost_in_part() {
        let mut lengths = std::collections::BTreeSet::new();
        let mut logs = std::collections::BTreeSet::new();
        for seed in 0..100 {
            let (_directory, power) = disk();
            power.lose(Loss::Some, &mut Rng::with_seed(seed));
            let content = main_file(&power);
            assert!(content.starts_with(b"old") || content.starts_with(b"new!"));
            lengths.insert(content.len());
            logs.insert(Part::WriteAheadLog.path(&power.database).exists());
        }
        assert_eq!(Vec::from_iter(lengths), [3, 4, 1024, 1536, 1600]);
        assert_eq!(logs.len(), 2);
        // One after the other, without a gap.
        for seed in 0..100 {
            let (_directory, power) = disk();
            power.lose(Loss::Rest, &mut Rng::with_seed(seed));
            let content = main_file(&power);
            assert!(content == b"old" || content.starts_with(b"new!"));
            assert!([3, 4, 1024, 1536, 1600].contains(&content.len()));
            assert!(content.iter().skip(600).all(|byte| *byte == b'x'));
        }
    }

    #[test]
    fn a_file_that_was_unlinked_may_be_there_again() {
        let (_directory, power) = disk();
        let log = Part::WriteAheadLog;
        power.disk.synchronise_names().expect("it can be written");
        power.disk.unlinked(log).expect("it can be written");
        fs::remove_file(log.path(&power.database)).expect("it is there");
        power.lose(Loss::All, &mut Rng::with_seed(1));
        let content = fs::read(log.path(&power.database)).expect("it is there again");
        assert_eq!(content, b"log");
    }

    #[test]
    fn a_disk_that_refuses_a_change_has_lost_it() {
        let (_directory, power) = disk();
        let main = Version::Current(Part::Main);
        power.disk.forget_changes(main).expect("it can be written");
        power
            .disk
            .synchronise(Part::Main)
            .expect("it can be written");
        power.lose(Loss::Some, &mut Rng::with_seed(1));
        assert_eq!(main_file(&power), b"old");
    }
}
