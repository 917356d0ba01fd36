//! The worker that verifies passwords. It holds the users of the last task, and reads their file
//! again when that has changed.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::passwords::htpasswd::Htpasswd;
use crate::relay::task::{Outcome, Task, Users, Worker};
use crate::secret::Secret;

/// The longest file of users, in bytes; one that is longer is something else.
const LONGEST_FILE: u64 = 16 * 1024 * 1024;

/// Passwords that are remembered, at most.
const REMEMBERED: usize = 4096;

/// What tells a file from what it was before: inode, length, and the time of its last change, also of
/// its permissions.
type FileState = Option<(u64, u64, i64, i64)>;

/// Verifies passwords.
#[derive(Debug, Default)]
pub struct Verifier {
    users: Arc<Users>,
    file: FileState,
    htpasswd: Htpasswd,
    /// Digests of users, hashes and passwords that were right: who comes back, such as everybody
    /// after a restart of a proxy, need not wait for bcrypt again.
    right: HashSet<[u8; 32]>,
}

impl Verifier {
    /// True if this is the user's password.
    pub fn verify(&mut self, users: &Arc<Users>, user: &str, password: &[u8]) -> bool {
        self.refresh(users);
        let Some(hash) = self.htpasswd.hash(user) else {
            return self.htpasswd.verify(user, password);
        };
        let digest = digest(user, hash, password);
        if self.right.contains(&digest) {
            return true;
        }
        let is_right = self.htpasswd.verify(user, password);
        if is_right {
            if self.right.len() >= REMEMBERED {
                self.right.clear();
            }
            self.right.insert(digest);
        }
        is_right
    }

    fn refresh(&mut self, users: &Arc<Users>) {
        let state = users.file.as_deref().and_then(state_of);
        if Arc::ptr_eq(&self.users, users) && self.file == state {
            return;
        }
        self.users = Arc::clone(users);
        self.file = state;
        self.htpasswd = Htpasswd::default();
        self.right.clear();
        for line in &users.lines {
            self.htpasswd.add(&String::from_utf8_lossy(line.as_bytes()));
        }
        let Some(path) = &users.file else {
            return;
        };
        match read(path) {
            Ok(text) => {
                let others = self.htpasswd.add(&text);
                log::info!("{} users from {}", self.htpasswd.len(), path.display());
                if others > 0 {
                    log::warn!("{}: {others} lines have no colon", path.display());
                }
            }
            Err(error) => log::error!("cannot read {}: {error}", path.display()),
        }
    }
}

/// A digest of all three, which no other three have.
fn digest(user: &str, hash: &Secret, password: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in [user.as_bytes(), hash.as_bytes()] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.update(password);
    digest.finalize().into()
}

fn state_of(path: &Path) -> FileState {
    let metadata = fs::metadata(path).ok()?;
    Some((
        metadata.ino(),
        metadata.len(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    ))
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LONGEST_FILE + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST_FILE {
        let message = format!("it is longer than {LONGEST_FILE} bytes");
        return Err(io::Error::other(message));
    }
    // A name that is not UTF-8 is nobody's who could log in.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Worker for Verifier {
    fn perform(&mut self, tasks: Vec<Task>) -> Vec<Outcome> {
        let verify = |task| match task {
            Task::VerifyPassword {
                users,
                user,
                password,
            } => Outcome::Password(self.verify(&users, &user, password.as_bytes())),
            Task::Store(_) => Outcome::Unavailable,
        };
        tasks.into_iter().map(verify).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "a:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n";

    #[test]
    fn the_file_is_read_again_when_it_has_changed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        let users = Arc::new(Users {
            file: Some(path.clone()),
            lines: vec![Secret::new(FIRST.trim().replace('a', "b"))],
        });
        let mut verifier = Verifier::default();
        let mut verify = |user: &str| verifier.verify(&users, user, b"password");
        assert!(!verify("a") && verify("b"));
        fs::write(&path, FIRST).unwrap();
        assert!(verify("a"));
        fs::write(&path, FIRST.replace("a:", "c:")).unwrap();
        assert!(!verify("a"));
        assert!(verify("c"));
        fs::remove_file(&path).unwrap();
        assert!(!verify("c"));
    }

    #[test]
    fn what_was_right_is_remembered_until_the_users_change() {
        let line = |hash: &str| {
            let lines = vec![Secret::new(format!("a:{hash}"))];
            Arc::new(Users { file: None, lines })
        };
        let first = line("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=");
        let mut verifier = Verifier::default();
        for _ in 0..2 {
            assert!(verifier.verify(&first, "a", b"password"));
            assert!(!verifier.verify(&first, "a", b"other"));
            assert!(!verifier.verify(&first, "b", b"password"));
        }
        assert_eq!(verifier.right.len(), 1);
        assert!(!verifier.verify(&line("{SHA}x"), "a", b"password"));
        assert!(verifier.right.is_empty());
    }

    #[test]
    fn configured_lines_come_before_those_of_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users");
        fs::write(&path, FIRST).unwrap();
        let users = |line: &str| {
            Arc::new(Users {
                file: Some(path.clone()),
                lines: vec![Secret::new(line)],
            })
        };
        let mut verifier = Verifier::default();
        assert!(!verifier.verify(&users("a:{SHA}x"), "a", b"password"));
        assert!(verifier.verify(&users("b:{SHA}x"), "a", b"password"));
    }
}
