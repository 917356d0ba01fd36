//! dSock in the real binary: what needs sockets, threads or the log.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should fail"
)]

mod support;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fantail::dialects::dsock::error::ErrorCode;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Sha256, Sha384, Sha512};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use support::{HttpResponse, RawClient, Server, wait_until};

const TOKEN: &str = "the-token-of-the-api";
const SECRET: &str = "the-secret-of-the-tokens";

fn start(more: &[(&str, &str)]) -> Server {
    let settings = [
        ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=dsock"),
        ("FANTAIL_DSOCK_TOKEN", TOKEN),
        ("FANTAIL_DSOCK_JWT_SECRET", SECRET),
    ];
    Server::start(&[&settings, more].concat())
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs()
}

/// Calls the API on a connection that stays.
struct Api(RawClient);

impl Api {
    fn connect(address: SocketAddr) -> Self {
        Self(RawClient::connect(address))
    }

    fn call(&mut self, method: &str, target: &str, body: &[u8]) -> HttpResponse {
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        self.0.send(&[head.as_bytes(), body].concat());
        self.0.receive_response()
    }

    fn post(&mut self, target: &str) -> Value {
        let response = self.call("POST", target, b"");
        assert_eq!(response.status, 200, "{target}: {}", response.text());
        serde_json::from_slice(&response.body).unwrap()
    }

    fn info(&mut self, query: &str) -> Value {
        let response = self.call("GET", &format!("/info?{query}"), b"");
        serde_json::from_slice(&response.body).unwrap()
    }
}

/// A token of these texts.
fn token(header: &str, claims: &str, sign: fn(&[u8], &[u8]) -> Vec<u8>) -> String {
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let signature = sign(SECRET.as_bytes(), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn mac<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mac = <M as KeyInit>::new_from_slice(key).unwrap();
    mac.chain_update(data).finalize().into_bytes().to_vec()
}

fn good_token(user: &str) -> String {
    let claims = json!({"sub": user, "exp": now() + 60}).to_string();
    token(r#"{"alg":"HS256"}"#, &claims, mac::<Hmac<Sha256>>)
}

#[test]
fn a_claim_is_redeemed_once_however_many_want_it() {
    const CLIENTS: usize = 16;
    const ROUNDS: usize = 40;
    let server = start(&[
        ("FANTAIL_HTTP_TRUSTED_PROXIES", "127.0.0.0/8"),
        ("FANTAIL_DSOCK_CONNECTIONS_PER_USER", "1000"),
    ]);
    let address = server.address();
    let mut api = Api::connect(address);
    for round in 0..ROUNDS {
        api.post(&format!("/claim?user=u&id=race{round}"));
        let start = Barrier::new(CLIENTS);
        let statuses: Vec<u16> = thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    let start = &start;
                    scope.spawn(move || {
                        let mut client = RawClient::connect(address);
                        start.wait();
                        let path = format!("/connect?claim=race{round}");
                        client.try_upgrade(&path, &[]).status
                    })
                })
                .collect();
            let statuses = clients.into_iter().map(|client| client.join().unwrap());
            statuses.collect()
        });
        let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
        assert_eq!((count(101), count(400)), (1, CLIENTS - 1), "{statuses:?}");
    }
}

