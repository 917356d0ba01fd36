//! Changes in every way of writing the same.

use super::*;
use crate::config::node::Content;
use crate::config::{Config, Sources, default_file};
use crate::dialects::drc::settings::Protocols;
use std::path::Path;

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// `set drc.origins a b` and the like; the text afterwards.
fn make(text: &str, command: &str) -> Result<Edited, String> {
    let mut words = words(command);
    let (verb, key) = (words.remove(0), words.remove(0));
    let change = match verb.as_str() {
        "set" => Change::Set(words),
        "set-text" => Change::Set(vec![words.join(" ")]),
        "add" => Change::Add(words),
        "remove" => Change::Remove(words),
        _ => Change::Reset,
    };
    edit(text, &key, &change).map_err(|error| match error {
        EditError::Invalid(errors) => errors.to_string(),
        EditError::Usage(message) | EditError::Refused(message) => message,
        EditError::Syntax => "syntax".to_owned(),
    })
}

fn after(text: &str, command: &str) -> String {
    let edited = make(text, command).unwrap_or_else(|error| panic!("{command}: {error}"));
    let loaded = Config::load_with(&Sources::default(), Path::new("x.toml"), &edited.text);
    if let Err(errors) = loaded {
        panic!("{command}: {errors}\n{}", edited.text);
    }
    edited.text
}

#[test]
fn single_values_are_set_where_they_stand() {
    for (text, command, expected) in [
        ("", "set log.level debug", "[log]\nlevel = \"debug\"\n"),
        (
            "# mine\n",
            "set log.level debug",
            "# mine\n\n[log]\nlevel = \"debug\"\n",
        ),
        ("[log]", "set log.level debug", "[log]\nlevel = \"debug\"\n"),
        (
            "[log] # here\r\n# c\r\n",
            "set log.level debug",
            "[log] # here\r\nlevel = \"debug\"\r\n# c\r\n",
        ),
        (
            "[log]\nlevel = 'info' # c\nformat='json'\n",
            "set log.level debug",
            "[log]\nlevel = \"debug\" # c\nformat='json'\n",
        ),
        (
            "log.format = 'json' # c\n[limits]\n",
            "set log.level debug",
            "log.format = 'json' # c\nlog.level = \"debug\"\n[limits]\n",
        ),
        (
            "log = { format = 'json' }\n",
            "set log.level debug",
            "log = { format = 'json', \"level\" = \"debug\" }\n",
        ),
        (
            "log = {}\n",
            "set log.level debug",
            "log = { \"level\" = \"debug\" }\n",
        ),
        (
            "[log]\nformat = 'json'\n\n# limits\n[limits]\n",
            "set log.level debug",
            "[log]\nformat = 'json'\nlevel = \"debug\"\n\n# limits\n[limits]\n",
        ),
        (
            "[log]\n#level = \"info\"\n\n# how\n#format = \"auto\"\n",
            "set log.level debug",
            "[log]\n#level = \"info\"\nlevel = \"debug\"\n\n# how\n#format = \"auto\"\n",
        ),
        ("", "set limits.head 4096", "[limits]\nhead = 4096\n"),
        ("", "set limits.head 64KiB", "[limits]\nhead = \"64KiB\"\n"),
        ("", "set limits.headers 9", "[limits]\nheaders = 9\n"),
        (
            "",
            "set control.exposed true",
            "[control]\nexposed = true\n",
        ),
        ("", "set limits.drain 1s", "[limits]\ndrain = \"1s\"\n"),
        (
            "[topics.policies]\n'/a' = 'latest'\n",
            "set topics.stats off",
            "[topics.policies]\n'/a' = 'latest'\n\n[topics]\nstats = \"off\"\n",
        ),
    ] {
        assert_eq!(after(text, command), expected, "{command}");
    }
}

