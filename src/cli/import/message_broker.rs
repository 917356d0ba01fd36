//! The `config.ini` of WSMessageBroker: sections `[server]`, `[database]` and `[credential]`.

use std::path::Path;

use super::Imported;
use crate::cli::Failure;
use crate::config::read_file;

/// Where the original looks for users that are not in its configuration.
const USERS_FILE: &str = ".htpasswd";

/// The drivers whose databases can be used.
const DRIVERS: [&str; 3] = ["mysql", "mysqli", "mariadb"];

/// What `[database]` says of the place of the messages, and the keys for it.
const DATABASE: &[(&str, &str)] = &[
    ("host", "store.host"),
    ("port", "store.port"),
    ("name", "store.database"),
    ("username", "store.username"),
    ("password", "store.password"),
    ("prefix", "store.prefix"),
];

/// A line `key = value` or `key[] = value`.
#[derive(Debug, PartialEq, Eq)]
struct Entry<'a> {
    section: &'a str,
    key: &'a str,
    value: &'a str,
}

/// Reads the file.
///
/// # Errors
/// If it cannot be read, or is something else.
pub(super) fn read(path: &Path) -> Result<Imported, Failure> {
    let text = read_file(path).map_err(Failure::Runtime)?;
    let wrong = |what: &str| Failure::Runtime(format!("{}: {what}", path.display()));
    let entries = entries(&text)
        .map_err(|line| wrong(&format!("line {line} is neither [section] nor key = value")))?;
    let known = ["server", "database", "credential"];
    if !entries.iter().any(|entry| known.contains(&entry.section)) {
        return Err(wrong("there is neither [server] nor [credential] in it"));
    }
    // The configuration may be in another directory.
    let users_file = path.with_file_name(USERS_FILE);
    let users_file = std::path::absolute(&users_file).unwrap_or(users_file);
    Ok(import(&entries, &users_file))
}

/// The entries in their order, or the number of the line that is none.
fn entries(text: &str) -> Result<Vec<Entry<'_>>, usize> {
    let mut section = "";
    let mut entries = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = name.trim();
            continue;
        }
        let (key, value) = line.split_once('=').ok_or(index + 1)?;
        let key = key.trim();
        entries.push(Entry {
            section,
            key: key.strip_suffix("[]").unwrap_or(key).trim_end(),
            value: unquoted(value.trim()),
        });
    }
    Ok(entries)
}

/// A value without its quotation marks, or without the remark behind it.
fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            return rest.split(quote).next().unwrap_or(rest);
        }
    }
    value.split(';').next().unwrap_or(value).trim_end()
}

