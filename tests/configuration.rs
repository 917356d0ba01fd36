//! The real program: `check`, `config`, and the exit codes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
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
        std::fs::write(self.path("fantail.toml"), text).unwrap();
        self
    }

    fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fantail"));
        command
            .args(arguments)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        outcome(self.command(arguments).output().unwrap())
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
fn check_says_what_would_be_served() {
    let program = Program::new().variable("XDG_RUNTIME_DIR", "/run/user/7");
    let (code, out, err) = program.run(&["check"]);
    assert_eq!(
        out,
        "file: none\ntcp://127.0.0.1:7328: topics, drc, dsock, message-broker, wson\n\
         control: unix:///run/user/7/fantail/control.sock\n\
         topics: open to everybody who can connect\n\
         drc: 1 address or network and no tokens for authorities\n\
         dsock: the API is off, and nobody can connect\n\
         message-broker: no users, so nobody is let in\n\
         wson: with cookies of a secret that is made at each start\nok\n"
    );
    assert_eq!((code, err.as_str()), (0, ""));

    let program = Program::new()
        .file(
            "[topics]\nsecret = \"hunter2\"\n[wson]\nsecret = \"hunter3\"\n\
             [dsock]\ntoken = \"hunter5\"\njwt_secret = \"hunter6\"\n\
             [drc]\nwhitelist = { \"10.0.0.0/8\" = true, \"::1\" = [\"a\"] }\n\
             tokens = { hunter4 = true }\n\
             [message_broker]\nusers = [\"a:hunter7\"]\nusers_file = \"/users\"\n\
             keep_data = true\n[store]\npath = \"x.db\"\n",
        )
        .variable("FANTAIL_CONTROL_LISTEN", "")
        .variable("CROSSBAR_ELSE", "x");
    let (code, out, err) = program.run(&["check", "-l", "unix:///run/x.sock=topics+echo"]);
    assert_eq!(
        out,
        "file: fantail.toml\nunix:///run/x.sock: topics, echo\ncontrol: off\n\
         topics: with a token only\n\
         drc: 2 addresses or networks and 1 token for authorities\n\
         dsock: clients connect with claims and JWTs\n\
         message-broker: configured users: 1, and those of /users, messages are kept in x.db\n\
         wson: with cookies of the secret that is configured\nok\n"
    );
    assert_eq!(code, 0);
    assert_eq!(
        err,
        "fantail: warning: environment: CROSSBAR_ELSE: this variable is not read\n"
    );
}

#[test]
fn wrong_configurations_exit_with_78_and_all_errors() {
    let program = Program::new()
        .file("limts.message = 1\n")
        .variable("FANTAIL_LIMTS_MESSAGE", "1");
    for arguments in [
        &["check", "--set", "limits.drain=x"][..],
        &["serve", "--set", "limits.drain=x"],
        &["--set", "limits.drain=x"],
        &["config", "--effective", "--set", "limits.drain=x"],
    ] {
        let (code, out, err) = program.run(arguments);
        assert_eq!((code, out.as_str()), (78, ""), "{arguments:?}");
        let lines: Vec<_> = err.lines().collect();
        assert_eq!(lines.len(), 3, "{err}");
        assert_eq!(
            lines[0],
            "fantail: fantail.toml:1:1: unknown key \"limts.message\"; \
             did you mean \"limits.message\"?"
        );
        assert!(lines[1].starts_with("fantail: environment: FANTAIL_LIMTS_MESSAGE: "));
        assert!(lines[2].starts_with("fantail: command line: limits.drain: "));
    }
}

#[test]
fn a_named_file_must_exist_and_be_a_file() {
    let program = Program::new();
    for name in ["absent.toml", "/"] {
        let (code, _, err) = program.run(&["check", "--config", name]);
        assert_eq!(code, 78);
        assert!(
            err.starts_with("fantail: command line: --config: cannot read"),
            "{err}"
        );
    }
    let (code, _, err) = program
        .variable("FANTAIL_CONFIG", "absent.toml")
        .run(&["check"]);
    assert_eq!(code, 78);
    assert!(
        err.starts_with("fantail: environment: FANTAIL_CONFIG: cannot read"),
        "{err}"
    );
}