#[test]
fn lists_are_changed_however_they_are_written() {
    for (text, command, expected) in [
        (
            "",
            "set drc.origins http://a.example http://b.example",
            "[drc]\norigins = [\"http://a.example\", \"http://b.example\"]\n",
        ),
        ("", "set-text drc.origins ", "[drc]\norigins = []\n"),
        (
            "",
            "add drc.origins https://c.example",
            "[drc]\norigins = [\"loopback\", \"https://c.example\"]\n",
        ),
        ("", "remove drc.origins loopback", "[drc]\norigins = []\n"),
        (
            "[drc]\norigins = [ # ours\n  'http://a.example', # a\n  # b\n  'http://b.example',\n]\n",
            "add drc.origins https://c.example",
            "[drc]\norigins = [ # ours\n  'http://a.example', # a\n  # b\n  'http://b.example',\n  \"https://c.example\",\n]\n",
        ),
        (
            "[drc]\norigins = [ # ours\n  'http://a.example', # a\n  # b\n  'http://b.example',\n]\n",
            "remove drc.origins HTTP://A.example",
            "[drc]\norigins = [ # ours\n  # b\n  'http://b.example',\n]\n",
        ),
        (
            "drc.origins = ['*']\n",
            "add drc.origins loopback,http://a.example",
            "drc.origins = ['*', \"loopback\", \"http://a.example\"]\n",
        ),
        (
            "http = { trusted_proxies = ['10.0.0.0/8'] }\n",
            "remove http.trusted_proxies 10.1.0.0/8",
            "http = { trusted_proxies = [] }\n",
        ),
    ] {
        assert_eq!(after(text, command), expected, "{command}");
    }
}

#[test]
fn tables_are_changed_however_they_are_written() {
    for (text, command, expected) in [
        (
            "",
            "add drc.whitelist 10.0.0.0/8",
            "[drc]\nwhitelist = { \"127.0.0.1\" = true, \"10.0.0.0/8\" = true }\n",
        ),
        (
            "",
            "remove drc.whitelist 127.0.0.1",
            "[drc]\nwhitelist = {}\n",
        ),
        (
            "[drc]\nwhitelist = {\"::1\" = true} # c\n",
            "add drc.whitelist ::2 a b a",
            "[drc]\nwhitelist = {\"::1\" = true, \"::2\" = [\"a\", \"b\"]} # c\n",
        ),
        (
            "[drc]\nwhitelist = {\n  # one\n  '::1' = [\n    'a', # c\n  ], # d\n}\n",
            "add drc.whitelist ::1 a b",
            "[drc]\nwhitelist = {\n  # one\n  '::1' = [\n    'a', # c\n    \"b\",\n  ], # d\n}\n",
        ),
        (
            "[drc.whitelist] # w\n# one\n  '::1' = ['a', 'b'] # c\n# end\n",
            "add drc.whitelist ::2",
            "[drc.whitelist] # w\n# one\n  '::1' = ['a', 'b'] # c\n  \"::2\" = true\n# end\n",
        ),
        (
            "[drc.whitelist] # w\n# one\n  '::1' = ['a', 'b'] # c\n# end\n",
            "remove drc.whitelist 0:0::1 a",
            "[drc.whitelist] # w\n# one\n  '::1' = ['b'] # c\n# end\n",
        ),
        (
            "[drc.whitelist] # w\n# one\n  '::1' = ['a', 'b'] # c\n# end\n",
            "remove drc.whitelist ::1 a b",
            "[drc.whitelist] # w\n# one\n# end\n",
        ),
        (
            "[drc.whitelist]\n[log]\n",
            "add drc.whitelist ::2",
            "[drc.whitelist]\n\"::2\" = true\n[log]\n",
        ),
        (
            "[drc]\nwhitelist.'::1' = ['a']\n  whitelist.'::2' = true # c\n",
            "add drc.whitelist ::3 x",
            "[drc]\nwhitelist.'::1' = ['a']\n  whitelist.'::2' = true # c\n  whitelist.\"::3\" = [\"x\"]\n",
        ),
        (
            "[drc]\nwhitelist.'::1' = ['a']\n",
            "add drc.whitelist ::1",
            "[drc]\nwhitelist.'::1' = true\n",
        ),
        (
            "drc.whitelist.'::1' = true # c\nlog.level = 'off'\n",
            "remove drc.whitelist ::1",
            "drc.whitelist = {} # c\nlog.level = 'off'\n",
        ),
        (
            "drc.whitelist.'::1' = true\ndrc.whitelist.'::2' = true\n",
            "set-text drc.whitelist { '::3' = ['a'], '::4' = true }",
            "drc.whitelist.\"::3\" = [\"a\"]\ndrc.whitelist.\"::4\" = true\n",
        ),
        (
            "[drc.tokens]\n# mine\na = true\n",
            "set-text drc.tokens { b = ['x'] }",
            "[drc.tokens]\n# mine\n\"b\" = [\"x\"]\n",
        ),
        (
            "[drc]\ntokens = { a = true, 'b c' = ['x', 'y'] }\n",
            "remove drc.tokens a",
            "[drc]\ntokens = { 'b c' = ['x', 'y'] }\n",
        ),
        (
            "drc = { tokens = { a = ['x'] }, origins = [] }\n",
            "add drc.tokens a y",
            "drc = { tokens = { a = ['x', \"y\"] }, origins = [] }\n",
        ),
        (
            "[topics.policies]\n'/a' = 'latest'\n",
            "add topics.policies /b close",
            "[topics.policies]\n'/a' = 'latest'\n\"/b\" = \"close\"\n",
        ),
        (
            "[topics]\npolicies = { '/a' = 'latest' }\n",
            "add topics.policies /a close",
            "[topics]\npolicies = { '/a' = \"close\" }\n",
        ),
        (
            "[topics]\npolicies = { '/a' = 'latest', '/b' = 'close' }\n",
            "remove topics.policies /a",
            "[topics]\npolicies = { '/b' = 'close' }\n",
        ),
    ] {
        assert_eq!(after(text, command), expected, "{command}");
    }
}

