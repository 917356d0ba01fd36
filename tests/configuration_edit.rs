//! The real program: `fantail config set`, `add`, `remove`, `reset`, `get` and `list`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// The program in an empty directory with an empty environment.
struct Program {
    directory: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Program {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    fn file(self, text: &str) -> Self {
        fs::write(self.path("fantail.toml"), text).unwrap();
        self
    }

    fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path("fantail.toml")).unwrap()
    }

    fn start(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_fantail"))
            .arg("config")
            .args(arguments)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        self.run_with(arguments, "")
    }

    fn run_with(&self, arguments: &[&str], input: &str) -> (i32, String, String) {
        let mut child = self.start(arguments);
        // Who does not read does not need it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        outcome(child.wait_with_output().unwrap())
    }

    /// Runs and returns what is printed, of a command that must succeed.
    fn done(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {err}");
        out
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

fn outcome(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn a_file_that_is_not_there_is_made_for_its_owner_alone() {
    let program = Program::new();
    let out = program.done(&["set", "log.level", "debug"]);
    assert_eq!(
        out,
        "log.level = \"debug\"\nfantail.toml is made; nobody else can read it (0600)\n\
         `fantail ctl reload` applies it to a running server\n"
    );
    assert_eq!(program.text(), "[log]\nlevel = \"debug\"\n");
    let mode = fs::metadata(program.path("fantail.toml")).unwrap().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert_eq!(program.names(), ["fantail.toml"]);
}

#[test]
fn the_file_is_the_one_that_the_server_reads() {
    let program = Program::new().file("");
    fs::create_dir(program.path("etc")).unwrap();
    program.done(&["set", "log.level", "debug", "-c", "etc/a.toml"]);
    let by_variable = Program {
        directory: program.directory,
        variables: vec![("FANTAIL_CONFIG", "etc/b.toml".to_owned())],
    };
    by_variable.done(&["set", "log.level", "error"]);
    let read = |name: &str| fs::read_to_string(by_variable.path(name)).unwrap();
    assert_eq!(read("etc/a.toml"), "[log]\nlevel = \"debug\"\n");
    assert_eq!(read("etc/b.toml"), "[log]\nlevel = \"error\"\n");
    assert_eq!(by_variable.text(), "");

    let home = Program::new();
    let of_user = home.path("home/.config/fantail/fantail.toml");
    fs::create_dir_all(of_user.parent().unwrap()).unwrap();
    fs::write(&of_user, "").unwrap();
    let variable = home.path("home").display().to_string();
    let home = home.variable("HOME", &variable);
    home.done(&["set", "log.level", "warn"]);
    assert_eq!(
        fs::read_to_string(of_user).unwrap(),
        "[log]\nlevel = \"warn\"\n"
    );
    assert_eq!(home.names(), ["home"]);

    let (code, _, err) = home.run(&["set", "log.level", "warn", "-c", "absent/a.toml"]);
    assert_eq!(code, 1);
    assert!(
        err.starts_with("fantail: cannot lock absent/a.toml"),
        "{err}"
    );
}

#[test]
fn comments_order_mode_and_links_are_kept() {
    let program = Program::new();
    let text = "# mine\n[topics] # t\nstats = 'open' # seen by all\n\n# who\n[drc]\n# pages\n\
                origins = [\n  'http://a.example', # a\n]\n# end";
    fs::create_dir(program.path("real")).unwrap();
    let real = program.path("real/file.toml");
    fs::write(&real, text).unwrap();
    // Where it may be somebody else's.
    let _ = chown(&real, Some(65_534), Some(65_534));
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(&real).unwrap();
    symlink("real/file.toml", program.path("link")).unwrap();
    symlink("link", program.path("fantail.toml")).unwrap();
    program.done(&["add", "drc.origins", "http://b.example"]);
    program.done(&["set", "topics.stats", "off"]);
    let expected = text
        .replace("'open'", "\"off\"")
        .replace("# a\n", "# a\n  \"http://b.example\",\n");
    assert_eq!(program.text(), expected);
    let metadata = fs::symlink_metadata(&real).unwrap();
    assert_eq!(metadata.mode() & 0o7777, 0o640);
    assert_eq!(
        (metadata.uid(), metadata.gid()),
        (before.uid(), before.gid())
    );
    assert!(
        fs::symlink_metadata(program.path("fantail.toml"))
            .unwrap()
            .is_symlink()
    );
    assert_eq!(program.names(), ["fantail.toml", "link", "real"]);
    assert_eq!(fs::read_dir(program.path("real")).unwrap().count(), 1);

    // A link to what is not there yet.
    let program = Program::new();
    symlink("other.toml", program.path("fantail.toml")).unwrap();
    program.done(&["set", "log.level", "off"]);
    assert_eq!(program.names(), ["fantail.toml", "other.toml"]);
}

#[test]
fn what_the_server_would_not_take_leaves_the_file_alone() {
    let text = "[limits]\noutput = \"1MiB\" # c\n";
    for (arguments, code, part) in [
        (
            &["set", "limits.output_soft", "2MiB"][..],
            78,
            "fantail: fantail.toml:3:1: limits.output_soft (2MiB) is more than limits.output (1MiB)",
        ),
        (
            &["set", "control.listen", "tcp://127.0.0.1:8098"],
            78,
            "tcp://127.0.0.1:8098 needs control.secret",
        ),
        (
            &["set", "topics.secret_file", "absent"],
            78,
            "topics.secret_file: cannot read \"absent\"",
        ),
        (
            &["set", "log.level", "inf"],
            78,
            "fantail: command line: log.level: expected one of off, error, warn, info",
        ),
        (
            &["set", "limts.head", "1"],
            78,
            "did you mean \"limits.head\"?",
        ),
        (
            &["add", "log.level", "off"],
            2,
            "neither a list nor a table",
        ),
        (
            &["add", "drc.origins"],
            2,
            "what is to be added to drc.origins?",
        ),
        (
            &["add", "drc.origins", "--random"],
            2,
            "--random is for drc.tokens",
        ),
        (&["remove", "drc.origins"], 2, "<VALUE>"),
        (
            &["remove", "drc.origins", "null"],
            1,
            "drc.origins has no \"null\"",
        ),
        (&["set", "topics.secret", "-", "-"], 2, "only one value"),
    ] {
        let program = Program::new().file(text);
        let (found, out, err) = program.run(arguments);
        assert_eq!((found, out.as_str()), (code, ""), "{arguments:?}");
        assert!(err.contains(part), "{arguments:?}: {err}");
        assert_eq!(program.text(), text);
        assert_eq!(program.names(), ["fantail.toml"]);
    }
    let program = Program::new().file("[limits\n");
    let (code, _, err) = program.run(&["set", "log.level", "off"]);
    assert_eq!(code, 78);
    assert!(err.starts_with("fantail: fantail.toml:1:8: "), "{err}");
    let (code, _, err) = Program::new().run(&["get", "log.level", "-c", "/"]);
    assert_eq!(code, 1);
    assert!(err.contains("/ is not a regular file"), "{err}");
}

#[test]
fn faults_can_be_mended_one_after_the_other() {
    let program = Program::new().file("[limits]\nhead = true\nmessage = true\n");
    let (code, _, err) = program.run(&["set", "limits.head", "8KiB"]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("there are errors as before"), "{err}");
    assert!(err.contains("fantail.toml:3:11: limits.message"), "{err}");
    let (code, _, err) = program.run(&["set", "limits.fragments", "0"]);
    // With other errors the loader does not get as far as this one.
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = program.run(&["set", "limits.message", "1MiB"]);
    assert_eq!(code, 78, "{err}");
    assert!(
        err.contains("limits.fragments: expected more than 0"),
        "{err}"
    );
    program.done(&["reset", "limits.fragments"]);
}

#[test]
fn secrets_come_from_standard_input_and_are_shown_only_on_request() {
    let program = Program::new();
    let (code, out, err) = program.run_with(&["set", "topics.secret", "-"], "hunter2\n");
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("topics.secret is set\n"), "{out}");
    let (code, out, err) = program.run_with(&["add", "drc.tokens", "-", "a b", "c"], "hunter3\n");
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(
        out.starts_with("drc.tokens: the token is added, for \"a b\", \"c\"\n"),
        "{out}"
    );
    assert!(!out.contains("hunter"));
    assert_eq!(
        program.text(),
        "[topics]\nsecret = \"hunter2\"\n\n[drc]\ntokens = { \"hunter3\" = [\"a b\", \"c\"] }\n"
    );
    let (_, out, err) = program.run(&["add", "drc.tokens", "hunter4"]);
    assert!(!out.contains("hunter"), "{out}");
    assert!(err.contains("other users of this machine can see"), "{err}");

    for (arguments, expected) in [
        (&["get", "topics.secret"][..], "(a secret)\n"),
        (&["get", "topics.secret", "--show-secrets"], "hunter2\n"),
        (
            &["list", "drc.tokens"],
            "(token 1) = [\"a b\", \"c\"]\n(token 2) = true\n",
        ),
        (
            &["list", "drc.tokens", "--show-secrets"],
            "\"hunter3\" = [\"a b\", \"c\"]\n\"hunter4\" = true\n",
        ),
        (
            &["list"],
            "topics.secret = (a secret)\ndrc.tokens = (a secret)\n",
        ),
    ] {
        assert_eq!(program.done(arguments), expected, "{arguments:?}");
    }
    let misspelt = Program::new().file("[drc]\ntoken = { hunter2 = true }\nsecret = 'hunter3'\n");
    assert!(!misspelt.done(&["list"]).contains("hunter"));
}

#[test]
fn a_token_that_nobody_chooses_is_made_and_printed_alone() {
    let program = Program::new();
    let (code, out, err) = program.run(&["add", "drc.tokens"]);
    assert_eq!(code, 0, "{err}");
    let token = out.trim_end();
    assert!(token.len() >= 32 && !err.contains(token), "{out} {err}");
    let (_, out, _) = program.run(&["add", "drc.tokens", "--random", "a", "b"]);
    let second = out.trim_end();
    assert_ne!(token, second);
    assert_eq!(
        program.done(&["list", "drc.tokens", "--show-secrets"]),
        format!("\"{token}\" = true\n\"{second}\" = [\"a\", \"b\"]\n")
    );
}

/// What the original's `config.php` can do, and how it is done here.
#[test]
fn every_command_of_the_original_has_an_equivalent() {
    let program = Program::new();
    for (arguments, listed) in [
        (&["list", "drc.whitelist"][..], "\"127.0.0.1\" = true\n"),
        (
            &["add", "drc.whitelist", "10.0.0.1"],
            "\"127.0.0.1\" = true\n\"10.0.0.1\" = true\n",
        ),
        (
            &["remove", "drc.whitelist", "127.0.0.1"],
            "\"10.0.0.1\" = true\n",
        ),
        (
            &["add", "drc.whitelist", "10.0.0.2", "p"],
            "\"10.0.0.1\" = true\n\"10.0.0.2\" = [\"p\"]\n",
        ),
        (
            &["add", "drc.whitelist", "10.0.0.2", "q"],
            "\"10.0.0.1\" = true\n\"10.0.0.2\" = [\"p\", \"q\"]\n",
        ),
        (
            &["remove", "drc.whitelist", "10.0.0.2", "p"],
            "\"10.0.0.1\" = true\n\"10.0.0.2\" = [\"q\"]\n",
        ),
        (
            &["remove", "drc.whitelist", "10.0.0.2", "q"],
            "\"10.0.0.1\" = true\n",
        ),
    ] {
        program.done(arguments);
        assert_eq!(
            program.done(&["list", "drc.whitelist"]),
            listed,
            "{arguments:?}"
        );
    }
    for (arguments, listed) in [
        (&["add", "drc.tokens", "t", "p"][..], "\"t\" = [\"p\"]\n"),
        (&["add", "drc.tokens", "t", "q"], "\"t\" = [\"p\", \"q\"]\n"),
        (&["remove", "drc.tokens", "t", "p"], "\"t\" = [\"q\"]\n"),
        (&["remove", "drc.tokens", "t"], ""),
    ] {
        program.done(arguments);
        let list = &["list", "drc.tokens", "--show-secrets"];
        assert_eq!(program.done(list), listed, "{arguments:?}");
    }
    for (arguments, listed) in [
        (&["list", "drc.origins"][..], "loopback\n"),
        (
            &["add", "drc.origins", "http://a.example"],
            "loopback\nhttp://a.example\n",
        ),
        (&["remove", "drc.origins", "loopback"], "http://a.example\n"),
    ] {
        program.done(arguments);
        assert_eq!(
            program.done(&["list", "drc.origins"]),
            listed,
            "{arguments:?}"
        );
    }
}

#[test]
fn values_are_printed_for_eyes_and_for_scripts() {
    let program = Program::new().file("[log]\nlevel = 'warn'\n[drc]\norigins = ['*', 'null']\n");
    for (arguments, expected, note) in [
        (&["get", "log.level"][..], "warn\n", ""),
        (&["get", "drc.origins"], "[\"*\", \"null\"]\n", ""),
        (&["list", "drc.origins"], "*\nnull\n", ""),
        (
            &["list"],
            "log.level = \"warn\"\ndrc.origins = [\"*\", \"null\"]\n",
            "",
        ),
        (
            &["get", "limits.head"],
            "8KiB\n",
            "fantail: limits.head is not in fantail.toml; this is the default\n",
        ),
    ] {
        let (code, out, err) = program.run(arguments);
        assert_eq!((code, out.as_str(), err.as_str()), (0, expected, note));
    }
    assert_eq!(program.run(&["get", "log.levl"]).0, 78);
}

#[test]
fn a_change_that_has_no_effect_is_pointed_out() {
    let program = Program::new().variable("FANTAIL_LOG_LEVEL", "off");
    let (code, _, err) = program.run(&["set", "log.level", "debug"]);
    assert_eq!(code, 0);
    assert!(err.contains("warning: FANTAIL_LOG_LEVEL is set"), "{err}");
    let out = program.done(&["set", "log.format", "json"]);
    assert!(out.contains("when it is started again"), "{out}");
    let out = program.done(&["set", "log.format", "json"]);
    assert_eq!(
        out,
        "log.format = \"json\", as it was\nnothing is changed in fantail.toml\n"
    );
}

#[test]
fn of_changes_at_the_same_time_none_is_lost() {
    const CHANGES: usize = 12;
    let program = Program::new().file("[drc]\norigins = [] # c\n");
    let origin = |number: usize| format!("http://host{number}.example");
    let children: Vec<_> = (0..CHANGES)
        .map(|number| program.start(&["add", "drc.origins", &origin(number)]))
        .collect();
    for child in children {
        let (code, _, err) = outcome(child.wait_with_output().unwrap());
        assert_eq!(code, 0, "{err}");
    }
    let listed = program.done(&["list", "drc.origins"]);
    for number in 0..CHANGES {
        assert!(
            listed.lines().any(|line| line == origin(number)),
            "{listed}"
        );
    }
    assert_eq!(listed.lines().count(), CHANGES);
    assert!(program.text().ends_with("] # c\n"));
    assert_eq!(program.names(), ["fantail.toml"]);
}