#[test]
fn wrong_arguments_exit_with_2_and_a_suggestion() {
    let program = Program::new();
    for (arguments, part) in [
        (&["chek"][..], "'check'"),
        (&["check", "--confg", "x"], "'--config'"),
        (&["--set", "x"], "an equals sign"),
        (&["pub"], "<URL>"),
        (&["completions", "cmd"], "possible values"),
    ] {
        let (code, out, err) = program.run(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}");
        assert!(err.contains(part), "{arguments:?}: {err}");
    }
}

#[test]
fn the_default_file_is_a_configuration_that_equals_the_defaults() {
    let program = Program::new();
    let (code, text, _) = program.run(&["config"]);
    assert_eq!(code, 0);
    let path = program.path("default.toml");
    std::fs::write(&path, &text).unwrap();
    let with_file = program.run(&["config", "--effective", "--config", path.to_str().unwrap()]);
    let without = program.run(&["config", "--effective"]);
    assert_eq!(with_file, without);
    assert_eq!(with_file.0, 0);

    let active: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    std::fs::write(&path, active).unwrap();
    let (code, effective, err) =
        program.run(&["config", "--effective", "--config", path.to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(without_comments(&effective), without_comments(&without.1));
}

fn without_comments(text: &str) -> Vec<&str> {
    text.lines()
        .map(|line| line.split("  # ").next().unwrap())
        .filter(|line| !line.starts_with("# "))
        .collect()
}

#[test]
fn the_effective_values_say_where_they_come_from_and_hide_secrets() {
    let program = Program::new()
        .file("[limits]\nhead = 5000\n")
        .variable("FANTAIL_TOPICS_SECRET", "hunter2")
        .variable("FANTAIL_DRC_TOKENS", r#"{ "hunter3" = ["a"] }"#)
        .variable(
            "FANTAIL_DRC_WHITELIST",
            r#"{ "::ffff:10.0.0.1" = ["b", "a"] }"#,
        );
    let (code, out, _) = program.run(&["config", "-e", "--log-level", "debug"]);
    assert_eq!(code, 0);
    for line in [
        "head = 5000  # fantail.toml:2:1",
        "# secret is not shown  # environment: FANTAIL_TOPICS_SECRET",
        "# tokens is not shown  # environment: FANTAIL_DRC_TOKENS",
        "whitelist = { \"10.0.0.1\" = [\"a\", \"b\"] }  # environment: FANTAIL_DRC_WHITELIST",
        "level = \"debug\"  # command line: log.level",
        "headers = 64",
    ] {
        assert!(out.lines().any(|found| found == line), "{line}: {out}");
    }
    assert!(!out.contains("hunter"));
}

#[test]
fn a_closed_output_is_no_error() {
    for arguments in [
        &["config"][..],
        &["man"],
        &["completions", "bash"],
        &["--help"],
        &["check"],
    ] {
        let program = Program::new();
        // Reading ends before the program begins: the pipe has no reader when it writes.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = program.command(arguments).stdout(writer).output().unwrap();
        let (code, _, err) = outcome(output);
        assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}");
    }
}

#[test]
fn version_help_manual_and_completions_are_printed() {
    let program = Program::new();
    for (arguments, part) in [
        (
            &["--version"][..],
            concat!("fantail ", env!("CARGO_PKG_VERSION")),
        ),
        (&["--help"], "Exit codes"),
        (&["man"], ".TH fantail"),
        (&["completions", "bash"], "complete -F"),
        (&["completions", "fish"], "complete -c fantail"),
        (&["completions", "zsh"], "#compdef fantail"),
    ] {
        let (code, out, err) = program.run(arguments);
        assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}");
        assert!(out.contains(part), "{arguments:?}: {out}");
    }
}

#[test]
fn the_users_own_file_is_found() {
    let program = Program::new();
    let directory = program.path("home/.config/fantail");
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("fantail.toml");
    std::fs::File::create(&file)
        .unwrap()
        .write_all(b"[log]\nlevel = \"off\"\n")
        .unwrap();
    let home = program.path("home").display().to_string();
    let (code, out, _) = program.variable("HOME", &home).run(&["check"]);
    assert_eq!(code, 0);
    let first = out.lines().next().unwrap();
    assert_eq!(Path::new(first.strip_prefix("file: ").unwrap()), file);
}