#[test]
fn forged_tokens_are_refused() {
    let server = start(&[]);
    let mut client = RawClient::connect(server.address());
    let exp = now() + 60;
    let claims = format!(r#"{{"sub":"u","exp":{exp}}}"#);
    let hs256 = r#"{"alg":"HS256"}"#;
    let good = token(hs256, &claims, mac::<Hmac<Sha256>>);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let sign = mac::<Hmac<Sha256>>;
    let forged = [
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        format!(
            "{header}.{}.{signature}",
            URL_SAFE_NO_PAD.encode(claims.replace('u', "v"))
        ),
        token(r#"{"alg":"None"}"#, &claims, |_, _| Vec::new()),
        // The public key of an RSA pair, taken for the secret of an HMAC, and the other way round.
        token(r#"{"alg":"RS256"}"#, &claims, sign),
        token(r#"{"alg":"PS512"}"#, &claims, mac::<Hmac<Sha512>>),
        token(r#"{"alg":"ES256"}"#, &claims, sign),
        token(r#"{"alg":"HS512"}"#, &claims, sign),
        token(hs256, &claims, mac::<Hmac<Sha384>>),
        token(r#"{"alg":"none","alg":"HS256"}"#, &claims, sign),
        token(r#"{"alg":["HS256"]}"#, &claims, sign),
        token("{}", &claims, sign),
        token(r#"{"alg":"HS256","crit":["exp"]}"#, &claims, sign),
        token(r#"{"alg":"HS256","crit":[]}"#, &claims, sign),
        token(hs256, r#"{"sub":"u"}"#, sign),
        token(hs256, &format!(r#"{{"sub":"u","exp":"{exp}"}}"#), sign),
        token(hs256, &format!(r#"{{"sub":"u","exp":{exp}.5}}"#), sign),
        token(hs256, r#"{"sub":"u","exp":1e400}"#, sign),
        token(
            hs256,
            &format!(r#"{{"sub":"u","exp":{exp},"nbf":{exp}}}"#),
            sign,
        ),
        token(hs256, &format!(r#"{{"sub":"u","iat":{exp}}}"#), sign),
        token(
            hs256,
            &format!(r#"{{"sub":"v","sub":"u","exp":{exp}}}"#),
            sign,
        ),
        token(
            hs256,
            &format!(r#"{{"sub":"u","\u0073ub":"u","exp":{exp}}}"#),
            sign,
        ),
        token(hs256, &format!(r#"{claims}{claims}"#), sign),
        token(hs256, &format!("[{claims}]"), sign),
        token(hs256, &"[".repeat(4_000), sign),
    ];
    for token in &forged {
        let path = format!("/connect?jwt={token}");
        let response = client.try_upgrade(&path, &[]);
        assert_eq!(response.status, 400, "{token}");
        assert!(response.text().contains("INVALID_JWT"), "{token}");
    }
    for good in [
        good.clone(),
        token(r#"{"alg":"HS384"}"#, &claims, mac::<Hmac<Sha384>>),
        token(r#"{"alg":"HS512"}"#, &claims, mac::<Hmac<Sha512>>),
    ] {
        RawClient::upgrade(server.address(), &format!("/connect?jwt={good}"));
    }
}

#[test]
fn a_token_of_100_kb_costs_nothing() {
    let server = start(&[("FANTAIL_LIMITS_HEAD", "200KiB")]);
    let long = "a".repeat(100_000);
    let dots = format!("{0}.{0}.{0}", "a".repeat(33_000));
    for token in [long, dots] {
        let mut client = RawClient::connect(server.address());
        let begin = Instant::now();
        let response = client.try_upgrade(&format!("/connect?jwt={token}"), &[]);
        assert_eq!(response.status, 400);
        assert!(response.text().contains("INVALID_JWT"));
        assert!(begin.elapsed() < Duration::from_secs(1));
    }
    let server = start(&[]);
    let mut client = RawClient::connect(server.address());
    let response = client.try_upgrade(&format!("/connect?jwt={}", "a".repeat(100_000)), &[]);
    assert_eq!(response.status, 431);
}

#[test]
fn no_token_claim_or_jwt_is_logged_at_any_level() {
    let server = start(&[("FANTAIL_LOG_LEVEL", "trace")]);
    let mut api = Api::connect(server.address());
    let made = api.post("/claim?user=canary-user&channels=a");
    let made = made["claim"]["id"].as_str().unwrap().to_owned();
    api.post("/claim?user=canary-user&id=canary-claim");
    let jwt = good_token("canary-user");
    let bad_jwt = jwt.replace("ey", "eyJ");
    let _first = RawClient::upgrade(server.address(), &format!("/connect?claim={made}"));
    let _second = RawClient::upgrade(server.address(), &format!("/connect?jwt={jwt}"));
    for target in [
        format!("/connect?claim={made}"),
        "/connect?claim=canary-claim&jwt=x".to_owned(),
        format!("/connect?jwt={bad_jwt}"),
        format!("/info?user=u&token={TOKEN}-wrong"),
        format!("/info?user=%zz&token={TOKEN}"),
        format!("/nope?token={TOKEN}&claim=canary-claim"),
        format!("/{TOKEN}"),
        format!("/info/?token={TOKEN}"),
        format!("/send?token={TOKEN} HTTP/9.9"),
    ] {
        let mut client = RawClient::connect(server.address());
        client.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        client.receive_response();
    }
    api.post("/send?user=canary-user&type=text");
    api.post("/disconnect?user=canary-user");
    wait_until("the log of the end", Duration::from_secs(5), || {
        server.log().contains("trace") || server.log().contains("debug")
    });
    server.signal("TERM");
    thread::sleep(Duration::from_millis(200));
    let log = server.log();
    assert!(
        log.contains("INVALID_JWT") && log.contains("connected"),
        "{log}"
    );
    for secret in [TOKEN, SECRET, &made, "canary-claim", &jwt, &bad_jwt] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    // Not even a part of a token.
    for part in jwt.split('.').chain(bad_jwt.split('.')) {
        assert!(!log.contains(part), "{part} is in the log");
    }
}

#[test]
fn wrong_tokens_count_against_an_address() {
    let server = start(&[("FANTAIL_HTTP_TRUSTED_PROXIES", "10.0.0.0/8")]);
    let mut client = RawClient::connect(server.address());
    let mut statuses = Vec::new();
    for _ in 0..12 {
        client.send(b"GET /info?user=u&token=x HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let status = client.receive_response().status;
        statuses.push(status);
        if status == 429 {
            break;
        }
    }
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 10);
}

#[test]
fn who_is_late_has_guessed_nothing() {
    let server = start(&[("FANTAIL_HTTP_TRUSTED_PROXIES", "10.0.0.0/8")]);
    let mut client = RawClient::connect(server.address());
    let mut status = |path: &str| {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        client.receive_response().status
    };
    let ended = json!({"sub": "u", "exp": now() - 1}).to_string();
    let ended = token(r#"{"alg":"HS256"}"#, &ended, mac::<Hmac<Sha256>>);
    for _ in 0..12 {
        assert_eq!(status("/connect?claim=nope"), 400);
        assert_eq!(status(&format!("/connect?jwt={ended}")), 400);
    }
    // A signature could be guessed.
    let mut forged = ended;
    forged.replace_range(forged.len() - 5..forged.len() - 1, "AAAA");
    let forged = format!("/connect?jwt={forged}");
    let statuses: Vec<u16> = (0..11).map(|_| status(&forged)).collect();
    assert_eq!(statuses, [[400; 10].as_slice(), &[429]].concat());
}

/// The codes, statuses and messages of the specification.
const ERRORS: &[(&str, u16, &str)] = &[
    ("INVALID_AUTHORIZATION", 400, "Invalid authorization"),
    ("USER_ID_REQUIRED", 400, "User ID is required"),
    (
        "INVALID_EXPIRATION",
        400,
        "Error parsing expiration (must be a integer)",
    ),
    (
        "NEGATIVE_EXPIRATION",
        400,
        "Can not use 0 or negative expiration",
    ),
    (
        "INVALID_DURATION",
        400,
        "Could not parse duration (must be a integer)",
    ),
    (
        "NEGATIVE_DURATION",
        400,
        "Can not use 0 or negative duration",
    ),
    ("CLAIM_ID_ALREADY_USED", 400, "Claim ID is already used"),
    (
        "MISSING_AUTHENTICATION",
        400,
        "Did not provide an authentication method",
    ),
    ("MISSING_CLAIM", 400, "Could not find claim"),
    ("EXPIRED_CLAIM", 400, "Claim has expired"),
    ("INVALID_JWT", 400, "Could not validate JWT"),
    ("MISSING_TARGET", 400, "Missing target"),
    (
        "INVALID_MESSAGE_TYPE",
        400,
        "Invalid message type, must be text or binary",
    ),
];

#[test]
fn the_errors_are_those_of_the_specification_to_the_letter() {
    let server = start(&[]);
    let mut api = Api::connect(server.address());
    api.post("/claim?user=u&id=used");
    for (method, target, code) in [
        ("GET", "/connect", "MISSING_AUTHENTICATION"),
        ("GET", "/connect?claim=", "MISSING_AUTHENTICATION"),
        ("GET", "/connect?claim=nope", "MISSING_CLAIM"),
        ("GET", "/connect?jwt=nope", "INVALID_JWT"),
        ("POST", "/claim", "USER_ID_REQUIRED"),
        ("POST", "/claim?user=u&expiration=x", "INVALID_EXPIRATION"),
        ("POST", "/claim?user=u&expiration=1", "INVALID_EXPIRATION"),
        ("POST", "/claim?user=u&expiration=0", "NEGATIVE_EXPIRATION"),
        ("POST", "/claim?user=u&duration=x", "INVALID_DURATION"),
        ("POST", "/claim?user=u&duration=-1", "NEGATIVE_DURATION"),
        ("POST", "/claim?user=u&id=used", "CLAIM_ID_ALREADY_USED"),
        ("POST", "/send?type=text", "MISSING_TARGET"),
        ("POST", "/send?user=u", "INVALID_MESSAGE_TYPE"),
        ("POST", "/send?user=u&type=TEXT", "INVALID_MESSAGE_TYPE"),
        ("POST", "/disconnect", "MISSING_TARGET"),
        ("GET", "/info?session=s", "MISSING_TARGET"),
        ("POST", "/channel/subscribe/c", "MISSING_TARGET"),
        ("POST", "/channel/unsubscribe/c", "MISSING_TARGET"),
    ] {
        let (_, status, message) = ERRORS.iter().find(|(other, ..)| *other == code).unwrap();
        let response = api.call(method, target, b"");
        let id = response.header("x-request-id").unwrap();
        let expected = format!(
            r#"{{"error":"{message}","errorCode":"{code}","requestId":"{id}","success":false}}"#
        );
        assert_eq!(
            (response.text(), response.status),
            (expected, *status),
            "{target}"
        );
        let kind = response.header("content-type");
        assert_eq!(kind, Some("application/json; charset=utf-8"), "{target}");
    }
    for (code, status, message) in ERRORS {
        let error = ErrorCode::ALL
            .iter()
            .find(|error| error.code() == *code)
            .unwrap();
        assert_eq!(
            (error.status(), error.message()),
            (*status, *message),
            "{code}"
        );
    }
}

#[test]
fn tokens_are_made_and_explained() {
    let run = |arguments: &[&str], input: &str| {
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_fantail"))
            .arg("token")
            .args(arguments)
            .env_clear()
            .env("FANTAIL_DSOCK_JWT_SECRET", SECRET)
            .current_dir(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains(SECRET));
        (output.status.code().unwrap(), text)
    };
    let server = start(&[]);
    let made = [
        "dsock",
        "--user",
        "1",
        "--channels",
        "a,b",
        "--session",
        "s",
    ];
    let (code, token) = run(&made, "");
    assert_eq!(code, 0);
    let path = format!("/connect?jwt={}", token.trim());
    let _client = RawClient::upgrade(server.address(), &path);
    let info = Api::connect(server.address()).info("user=1&session=s");
    assert_eq!(info["connections"][0]["channels"], json!(["a", "b"]));
    let (code, text) = run(&["explain", token.trim()], "");
    assert_eq!(code, 0, "{text}");
    let (code, text) = run(&["explain", "-"], &token);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("signature: ok"), "{text}");
    let endless = token_without_end();
    let (code, text) = run(&["explain", &endless], "");
    assert_eq!(code, 1);
    assert!(text.contains("exp: is missing, and so is iat"), "{text}");
    let (code, _) = run(&["dsock"], "");
    assert_eq!(code, 2);
    // A token that the server would refuse is not made.
    let many: Vec<String> = (0..129).map(|number| number.to_string()).collect();
    for more in [
        ["--user", &"u".repeat(257)],
        ["--session", &"s".repeat(257)],
        ["--channels", &many.join(",")],
        ["--channels", &"c".repeat(257)],
    ] {
        let user = ["dsock", "--user", "1"];
        let user = if more[0] == "--user" {
            &user[..1]
        } else {
            &user
        };
        assert_eq!(run(&[user, &more].concat(), ""), (2, String::new()));
    }
}

fn token_without_end() -> String {
    token(r#"{"alg":"HS256"}"#, r#"{"sub":"u"}"#, mac::<Hmac<Sha256>>)
}

#[test]
fn the_configuration_of_the_original_is_taken_over() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write(
        "config.toml",
        "token = \"old\"\nport = 6241\ndefault_channels = \"global\"\n",
    );
    let output = Command::new(env!("CARGO_BIN_EXE_fantail"))
        .args(["import", "dsock", "--config", "fantail.toml"])
        .env_clear()
        .env("DSOCK_TOKEN", "hunter2")
        .env("DSOCK_JWT_SECRET", "hunter3")
        .current_dir(directory.path())
        .output()
        .unwrap();
    let shown = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("tcp://0.0.0.0:6241=dsock"), "{shown}");
    assert!(
        !shown.contains("hunter") && !shown.contains("old"),
        "{shown}"
    );
    let written = std::fs::read_to_string(directory.path().join("fantail.toml")).unwrap();
    for line in [
        "token = \"hunter2\"",
        "jwt_secret = \"hunter3\"",
        "default_channels = [\"global\"]",
    ] {
        assert!(written.contains(line), "{written}");
    }
}