#[test]
fn listeners_are_changed_however_they_are_written() {
    const SERVER: &str = "# a\n[[listen]] # b\naddress = 'tcp://127.0.0.1:1' # c\n# d\n\n\
                          [[listen]]\naddress = 'tcp://127.0.0.1:2'\nserve = ['drc']\n\n# e\n[log]\n";
    const LIST: &str = "listen = [\n  { address = 'tcp://127.0.0.1:1' }, # one\n]\n# e\n[log]\n";
    for (text, command, expected) in [
        (
            "",
            "set listen tcp://0.0.0.0:80=topics+drc",
            "[[listen]]\naddress = \"tcp://0.0.0.0:80\"\nserve = [\"topics\", \"drc\"]\n",
        ),
        (
            SERVER,
            "add listen unix:///x.sock",
            "# a\n[[listen]] # b\naddress = 'tcp://127.0.0.1:1' # c\n# d\n\n[[listen]]\naddress = 'tcp://127.0.0.1:2'\nserve = ['drc']\n\n[[listen]]\naddress = \"unix:///x.sock\"\n\n# e\n[log]\n",
        ),
        (
            SERVER,
            "remove listen tcp://127.0.0.1:2",
            "# a\n[[listen]] # b\naddress = 'tcp://127.0.0.1:1' # c\n# d\n\n\n# e\n[log]\n",
        ),
        (
            SERVER,
            "set listen unix:///x.sock",
            "# a\n# d\n\n[[listen]]\naddress = \"unix:///x.sock\"\n\n# e\n[log]\n",
        ),
        (SERVER, "reset listen", "# a\n# d\n\n\n# e\n[log]\n"),
        (
            LIST,
            "add listen unix:///x.sock=drc",
            "listen = [\n  { address = 'tcp://127.0.0.1:1' }, # one\n  { \"address\" = \"unix:///x.sock\", \"serve\" = [\"drc\"] },\n]\n# e\n[log]\n",
        ),
        (LIST, "reset listen", "# e\n[log]\n"),
    ] {
        assert_eq!(after(text, command), expected, "{command}");
    }
}

#[test]
fn a_listener_that_is_added_joins_the_default_one() {
    let text = after("[log]\n", "add listen unix:///x.sock");
    let default = "[log]\n\n[[listen]]\naddress = \"tcp://127.0.0.1:7328\"\nserve = [";
    assert!(text.starts_with(default), "{text}");
    assert!(
        text.ends_with("]\n\n[[listen]]\naddress = \"unix:///x.sock\"\n"),
        "{text}"
    );
}

#[test]
fn keys_are_taken_out_however_they_are_written() {
    for (text, command, expected) in [
        ("[log]\n", "reset log.level", "[log]\n"),
        (
            "[log]\nlevel = 'off' # c\n# d\nformat = 'json'\n",
            "reset log.level",
            "[log]\n# d\nformat = 'json'\n",
        ),
        (
            "log.level = 'off'\nlog.format = 'json'\n",
            "reset log.level",
            "log.format = 'json'\n",
        ),
        (
            "log = { level = 'off', format = 'json' }\n",
            "reset log.level",
            "log = { format = 'json' }\n",
        ),
        (
            "[drc]\norigins = [\n  # c\n  '*',\n]\n[log]\n",
            "reset drc.origins",
            "[drc]\n[log]\n",
        ),
        (
            "[drc.whitelist]\n# c\n'::1' = true\n[log]\n",
            "reset drc.whitelist",
            "# c\n[log]\n",
        ),
        (
            "drc.whitelist.'::1' = true\ndrc.origins = []\ndrc.whitelist.'::2' = true\n",
            "reset drc.whitelist",
            "drc.origins = []\n",
        ),
    ] {
        assert_eq!(after(text, command), expected, "{command}");
    }
}

