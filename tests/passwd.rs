//! `fantail passwd`, with other people's programs as a second opinion.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

const PASSWORD: &str = "pä:ss wörd";

fn passwd(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fantail"))
        .arg("passwd")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let mut stdin = child.stdin.take().expect("it is piped");
    // It may have ended for another reason.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

fn line(scheme: &str) -> String {
    let arguments = match scheme {
        "bcrypt" => vec!["qa", "--cost=4"],
        scheme => vec!["qa", "--scheme", scheme],
    };
    let output = passwd(&arguments, &format!("{PASSWORD}\n"));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("it is text")
}

#[test]
fn lines_fit_their_password_and_no_other() {
    let directory = tempfile::tempdir().expect("it can be made");
    let path = directory.path().join("htpasswd");
    let path_text = path.to_str().expect("it is UTF-8");
    for scheme in ["bcrypt", "apr1", "sha"] {
        std::fs::write(&path, line(scheme)).expect("it can be written");
        let check = |user, password: &str| passwd(&[user, "--check", path_text], password);
        assert_eq!(check("qa", PASSWORD).status.code(), Some(0), "{scheme}");
        assert_eq!(check("qa", "other").status.code(), Some(1), "{scheme}");
        assert_eq!(check("other", PASSWORD).status.code(), Some(1), "{scheme}");
    }
}

#[test]
fn php_finds_that_bcrypt_fits() {
    let line = line("bcrypt");
    let hash = line.trim().strip_prefix("qa:").expect("it is the user's");
    assert!(hash.starts_with("$2y$04$"), "{hash}");
    let php = Command::new("php")
        .args(["-r", "exit(password_verify($argv[1], $argv[2]) ? 0 : 1);"])
        .args([PASSWORD, hash])
        .status();
    assert!(php.expect("PHP is installed").success());
}

#[test]
fn what_cannot_be_is_explained() {
    for (arguments, input, part) in [
        (&["a:b"][..], "x\n", "has no colon"),
        (&["a"], "", "the password is empty"),
        (&["a"], "\n", "the password is empty"),
        (
            &["a", "--check", "/nonexistent"],
            "x\n",
            "cannot read /nonexistent",
        ),
    ] {
        let output = passwd(arguments, input);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(part), "{error}");
    }
    for arguments in [
        &["a", "--cost=3"][..],
        &["a", "--cost=17"],
        &["a", "--password=x"],
        &[],
    ] {
        assert_eq!(
            passwd(arguments, "x").status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
}
