//! The real program: `fantail import`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

use std::fs;
use std::process::{Command, Stdio};
use tempfile::TempDir;

struct Program(TempDir);

impl Program {
    fn with(config_dat: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("config.dat"), config_dat).unwrap();
        Self(directory)
    }

    fn file(self, text: &str) -> Self {
        fs::write(self.0.path().join("fantail.toml"), text).unwrap();
        self
    }

    fn text(&self) -> Option<String> {
        fs::read_to_string(self.0.path().join("fantail.toml")).ok()
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_fantail"))
            .args(arguments)
            .env_clear()
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code().unwrap(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    fn import(&self, more: &[&str]) -> (i32, String, String) {
        self.run(&[&["import", "drc", "config.dat"], more].concat())
    }
}

const COMPLETE: &str = r#"{"whitelist":{"127.0.0.1":true,"::ffff:10.0.0.1":["b","a"]},
    "tokens":{"hunter2":true,"hunter3":["p"]},"origins":["http://127.0.0.1","https://A.example"]}"#;

const SECTION: &str = "[drc]\n\
    whitelist = { \"127.0.0.1\" = true, \"::ffff:10.0.0.1\" = [\"b\", \"a\"] }\n\
    tokens = { \"hunter2\" = true, \"hunter3\" = [\"p\"] }\n\
    origins = [\"http://127.0.0.1\", \"https://A.example\"]\n";

/// The same values in any order.
fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.is_empty()).collect()
}

#[test]
fn a_config_dat_becomes_the_section() {
    let program = Program::with(COMPLETE);
    let (code, out, err) = program.import(&["--dry-run"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(lines(&out), lines(SECTION));
    assert_eq!(program.text(), None);

    let (code, out, err) = program.import(&[]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("drc.whitelist: 2 taken\ndrc.tokens: 2 taken\ndrc.origins: 2 taken\n"));
    assert!(
        out.contains("fantail ctl reload") && !out.contains("hunter"),
        "{out}"
    );
    assert_eq!(lines(&program.text().unwrap()), lines(SECTION));
    let (code, out, _) = program.run(&["check"]);
    assert_eq!(code, 0);
    assert!(
        out.contains("2 addresses or networks and 2 tokens"),
        "{out}"
    );
}

#[test]
fn the_rest_of_the_file_stays_and_what_is_there_is_replaced_only_by_force() {
    let file = "# mine\n[log]\nlevel = 'warn' # w\n\n[drc]\n# pages\norigins = ['*'] # o\n\
                tokens_file = 'absent'\nmessage = 4096\n";
    let program = Program::with(COMPLETE).file(file);
    let (code, out, err) = program.import(&[]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(
        err,
        "fantail: the file has drc.origins already; --force replaces it\n"
    );
    assert_eq!(program.text().as_deref(), Some(file));

    let (code, _, err) = program.import(&["--force"]);
    assert_eq!(code, 0, "{err}");
    let text = program.text().unwrap();
    assert!(text.starts_with("# mine\n[log]\nlevel = 'warn' # w\n\n[drc]\n# pages\n"));
    assert!(text.contains("origins = [\"http://127.0.0.1\", \"https://A.example\"] # o\n"));
    assert!(
        text.contains("message = 4096\n") && !text.contains("tokens_file"),
        "{text}"
    );
    assert!(text.contains("tokens = { \"hunter2\" = true"), "{text}");

    // Limits alone are not what is replaced.
    let program = Program::with(COMPLETE).file("[drc]\nmessage = 4096\n");
    let (code, _, err) = program.import(&[]);
    assert_eq!(code, 0, "{err}");
}

#[test]
fn what_cannot_be_taken_is_named_with_the_reason_and_without_secrets() {
    let long = "x".repeat(65);
    let program = Program::with(&format!(
        r#"{{"whitelist":{{"localhost":true,"10.0.0.1":[],"10.0.0.2":false,
        "10.0.0.3":["{long}","ok",7],"10.0.0.4":["x"],"::ffff:10.0.0.4":["y"]}},
        "tokens":{{"hunter2":[""],"hunter3":["a"]}},
        "origins":["http://a.example/",5,"http://b.example"],"port":7328}}"#
    ));
    let (code, out, err) = program.import(&["--dry-run"]);
    assert_eq!(code, 0);
    assert_eq!(
        lines(&out),
        [
            "[drc]",
            "whitelist = { \"10.0.0.3\" = [\"ok\"], \"10.0.0.4\" = [\"x\", \"y\"] }",
            "tokens = { \"hunter3\" = [\"a\"] }",
            "origins = [\"http://b.example\"]",
        ]
    );
    for part in [
        "not taken: whitelist \"localhost\": expected an address or a network",
        "not taken: whitelist \"10.0.0.1\": it counts for no protocol",
        "not taken: whitelist \"10.0.0.2\": it counts for no protocol",
        "expected a protocol of 1 to 64 bytes, not \"xxx",
        "not taken: whitelist \"10.0.0.3\": a protocol that is no text",
        "not taken: token 1: expected a protocol of 1 to 64 bytes, not \"\" of 0",
        "not taken: origin \"http://a.example/\": expected an origin such as",
        "not taken: origin 5: it is no text",
        "not taken: \"port\": Fantail has nothing like it",
    ] {
        assert!(err.contains(part), "{part}: {err}");
    }
    assert!(!err.contains("hunter"), "{err}");
}

#[test]
fn empty_tables_of_php_are_empty() {
    let program = Program::with(r#"{"whitelist":[],"tokens":[],"origins":[]}"#);
    let (code, out, err) = program.import(&[]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(
        out.contains("no client can connect without an origin"),
        "{out}"
    );
    let text = program.text().unwrap();
    assert_eq!(
        lines(&text),
        ["[drc]", "whitelist = {}", "tokens = {}", "origins = []"]
    );
}

#[test]
fn what_is_no_config_dat_is_refused() {
    for (text, part) in [
        ("", "this is no config.dat"),
        ("{\"whitelist\":", "this is no config.dat"),
        ("[]", "a JSON object was expected"),
        (
            "{\"a\":1}",
            "there is neither whitelist nor tokens nor origins",
        ),
    ] {
        let program = Program::with(text);
        let (code, out, err) = program.import(&[]);
        assert_eq!((code, out.as_str()), (1, ""), "{text}");
        assert!(err.contains(part), "{text}: {err}");
        assert_eq!(program.text(), None);
    }
    let program = Program::with("");
    let (code, _, err) = program.run(&["import", "drc", "absent"]);
    assert_eq!(code, 1);
    assert!(err.contains("cannot read \"absent\""), "{err}");
}