#[test]
fn what_is_there_already_changes_nothing() {
    for (text, command) in [
        ("", "add drc.origins loopback"),
        (
            "[drc]\norigins = ['HTTP://A.example']\n",
            "add drc.origins http://a.example",
        ),
        ("[drc]\norigins = ['*']\n", "set drc.origins *"),
        (
            "[drc.whitelist]\n'::ffff:10.0.0.1' = true\n",
            "add drc.whitelist 10.0.0.1 a",
        ),
        (
            "[drc.whitelist]\n'::1' = ['a']\n",
            "add drc.whitelist ::1 a",
        ),
        ("[log]\nlevel = 'off'\n", "set log.level off"),
    ] {
        assert_eq!(after(text, command), text, "{command}");
    }
}

#[test]
fn changes_that_make_no_sense_are_refused() {
    let row = "[drc]\nwhitelist = { '::1' = true }\ntokens = { hunter2 = ['a'] }\n";
    for (text, command, part) in [
        ("", "set limts.head 1", "did you mean \"limits.head\"?"),
        ("", "set listen 127.0.0.1:1", "expected an address such as"),
        ("", "add listen tcp://127.0.0.1:1=topcs", "did you mean"),
        (
            "",
            "remove listen tcp://127.0.0.1:1",
            "there is no listener on",
        ),
        (
            "",
            "remove listen tcp://127.0.0.1:7328",
            "nothing would be listened on",
        ),
        ("", "set log.level", "takes one value, not 0"),
        ("", "set log.level a b", "takes one value, not 2"),
        ("", "set log.level inf", "did you mean \"info\"?"),
        (
            "",
            "set limits.headers many",
            "expected a whole number, not \"many\"",
        ),
        (
            "",
            "set drc.origins http://a.example/x",
            "expected an origin",
        ),
        ("", "add log.level off", "neither a list nor a table"),
        (
            "",
            "add drc.whitelist localhost",
            "expected an address or a network",
        ),
        ("", "add topics.policies a close", "begins with a slash"),
        ("", "add topics.policies /a", "takes a name and a value"),
        (
            "",
            "remove drc.origins http://a.example",
            "has no \"http://a.example\"",
        ),
        (
            row,
            "remove drc.whitelist ::1 a",
            "counts for every protocol, from which none",
        ),
        (row, "remove drc.whitelist ::2", "\"::2\" is not there"),
        (row, "remove drc.tokens hunter2 b", "the token has no \"b\""),
        (row, "remove drc.tokens hunter3", "the token is not there"),
        (
            row,
            "set drc.tokens hunter3",
            "drc.tokens: expected a value as in the file",
        ),
        (
            row,
            "set-text drc.tokens { hunter3 = false }",
            "token 1: expected true",
        ),
        (
            "[drc]\norigins = 3\n",
            "add drc.origins *",
            "is a number, not a list",
        ),
        (
            "drc = { whitelist.a = true }\n",
            "add drc.whitelist ::1",
            "only a text editor",
        ),
        ("[drc", "set log.level off", "syntax"),
    ] {
        let Err(error) = make(text, command) else {
            panic!("{command} was made");
        };
        assert!(error.contains(part), "{command}: {error}");
        assert!(!error.contains("hunter"), "{error}");
    }
}

#[test]
fn every_key_can_be_set_to_its_default_in_the_default_file_and_back() {
    let file = default_file();
    for (name, target) in Target::all() {
        if target.from_file || name == "listen" {
            continue;
        }
        let default = target.key.default();
        let value = match toml::parse_value(&default).map(|node| node.content) {
            Ok(Content::Text(text)) => vec![text],
            Ok(Content::List(items)) => items
                .iter()
                .map(|item| item.as_text("a text").unwrap().to_owned())
                .collect(),
            _ => vec![default.clone()],
        };
        let Ok(set) = edit(&file, &name, &Change::Set(value)) else {
            panic!("{name}");
        };
        let line = format!("{} = {default}\n", target.key.field());
        assert!(set.text.contains(&format!("\n#{line}{line}")), "{name}");
        assert_eq!(set.text.len(), file.len() + line.len());
        assert_eq!(after(&set.text, &format!("reset {name}")), file);
    }
}

