//! `fantail token`, as it is run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod support;

use fantail::dialects::wson::credentials::check;
use fantail::dialects::wson::settings::{DigestKind, Settings};
use fantail::secret::Secret;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const TOKEN: &str = "0123456789abcdefghijklmnopqrstuv";

/// By Python's hashlib, for the secret `s3cret`, user 42, TOKEN and 1700000000.
const MD5_OF_42: &str = "122fc6833032dcb59855ea2e9fc17b46";

/// Runs `fantail token wson` in an environment with nothing but these variables.
fn run(variables: &[(&str, &str)], arguments: &[&str]) -> (i32, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_fantail"))
        .args(["token", "wson"])
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(directory.path())
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

const SECRET: (&str, &str) = ("FANTAIL_WSON_SECRET", "s3cret");
const KNOWN: [&str; 6] = ["--user", "42", "--token", TOKEN, "--time", "1700000000"];

#[test]
fn cookies_are_ready_to_paste() {
    let (code, out, err) = run(&[SECRET], &KNOWN);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(
        out,
        format!("Cookie: token={TOKEN}; time=1700000000; digest={MD5_OF_42}; user=42\n")
    );
}

#[test]
fn fresh_cookies_are_accepted_and_never_the_same() {
    let hmac = ("FANTAIL_WSON_DIGEST", "hmac-sha256");
    for (variables, digest) in [
        (&[SECRET][..], DigestKind::Md5),
        (&[SECRET, hmac], DigestKind::HmacSha256),
    ] {
        let settings = Settings {
            secret: Secret::new("s3cret"),
            digest,
            ..Settings::default()
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let mut tokens = Vec::new();
        for arguments in [&[][..], &["--user", "42"]] {
            let (code, out, err) = run(variables, arguments);
            assert_eq!((code, err.as_str()), (0, ""));
            let cookies = out.strip_prefix("Cookie: ").unwrap().trim_end();
            let day = Duration::from_secs(86_400);
            let found = check(&settings, [cookies.as_bytes()], day, now.as_secs()).unwrap();
            assert_eq!(found.user.as_deref(), arguments.get(1).copied());
            tokens.push(found.token);
        }
        assert_ne!(tokens[0], tokens[1]);
    }
}

#[test]
fn other_forms_have_the_same_values() {
    let (code, out, _) = run(&[SECRET], &[&KNOWN[..], &["--json"]].concat());
    assert_eq!(code, 0);
    let object: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        object,
        serde_json::json!({
            "token": TOKEN,
            "time": 1_700_000_000,
            "digest": MD5_OF_42,
            "user": "42",
            "expires": 1_700_086_400,
            "cookie": format!("token={TOKEN}; time=1700000000; digest={MD5_OF_42}; user=42"),
        })
    );

    let (code, out, _) = run(&[SECRET], &[&KNOWN[..], &["--php"]].concat());
    assert_eq!((code, out.lines().count()), (0, 4));
    let digest = format!("setrawcookie('digest', '{MD5_OF_42}', ['expires' => 1700086400,");
    assert!(out.contains(&digest), "{out}");

    let (code, out, _) = run(&[SECRET], &[&KNOWN[..], &["--curl"]].concat());
    assert_eq!(code, 0);
    assert!(out.contains(&format!("digest={MD5_OF_42}")), "{out}");
    assert!(out.ends_with(" http://127.0.0.1:7328/wson\n"), "{out}");
}

#[test]
fn without_a_secret_there_are_no_cookies() {
    let (code, out, err) = run(&[], &[]);
    assert_eq!((code, out.as_str()), (78, ""));
    assert!(err.contains("wson.secret is empty"), "{err}");
}

#[test]
fn what_no_cookie_can_carry_is_refused() {
    for (arguments, part) in [
        (&["--token", "short"][..], "32 characters"),
        (
            &["--token", "0123456789abcdefghijklmnopqrst;v"],
            "32 characters",
        ),
        (&["--user", ""], "a user is"),
        (&["--user", "a b"], "a user is"),
        (&["--user", "a;b"], "a user is"),
        (&["--user", "\u{fc}"], "a user is"),
        (&["--time", "now"], "--time"),
        (&["--php", "--json"], "cannot be used with"),
    ] {
        let (code, out, err) = run(&[SECRET], arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}");
        assert!(err.contains(part), "{arguments:?}: {err}");
    }
}

/// PHP runs the lines, and makes the same digest.
#[test]
fn php_agrees() {
    let Some(php) = support::require("php") else {
        return;
    };
    let (_, lines, _) = run(&[SECRET], &[&KNOWN[..], &["--php"]].concat());
    let script = format!(
        "{lines} echo md5('s3cret' . '42' . '{TOKEN}' . '1700000000'), \"\\n\";\
         $field = fn($text) => strlen($text) . ':' . $text . ',';\
         echo hash_hmac('sha256', 'u' . $field('42') . $field('{TOKEN}') . $field('1700000000'),\
         's3cret');"
    );
    let output = Command::new(php).args(["-r", &script]).output().unwrap();
    let hmac = ("FANTAIL_WSON_DIGEST", "hmac-sha256");
    let (_, object, _) = run(&[SECRET, hmac], &[&KNOWN[..], &["--json"]].concat());
    let object: serde_json::Value = serde_json::from_str(&object).unwrap();
    let digest = object["digest"].as_str().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(text, format!("{MD5_OF_42}\n{digest}"), "{stderr}");
}
