//! Where a configuration is put together from.

use super::error::ConfigErrors;
use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The variable that names the file where `--config` does not.
pub(super) const CONFIG_VARIABLE: &str = "FANTAIL_CONFIG";

const FILE_NAME: &str = "fantail.toml";

/// The sources, taken from the process once: a reload and a test pass them in again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// The file that must exist (`--config`).
    pub config_path: Option<PathBuf>,
    /// Where a file is looked for without that; the first that exists is read.
    pub search: Vec<PathBuf>,
    /// The variables of the environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Keys and values from the command line; of several for one key the last counts, but
    /// listeners add up.
    pub flags: Vec<(String, String)>,
    /// The directory in which the process was started; empty where it is not known.
    pub working_directory: PathBuf,
    /// True if the process is root's.
    pub is_superuser: bool,
}

impl Sources {
    /// The sources of this process.
    pub fn of_process(config_path: Option<PathBuf>, flags: Vec<(String, String)>) -> Self {
        let environment: Vec<_> = env::vars_os().collect();
        Self {
            config_path,
            search: search_path(&environment),
            environment,
            flags,
            working_directory: env::current_dir().unwrap_or_default(),
            is_superuser: is_superuser(),
        }
    }

    /// The file that is read; where there is none, the first that would be.
    ///
    /// # Errors
    /// If it cannot be told whether there is one.
    pub fn file(&self) -> Result<PathBuf, ConfigErrors> {
        super::file::to_edit(self)
    }

    /// The value of a variable, if it is set and not empty.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        variable(&self.environment, name)
    }
}

/// The kernel shows a process's files as those of the user that it acts as.
fn is_superuser() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn variable<'a>(environment: &'a [(OsString, OsString)], name: &str) -> Option<&'a OsStr> {
    environment
        .iter()
        .find(|(candidate, value)| candidate == name && !value.is_empty())
        .map(|(_, value)| value.as_os_str())
}

/// The working directory, the user's configuration (XDG Base Directory Specification: a path that
/// is not absolute is ignored), the machine's.
fn search_path(environment: &[(OsString, OsString)]) -> Vec<PathBuf> {
    let absolute = |name| {
        variable(environment, name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let of_user =
        absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    let mut paths = vec![PathBuf::from(FILE_NAME)];
    paths.extend(of_user.map(|directory| directory.join("fantail").join(FILE_NAME)));
    paths.push(PathBuf::from("/etc/fantail").join(FILE_NAME));
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_looked_for_in_the_documented_places() {
        for (environment, expected) in [
            (
                vec![("HOME", "/home/a")],
                vec![
                    "fantail.toml",
                    "/home/a/.config/fantail/fantail.toml",
                    "/etc/fantail/fantail.toml",
                ],
            ),
            (
                vec![("HOME", "/home/a"), ("XDG_CONFIG_HOME", "/c")],
                vec![
                    "fantail.toml",
                    "/c/fantail/fantail.toml",
                    "/etc/fantail/fantail.toml",
                ],
            ),
            (
                vec![("XDG_CONFIG_HOME", "relative"), ("HOME", "")],
                vec!["fantail.toml", "/etc/fantail/fantail.toml"],
            ),
        ] {
            let environment: Vec<_> = environment
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect();
            let expected: Vec<_> = expected.into_iter().map(PathBuf::from).collect();
            assert_eq!(search_path(&environment), expected);
        }
    }
}
