//! Changes in every way of writing the same.

use super::*;
use crate::config::node::Content;
use crate::config::{Config, Sources, default_file};
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
            "remove drc.origins HTTP://A.example:80",
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
            "[drc]\norigins = ['HTTP://A.example:80']\n",
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
        (
            "",
            "set listen tcp://127.0.0.1:1",
            "change them in the file",
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