/// What a random series of changes must leave in the whitelist: for each address its protocols,
/// none for all of them.
type Whitelist = std::collections::BTreeMap<String, Vec<String>>;

const STARTS: &[&str] = &[
    "",
    "\u{feff}# with a mark\n[drc]\n",
    "# nothing yet\n[drc]\n#whitelist = {}\n# end\n[log]\n",
    "[drc]\nwhitelist = {} # inline\norigins = [ # o\n] # end\n",
    "[drc]\nwhitelist = {\n  # over lines\n  '127.0.0.1' = true, # home\n\n  # more\n}\n# end\n",
    "# head\n[drc.whitelist] # rows\n# home\n'127.0.0.1' = true # here\n\n# end\n[log] # l\nlevel = 'off'",
    "[log]\n# dotted\n[drc]\r\nwhitelist.'127.0.0.1' = true # here\r\n# end\r\n",
    "# flat\ndrc.whitelist.'127.0.0.1' = true\nlog.level = 'off' # l\n# end\n",
    "drc = { whitelist = { '127.0.0.1' = true } } # all in one\n# end\n",
];

/// A random change, made in the model too; `None` if it must be refused.
fn change(rng: &mut fastrand::Rng, model: &mut Whitelist) -> (Change, bool) {
    let addresses = ["127.0.0.1", "10.0.0.0/8", "::1", "fe80::/10"];
    let address = addresses[rng.usize(..addresses.len())].to_owned();
    let protocols: Vec<_> = ["#,]}", "a", "b b"]
        .into_iter()
        .filter(|_| rng.u8(..3) == 0)
        .map(str::to_owned)
        .collect();
    let mut words = vec![address.clone()];
    words.extend(protocols.clone());
    if rng.bool() {
        match model.get_mut(&address) {
            None => drop(model.insert(address, protocols)),
            Some(has) if has.is_empty() || protocols.is_empty() => has.clear(),
            Some(has) => {
                has.extend(protocols);
                has.sort();
                has.dedup();
            }
        }
        return (Change::Add(words), true);
    }
    let Some(has) = model.get_mut(&address) else {
        return (Change::Remove(words), false);
    };
    if protocols.iter().any(|protocol| !has.contains(protocol)) {
        return (Change::Remove(words), false);
    }
    has.retain(|protocol| !protocols.contains(protocol));
    if protocols.is_empty() || has.is_empty() {
        model.remove(&address);
    }
    (Change::Remove(words), true)
}

fn whitelist(text: &str) -> Whitelist {
    let loaded = Config::load_with(&Sources::default(), Path::new("x.toml"), text);
    let config = loaded
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
        .config;
    let rows = config.drc.whitelist.into_iter();
    rows.map(|(network, protocols)| {
        let network = network.to_string().replace("/32", "").replace("/128", "");
        let protocols = match protocols {
            Protocols::All => Vec::new(),
            Protocols::Only(names) => names.iter().map(ToString::to_string).collect(),
        };
        (network, protocols)
    })
    .collect()
}

fn comment_lines(text: &str) -> Vec<&str> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| line.starts_with('#')).collect()
}

#[test]
fn random_changes_do_what_the_model_says_and_keep_all_comment_lines() {
    for seed in 0..300 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let start = STARTS[seed as usize % STARTS.len()];
        let mut text = start.to_owned();
        let mut model = whitelist(&text);
        for _ in 0..30 {
            let before = model.clone();
            let (change, is_possible) = change(&mut rng, &mut model);
            let Ok(edited) = edit(&text, "drc.whitelist", &change) else {
                assert!(!is_possible, "seed {seed}\n{text}");
                continue;
            };
            let new = &edited.text;
            assert_eq!(
                whitelist(new),
                model,
                "seed {seed}, {before:?}\n{text}\n->\n{new}"
            );
            assert_eq!(
                comment_lines(new),
                comment_lines(start),
                "seed {seed}\n{text}\n->\n{new}"
            );
            text = edited.text;
        }
    }
}
