//! The `config.toml` of dSock and its variables `DSOCK_*`, which come before the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Value};

use super::Imported;
use crate::cli::Failure;
use crate::config::read_file;
use crate::dialects::dsock::names;
use crate::logging::visible;

/// What the file is called where its path is not given.
const FILE_NAME: &str = "config.toml";

/// What the variables begin with.
const PREFIX: &str = "DSOCK_";

/// What Fantail does in another way, and how.
const OTHERWISE: &[(&str, &str)] = &[
    ("debug", "use log.level"),
    ("log_requests", "use log.level"),
    ("messaging_method", DIRECTLY),
    ("direct_message_hostname", DIRECTLY),
    ("direct_message_port", DIRECTLY),
    ("ttl_duration", DIRECTLY),
    ("redis_host", WITHOUT_REDIS),
    ("redis_password", WITHOUT_REDIS),
    ("redis_db", WITHOUT_REDIS),
    ("redis_max_retries", WITHOUT_REDIS),
    ("redis_tls", WITHOUT_REDIS),
];
/// What Fantail takes or tells how to give.
const USED: [&str; 5] = ["token", "jwt_secret", "default_channels", "port", "address"];

const DIRECTLY: &str = "API and worker are one process";
const WITHOUT_REDIS: &str = "Fantail keeps claims and connections itself";

/// The values by the names of the original, in lower case.
type Values = BTreeMap<String, String>;

/// Reads the file, or the first that is where the original looks for it, and the environment.
///
/// # Errors
/// If the file cannot be read, or is something else; if there is neither file nor variable.
pub(super) fn read(path: Option<&Path>) -> Result<Imported, Failure> {
    let environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let variable = |name: &str| {
        let mut variables = environment.iter();
        variables
            .find(|(other, _)| other == name)
            .map(|(_, value)| value)
    };
    let found = path.map(Path::to_owned).or_else(|| {
        let home = variable("HOME").map(|home| Path::new(home).join(".config/dsock"));
        let directories = [Some(PathBuf::new()), home, Some("/etc/dsock".into())];
        let paths = directories.into_iter().flatten();
        paths
            .map(|path| path.join(FILE_NAME))
            .find(|path| path.exists())
    });
    let text = match &found {
        Some(path) => read_file(path).map_err(Failure::Runtime)?,
        None => String::new(),
    };
    let wrong = |what: String| {
        let path = found.as_deref().unwrap_or(Path::new(FILE_NAME));
        Failure::Runtime(format!("{}: {what}", path.display()))
    };
    let values = values(&text, &environment).map_err(wrong)?;
    if values.is_empty() {
        return Err(Failure::Runtime(format!(
            "there is neither a {FILE_NAME} of dSock nor a variable {PREFIX}..."
        )));
    }
    Ok(import(&values))
}

/// The values of a file, and of the variables above it.
///
/// # Errors
/// A sentence on what is wrong with the file; no secrets.
fn values(text: &str, environment: &[(String, String)]) -> Result<Values, String> {
    let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        format!("this is no config.toml: {}", error.message())
    })?;
    let mut values = Values::new();
    for (name, item) in document.iter() {
        let lower = name.to_ascii_lowercase();
        let text = match item.as_value() {
            Some(Value::String(text)) => text.value().clone(),
            Some(Value::Integer(number)) => number.value().to_string(),
            Some(Value::Boolean(boolean)) => boolean.value().to_string(),
            Some(Value::Array(list)) if lower == "default_channels" => {
                let names: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
                let names = names.ok_or(format!("{lower}: expected texts in the list"))?;
                names.join(",")
            }
            // A name that says nothing to the original either.
            _ if !USED.contains(&lower.as_str()) => String::new(),
            _ => return Err(format!("{lower}: expected a text, a number, true or false")),
        };
        values.insert(lower, text);
    }
    let own = |(name, value): &&(String, String)| name.starts_with(PREFIX) && !value.is_empty();
    let port = environment.iter().find(|(name, _)| name == "PORT");
    // Many programs are given a PORT: alone it does not say that there was dSock.
    if let Some((_, port)) = port.filter(|(_, port)| !port.is_empty())
        && (!values.is_empty() || environment.iter().any(|variable| own(&variable)))
    {
        values.insert("port".to_owned(), port.clone());
    }
    for (name, value) in environment {
        // The original takes an empty variable for none.
        if let Some(name) = name.strip_prefix(PREFIX).filter(|_| !value.is_empty()) {
            values.insert(name.to_ascii_lowercase(), value.clone());
        }
    }
    Ok(values)
}

fn import(values: &Values) -> Imported {
    let mut imported = Imported {
        section: "dsock",
        values: Vec::new(),
        instead: Vec::new(),
        taken: Vec::new(),
        left: Vec::new(),
    };
    let filled = |name: &str| values.get(name).filter(|value| !value.is_empty());
    for (name, instead) in [("token", "token_file"), ("jwt_secret", "jwt_secret_file")] {
        if let Some(secret) = filled(name) {
            imported
                .values
                .push((name, Value::from(secret).to_string()));
            imported.instead.push(instead);
            imported.taken.push(format!("dsock.{name}: taken"));
        }
    }
    if filled("token").is_none() {
        let line = "token: it is empty, which leaves the API open; in Fantail the API is off then";
        imported.left.push(line.to_owned());
    }
    let channels = names::split(filled("default_channels").map(String::as_str));
    if !channels.is_empty() {
        let count = channels.len();
        let list: Value = channels.into_iter().collect();
        imported.values.push(("default_channels", list.to_string()));
        imported
            .taken
            .push(format!("dsock.default_channels: {count} taken"));
    }
    for (name, value) in values {
        imported
            .left
            .extend(left(name, value).map(|line| visible(&line)));
    }
    if filled("port").or(filled("address")).is_none() {
        let line = "port: dSock listens on 6241 where nothing is said, Fantail on another; give it \
                    --listen tcp://0.0.0.0:6241=dsock, or a [[listen]] with it";
        imported.left.push(line.to_owned());
    }
    imported
}

