//! The configuration: no panic, and what is in force can be written down and read again.

use std::ffi::OsString;
use std::path::PathBuf;
use std::{env, fs, process};

use fantail::config::{Config, Sources, effective};
use fantail::secret::Secret;

/// A line that ends the file; variables follow, one in a line.
const VARIABLES: &str = "%variables";

/// A line that ends the variables; flags follow, one in a line.
const FLAGS: &str = "%flags";

/// A file, variables and flags.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // A secret could be looked for in a device that never ends or never begins.
    if text.contains("/dev") || text.contains("/proc") || text.contains('\\') {
        return;
    }
    let (text, flags) = text.split_once(FLAGS).unwrap_or((text, ""));
    let (text, variables) = text.split_once(VARIABLES).unwrap_or((text, ""));
    let pairs = |text: &str| -> Vec<(String, String)> {
        text.lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    };
    let file = File::with(text);
    let sources = Sources {
        config_path: Some(file.0.clone()),
        environment: pairs(variables)
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        flags: pairs(flags),
        ..Sources::default()
    };
    let loaded = match Config::load(&sources) {
        Ok(loaded) => loaded,
        Err(errors) => {
            assert!(!errors.to_string().is_empty());
            return;
        }
    };
    let written = effective(&loaded);
    let mut expected = loaded.config;
    expected.topics.secret = Secret::default();
    expected.wson.secret = Secret::default();
    fs::write(&file.0, &written).expect("written once already");
    // The default control socket depends on one variable, and one on TCP needs a secret.
    let runtime = sources.variable("XDG_RUNTIME_DIR").map(ToOwned::to_owned);
    let mut environment: Vec<(OsString, OsString)> = runtime
        .map(|value| ("XDG_RUNTIME_DIR".into(), value))
        .into_iter()
        .collect();
    if !expected.control.secret.is_empty() {
        expected.control.secret = Secret::new("another");
        environment.push(("FANTAIL_CONTROL_SECRET".into(), "another".into()));
    }
    let again = Config::load(&Sources {
        config_path: Some(file.0.clone()),
        environment,
        ..Sources::default()
    });
    match again {
        Ok(again) => assert_eq!(again.config, expected, "{written}"),
        Err(errors) => panic!("{errors}\n{written}"),
    }
}

/// A file that goes with its value.
struct File(PathBuf);

impl File {
    fn with(text: &str) -> Self {
        let thread = format!("{:?}", std::thread::current().id());
        let name = format!("fantail-fuzz-{}-{thread}.toml", process::id());
        let path = env::temp_dir().join(name);
        fs::write(&path, text).expect("a temporary file can be written");
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