fn import(entries: &[Entry<'_>], users_file: &Path) -> Imported {
    let mut reader = Reader::default();
    for entry in entries {
        reader.take(entry, users_file);
    }
    reader.take_database(entries);
    if !reader.users.is_empty() {
        let users: Vec<_> = reader.users.iter().map(|user| quoted(user)).collect();
        let value = format!("[{}]", users.join(", "));
        reader.values.push(("users", value));
        reader.taken.push(format!("{} users", reader.users.len()));
    }
    // Those of other sections come last.
    reader.values.sort_by_key(|(key, _)| key.contains('.'));
    let has = |key: &str| reader.values.iter().any(|(other, _)| *other == key);
    let instead = match has("store.password") {
        true => vec!["store.password_file"],
        false => vec![],
    };
    Imported {
        section: "message_broker",
        values: reader.values,
        instead,
        taken: reader.taken,
        left: reader.left,
    }
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Reader<'a> {
    values: Vec<(&'static str, String)>,
    users: Vec<&'a str>,
    taken: Vec<String>,
    left: Vec<String>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, entry: &Entry<'a>, users_file: &Path) {
        let Entry {
            section,
            key,
            value,
        } = *entry;
        match (section, key) {
            ("server", "number_of_receiver") => self.count("number_of_receiver", 0, value),
            ("server", "delay_send") => self.count("delay_send", 0, value),
            ("database", "limit") => self.count("limit", 1, value),
            ("server", "keep_data") => {
                let on = ["1", "on", "yes", "true"].contains(&&*value.to_ascii_lowercase());
                self.value("keep_data", on.to_string());
            }
            ("credential", "source") if value.eq_ignore_ascii_case("file") => {
                self.value("users_file", quoted(&users_file.to_string_lossy()));
            }
            ("credential", "source") => {}
            ("credential", "data") if value.contains(':') => self.users.push(value),
            ("credential", "data") => self.left("a user without a colon"),
            ("server", "port") => {
                self.left(&format!(
                    "port {value}: listen there with `fantail config add listen \
                     tcp://0.0.0.0:{value}=message-broker`"
                ));
            }
            // They belong together, and are taken by another function.
            ("database", _) if DATABASE.iter().any(|(name, _)| *name == key) => {}
            ("database", "driver") => {}
            (section, key) => self.left(&format!("[{section}] {key}: Fantail has nothing like it")),
        }
    }

    /// The database with the messages: it is used as it is, if Fantail can.
    fn take_database(&mut self, entries: &[Entry<'a>]) {
        let value = |wanted: &str| {
            let mut entries = entries.iter().rev();
            let entry = entries.find(|entry| entry.section == "database" && entry.key == wanted);
            entry.map(|entry| entry.value)
        };
        let Some(driver) = value("driver") else {
            if DATABASE.iter().any(|(name, _)| value(name).is_some()) {
                self.left("[database]: it names no driver");
            }
            return;
        };
        if !DRIVERS.contains(&&*driver.to_ascii_lowercase()) {
            self.left(&format!(
                "[database]: Fantail has no driver {driver}; messages are kept in store.path, and \
                 what is in the old database stays there"
            ));
            return;
        }
        self.value("store.kind", quoted("mysql"));
        for (name, key) in DATABASE {
            match value(name) {
                None => {}
                Some(port) if *name == "port" => match port.parse::<u16>() {
                    Ok(1..) => self.value(key, port.to_owned()),
                    _ => self.left("[database] port: not a number from 1 to 65535"),
                },
                Some(text) => self.value(key, quoted(text)),
            }
        }
        if !cfg!(feature = "mysql") {
            self.left(
                "[database]: it is in the configuration now, but this program was built without \
                 MySQL; build it with --features mysql, or set store.kind to sqlite",
            );
        }
    }

    fn count(&mut self, key: &'static str, least: usize, value: &str) {
        match value.parse::<usize>() {
            Ok(number) if number >= least => self.value(key, number.to_string()),
            _ => self.left(&format!("{key}: not a number from {least} on")),
        }
    }

    fn value(&mut self, key: &'static str, value: String) {
        self.values.retain(|(other, _)| *other != key);
        self.taken.push(key.to_owned());
        self.values.push((key, value));
    }

    fn left(&mut self, what: &str) {
        self.left.push(what.to_owned());
    }
}

/// A text of TOML: that of JSON is one.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INI: &str = "\
; a remark
[server]
port = 8888
number_of_receiver = \"2\"
keep_data = On ; of course
delay_send = 30

[database]
driver = mysql
host = localhost
password = 'se;cret'
limit = 3

[credential]
source = config
data[] = \"qa:$apr1$a$b\"
data[] = second:{SHA}x=
data[] = nobody
colour = blue
";

    #[test]
    fn what_fantail_has_is_taken_and_the_rest_is_named() {
        let imported = import(&entries(INI).unwrap(), Path::new("/etc/x/.htpasswd"));
        let toml = imported.to_toml();
        for line in [
            "number_of_receiver = 2",
            "keep_data = true",
            "delay_send = 30",
            "limit = 3",
            r#"users = ["qa:$apr1$a$b", "second:{SHA}x="]"#,
        ] {
            assert!(toml.lines().any(|other| other == line), "{line}: {toml}");
        }
        assert!(!toml.contains("users_file"));
        let database =
            "\n[store]\nkind = \"mysql\"\nhost = \"localhost\"\npassword = \"se;cret\"\n";
        assert!(toml.ends_with(database), "{toml}");
        assert_eq!(imported.instead, ["store.password_file"]);
        assert!(!imported.taken.join("\n").contains("cret"));
        let left = imported.left.join("\n");
        for part in ["port 8888", "without a colon", "colour"] {
            assert!(left.contains(part), "{part}: {left}");
        }
        assert!(!left.contains("cret") && !left.contains("apr1"), "{left}");
    }

    #[test]
    fn a_database_is_taken_only_if_it_can_be_used() {
        let whole = "[database]\nname=sms\nprefix=x_\nport=3307\nusername=u\nhost=h\n";
        let of = |more: &str| {
            let text = format!("{whole}{more}");
            import(&entries(&text).unwrap(), Path::new(".htpasswd"))
        };
        assert_eq!(
            of("driver = MariaDB\n").to_toml(),
            "[store]\nkind = \"mysql\"\nhost = \"h\"\nport = 3307\ndatabase = \"sms\"\n\
             username = \"u\"\nprefix = \"x_\"\n"
        );
        for (more, part) in [
            ("driver=pgsql\n", "no driver pgsql"),
            ("", "names no driver"),
        ] {
            let imported = of(more);
            assert_eq!(imported.to_toml(), "");
            assert!(imported.left[0].contains(part), "{:?}", imported.left);
        }
        let imported = of("driver=mysql\nport=x\n");
        assert!(imported.left.iter().any(|line| line.contains("port: not")));
    }

    #[test]
    fn users_of_a_file_stay_in_it() {
        let text = "[credential]\nsource=file\n[server]\nlimit=x\nnumber_of_receiver=-1\n";
        let imported = import(&entries(text).unwrap(), Path::new("/etc/x/.htpasswd"));
        assert_eq!(
            imported.to_toml(),
            "[message_broker]\nusers_file = \"/etc/x/.htpasswd\"\n"
        );
        assert_eq!(imported.left.len(), 2);
        assert_eq!(entries("[server]\nnonsense\n"), Err(2));
    }
}