/// What is to be said of a value that is not taken.
fn left(name: &str, value: &str) -> Option<String> {
    match name {
        "token" | "jwt_secret" | "default_channels" => None,
        "port" | "address" if value.is_empty() => None,
        "port" | "address" => {
            let listen = listen(value);
            Some(format!(
                "{name}: give Fantail --listen {listen}=dsock, or a [[listen]] with it"
            ))
        }
        _ => {
            let otherwise = OTHERWISE.iter().find(|(other, _)| *other == name);
            let why = otherwise.map_or("Fantail has nothing like it", |(_, why)| why);
            Some(format!("{name}: {why}"))
        }
    }
}

/// Where the original listens: a port is one of all addresses.
fn listen(value: &str) -> String {
    match value.rsplit_once(':') {
        None => format!("tcp://0.0.0.0:{value}"),
        Some(("", port)) => format!("tcp://0.0.0.0:{port}"),
        Some(_) => format!("tcp://{value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imported(text: &str, environment: &[(&str, &str)]) -> Result<Imported, String> {
        let environment: Vec<_> = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        values(text, &environment).map(|values| import(&values))
    }

    #[test]
    fn a_file_and_the_variables_above_it_become_a_section() {
        let file = "Token = \"abc\\\"123\"\njwt_secret = \"old\"\ndefault_channels = \"global,,a,global\"\n\
                    port = 6241\nredis_host = \"localhost:6379\"\ndebug = false\nother = 1\n";
        let environment = [
            ("DSOCK_JWT_SECRET", "new"),
            ("DSOCK_TOKEN", ""),
            ("DSOCK_REDIS_TLS", "true"),
            ("OTHER_TOKEN", "x"),
        ];
        let imported = imported(file, &environment).unwrap();
        let toml = imported.to_toml();
        let expected = "[dsock]\ntoken = 'abc\"123'\njwt_secret = \"new\"\n\
                        default_channels = [\"global\", \"a\"]\n";
        assert_eq!(toml, expected);
        assert_eq!(imported.instead, ["token_file", "jwt_secret_file"]);
        assert_eq!(
            imported.left,
            [
                "debug: use log.level",
                "other: Fantail has nothing like it",
                "port: give Fantail --listen tcp://0.0.0.0:6241=dsock, or a [[listen]] with it",
                "redis_host: Fantail keeps claims and connections itself",
                "redis_tls: Fantail keeps claims and connections itself",
            ]
        );
        for line in imported.taken.iter().chain(&imported.left) {
            assert!(!line.contains("abc") && !line.contains("new"), "{line}");
        }
    }

    #[test]
    fn where_the_original_listens_is_told_of() {
        let left = |text: &str, environment: &[(&str, &str)]| -> String {
            let imported = imported(text, environment).unwrap();
            imported.left.join("\n")
        };
        let token = [("DSOCK_TOKEN", "t")];
        assert!(left("", &token).contains("--listen tcp://0.0.0.0:6241=dsock"));
        let both = [token[0], ("PORT", "80")];
        assert!(left("port = 81", &both).contains("tcp://0.0.0.0:80=dsock"));
        let own = [("DSOCK_PORT", "82"), ("PORT", "80")];
        assert!(left("", &own).contains("tcp://0.0.0.0:82=dsock"));
        // A PORT alone is not dSock's.
        assert!(
            values("", &[("PORT".to_owned(), "80".to_owned())])
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn lists_of_channels_are_taken_and_tables_told_of() {
        let file = "token = \"t\"\ndefault_channels = [\"a\", \"b\"]\n\"x\\u001B\u{202e}\" = 1\n\
                    [table]\na = 1\n";
        let imported = imported(file, &[]).unwrap();
        assert!(
            imported
                .to_toml()
                .contains("default_channels = [\"a\", \"b\"]")
        );
        let left = imported.left.join("\n");
        assert!(
            left.contains("table: Fantail has nothing like it"),
            "{left}"
        );
        assert!(
            left.contains(r"x\u{1b}\u{202e}: Fantail has nothing"),
            "{left}"
        );
    }

    #[test]
    fn an_open_api_is_told_of() {
        let imported = imported("address = \"127.0.0.1:80\"", &[]).unwrap();
        assert!(imported.values.is_empty());
        assert!(imported.left[0].starts_with("token: it is empty"));
        assert!(imported.left[1].contains("tcp://127.0.0.1:80=dsock"));
    }

    #[test]
    fn what_is_no_such_file_is_refused_without_its_secrets() {
        for text in [
            "token = \"hunter2",
            "token = [\"hunter2\"]",
            "[token]\nhunter2 = 1",
            "hunter2",
        ] {
            let message = imported(text, &[]).map(|_| ()).unwrap_err();
            let says_what = message.contains("config.toml") || message.contains("expected a text");
            assert!(says_what && !message.contains("hunter2"), "{message}");
        }
    }
}
