//! HTTP/1.1 against the real binary: requests however they arrive, answers that say what is wrong,
//! who may do what, and whose word about a client's address counts.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use fantail::protocol::json_web_token;
use serde_json::{Map, Value, json};
use socket2::{Domain, Socket, Type};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use support::{End, HttpResponse, RawClient, Server};

/// Loopback is no trusted proxy, so that a test can be an ordinary client.
const NO_PROXY: (&str, &str) = ("FANTAIL_HTTP_TRUSTED_PROXIES", "192.0.2.1");

/// Room for many handshakes, where the number of connections is what counts.
const MANY_HANDSHAKES: [(&str, &str); 2] = [
    ("FANTAIL_LIMITS_HANDSHAKES_PER_ADDRESS", "10000"),
    ("FANTAIL_LIMITS_HANDSHAKES_PER_ADDRESS_BURST", "10000"),
];

/// Sends one request on a connection of its own.
#[track_caller]
fn request(server: &Server, bytes: &[u8]) -> HttpResponse {
    let mut client = RawClient::connect(server.address());
    client.send(bytes);
    client.receive_response()
}

/// A POST to `path` with more header lines, each with its CRLF.
fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// What the statistics feed says of the clients.
#[track_caller]
fn reports(feed: &mut RawClient, count: usize) -> Vec<Value> {
    feed.send_text("?");
    (0..count)
        .map(|_| serde_json::from_str(&feed.receive_text()).expect("the feed is JSON"))
        .collect()
}

#[test]
fn a_connection_serves_many_requests() {
    let server = Server::start(&[]);
    let mut client = RawClient::connect(server.address());
    for _ in 0..3 {
        client.send(b"GET /stats HTTP/1.1\r\nHost: h\r\n\r\n");
        let page = client.receive_response();
        assert_eq!(page.status, 200);
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(page.header("connection"), Some("keep-alive"));
        assert!(
            page.text().starts_with("<!doctype html>"),
            "{}",
            page.text()
        );
        client.send(&post("/demo", "", b"hello"));
        assert_eq!(client.receive_response().text(), "{\"receivers\":0}");
        // A request that is merely refused does not end the connection.
        client.send(b"GET /demo HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(client.receive_response().status, 400);
    }
    client.send(b"GET /stats HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let last = client.receive_response();
    assert_eq!(
        (last.status, last.header("connection")),
        (200, Some("close"))
    );
    assert_eq!(client.receive_end(), End::Closed);

    let mut old = RawClient::connect(server.address());
    old.send(b"GET /stats HTTP/1.0\r\n\r\n");
    assert_eq!(old.receive_response().header("connection"), Some("close"));
    assert_eq!(old.receive_end(), End::Closed);
}

#[test]
fn requests_may_follow_one_another_without_waiting() {
    let server = Server::start(&[]);
    let mut receiver = RawClient::upgrade(server.address(), "/demo");
    let all = [
        post("/demo", "", b"first"),
        b"GET /stats HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n\r\n".to_vec(),
        b"OPTIONS /demo HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(),
        b"PUT /demo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz".to_vec(),
        b"POST /demo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
          3;name=value\r\nsec\r\n00003\r\nond\r\n0\r\nTrailer: ignored\r\n\r\n"
            .to_vec(),
        b"GET /demo HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            .to_vec(),
        support::Frame::text("third").masked([9, 9, 9, 9]),
    ]
    .concat();
    for size in [all.len(), 1, 7] {
        let mut client = RawClient::connect(server.address());
        for piece in all.chunks(size) {
            client.send(piece);
        }
        assert_eq!(client.receive_response().text(), "{\"receivers\":1}");
        let totals: Value = serde_json::from_slice(&client.receive_response().body).expect("JSON");
        assert_eq!(totals["version"], env!("CARGO_PKG_VERSION"));
        let options = client.receive_response();
        assert_eq!(
            (options.status, options.header("allow")),
            (204, Some("GET, POST, OPTIONS"))
        );
        let put = client.receive_response();
        assert_eq!(
            (put.status, put.header("allow")),
            (405, Some("GET, POST, OPTIONS"))
        );
        assert_eq!(client.receive_response().status, 200);
        assert_eq!(client.receive_response_head().status, 101);
        for text in ["first", "second", "third"] {
            assert_eq!(receiver.receive_text(), text);
        }
        client.send_frame(&support::Frame::close(1000, ""));
        assert_eq!(client.receive_close(), 1000);
    }
}

#[test]
fn a_client_that_waits_to_send_its_body_is_asked_for_it() {
    let server = Server::start(&[]);
    let mut receiver = RawClient::upgrade(server.address(), "/demo");
    let mut client = RawClient::connect(server.address());
    let head =
        b"POST /demo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    client.send(head);
    assert_eq!(client.receive_response_head().status, 100);
    client.send(b"hello");
    assert_eq!(client.receive_response().text(), "{\"receivers\":1}");
    assert_eq!(receiver.receive_text(), "hello");
    // One that does not wait needs no asking.
    client.send(&[&head[..], b"again"].concat());
    assert_eq!(client.receive_response().status, 200);
    assert_eq!(receiver.receive_text(), "again");
    // A body that will be refused is not asked for.
    let mut client = RawClient::connect(server.address());
    client.send(
        b"POST /demo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1048577\r\n\r\n",
    );
    assert_eq!(client.receive_response().status, 413);
}

#[test]
fn what_is_wrong_is_said() {
    let server = Server::start(&[]);
    let long_head = format!(
        "GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n",
        "x".repeat(8192)
    );
    let many_headers = format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "X: y\r\n".repeat(64));
    let long_body = "POST /demo HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n";
    let long_chunk =
        "POST /demo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n";
    let long_name = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(256));
    let cases: Vec<(&str, u16, &str)> = vec![
        (&long_head, 431, "request head limit\n"),
        (&many_headers, 431, "request headers limit\n"),
        (
            long_body,
            413,
            "request body limit: more than 1048576 bytes\n",
        ),
        (
            long_chunk,
            413,
            "request body limit: more than 1048576 bytes\n",
        ),
        (&long_name, 414, "channel name limit\n"),
        ("GET /%ff HTTP/1.1\r\nHost: h\r\n\r\n", 400, "path: "),
        (
            "GET / HTTP/1.1\r\n\r\n",
            400,
            "malformed request: no Host field\n",
        ),
        (
            "GET / HTTP/1.1\nHost: h\n\n",
            400,
            "line 1 ends in LF without CR",
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\n\r\n",
            400,
            "line 2 ends in LF without CR",
        ),
        (
            "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
            400,
            "malformed request: line 2: ",
        ),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nA: \u{1}\r\n\r\n",
            400,
            "malformed request: line 3: ",
        ),
        (
            "GET nowhere HTTP/1.1\r\nHost: h\r\n\r\n",
            400,
            "does not begin with a slash",
        ),
        ("\u{16}\u{3}\u{1}\r\n\r\n", 400, "malformed request: "),
        ("GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505, "only HTTP/1.1"),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n",
            400,
            "Content-Length is not a number of bytes",
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            400,
            "more than one Content-Length",
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "both Transfer-Encoding and Content-Length",
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n",
            501,
            "chunked",
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            400,
            "malformed chunked request body: ",
        ),
    ];
    for (bytes, status, reason) in cases {
        let mut client = RawClient::connect(server.address());
        client.send(bytes.as_bytes());
        let response = client.receive_response();
        let text = response.text();
        let head = &bytes[..bytes.len().min(60)];
        assert_eq!(response.status, status, "{head:?}: {text}");
        assert!(text.contains(reason), "{head:?}: {text}");
        assert_eq!(
            response.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        if status != 414 && !text.starts_with("path: ") {
            // Behind what was not understood there is nothing that could be.
            assert_eq!(response.header("connection"), Some("close"), "{head:?}");
            assert_eq!(client.receive_end(), End::Closed, "{head:?}");
        }
    }
}

#[test]
fn methods() {
    let server = Server::start(&[]);
    let get = request(&server, b"GET /demo HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(get.status, 400);
    assert_eq!(get.header("sec-websocket-version"), Some("13"));

    let mut client = RawClient::connect(server.address());
    client.send(b"HEAD /demo HTTP/1.1\r\nHost: h\r\n\r\n");
    // The length is given, but no body follows.
    let head = client.receive_response_head();
    assert_eq!(head.status, 400);
    assert!(head.content_length() > 0);
    client.send(b"HEAD /stats HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_eq!(client.receive_response_head().status, 405);
    assert_eq!(client.receive_end(), End::Closed);

    for (method, path, status, allow) in [
        ("POST", "/stats", 405, Some("GET")),
        ("PUT", "/demo", 405, Some("GET, POST, OPTIONS")),
        ("DELETE", "/demo", 405, Some("GET, POST, OPTIONS")),
        ("BREW", "/demo", 405, Some("GET, POST, OPTIONS")),
        ("OPTIONS", "/demo", 204, Some("GET, POST, OPTIONS")),
        ("POST", "/out/demo", 403, None),
        ("POST", "/in/demo", 200, None),
    ] {
        let bytes = format!("{method} {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
        let response = request(&server, bytes.as_bytes());
        assert_eq!(
            response.status,
            status,
            "{method} {path}: {}",
            response.text()
        );
        assert_eq!(response.header("allow"), allow, "{method} {path}");
    }
}

#[test]
fn two_dialects_share_a_listener() {
    let server = Server::start(&[("FANTAIL_LISTEN", "tcp://127.0.0.1:0=topics+echo")]);
    let mut echo = RawClient::upgrade(server.address(), "/echo");
    echo.send_text("hello");
    assert_eq!(echo.receive_text(), "hello");
    let mut topic = RawClient::upgrade(server.address(), "/demo");
    topic.send_text("hello");
    assert_eq!(topic.receive_frame_within(Duration::from_millis(50)), None);
}

#[test]
fn posted_messages_reach_the_receivers() {
    let server = Server::start(&[]);
    let mut plain = RawClient::upgrade(server.address(), "/demo");
    let mut receiver = RawClient::upgrade(server.address(), "/out/demo");
    let mut sender = RawClient::upgrade(server.address(), "/in/demo");

    let response = request(
        &server,
        &post("/demo/?query", "Content-Type: text/plain\r\n", b"hi"),
    );
    assert_eq!(
        (response.status, response.text()),
        (200, "{\"receivers\":1}".to_owned())
    );
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(plain.receive_text(), "hi");

    // As from another sender: to the receivers, and to those who send.
    let response = request(&server, &post("/in/demo", "", "é".as_bytes()));
    assert_eq!(response.text(), "{\"receivers\":2}");
    assert_eq!(receiver.receive_text(), "é");
    assert_eq!(sender.receive_text(), "é");

    let binary = "Content-Type: Application/Octet-Stream; x=y\r\n";
    assert_eq!(
        request(&server, &post("/demo", binary, b"\x00\xFF")).status,
        200
    );
    assert_eq!(plain.receive_binary(), b"\x00\xFF");
    assert_eq!(request(&server, &post("/demo", "", b"")).status, 200);
    assert_eq!(plain.receive_text(), "");

    let response = request(&server, &post("/demo", "", b"\xFF"));
    assert_eq!(response.status, 400);
    assert!(
        response.text().contains("application/octet-stream"),
        "{}",
        response.text()
    );
    plain.synchronise();
}

fn seconds_since_1970() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}

fn token(audience: &str, seconds: i64) -> String {
    let Value::Object(claims): Value = json!({
        "aud": audience,
        "exp": seconds_since_1970().saturating_add_signed(seconds),
    }) else {
        return String::new();
    };
    let claims: Map<String, Value> = claims;
    json_web_token::sign(&claims, b"the secret").expect("it is short")
}

#[test]
fn posting_takes_the_token_of_a_sender() {
    let server = Server::start(&[
        ("FANTAIL_TOPICS_SECRET", "the secret"),
        ("FANTAIL_TOPICS_AUDIENCE", "https://aud.example"),
    ]);
    let good = token("https://aud.example/in/demo", 60);
    let cases = [
        (
            String::new(),
            401,
            "token contains an invalid number of segments",
        ),
        (
            "Bearer".to_owned(),
            401,
            "token contains an invalid number of segments",
        ),
        (
            format!("Bearer {}", token("https://aud.example/demo", 60)),
            401,
            "Denied - not permitted",
        ),
        (
            format!("Bearer {}", token("https://aud.example/in/demo", -60)),
            401,
            "Token is expired",
        ),
        (format!("Bearer {good}x"), 401, "signature"),
        (format!("Bearer {good}"), 200, "{\"receivers\":0}"),
        (format!("bearer {good}"), 200, "{\"receivers\":0}"),
        (good, 200, "{\"receivers\":0}"),
    ];
    for (authorization, status, part) in cases {
        let header = format!("Authorization: {authorization}\r\n");
        let response = request(&server, &post("/in/demo", &header, b"hello"));
        let text = response.text();
        assert_eq!(response.status, status, "{authorization}: {text}");
        assert!(text.contains(part), "{authorization}: {text}");
        if status == 401 {
            assert_eq!(response.header("www-authenticate"), Some("Bearer"));
        }
    }
}

#[test]
fn failed_logins_shut_an_address_out() {
    let server = Server::start(&[("FANTAIL_TOPICS_SECRET", "the secret")]);
    let attempt = |address: &str| {
        let header = format!("X-Forwarded-For: {address}\r\nAuthorization: wrong\r\n");
        request(&server, &post("/demo", &header, b"hello")).status
    };
    for _ in 0..10 {
        assert_eq!(attempt("203.0.113.7"), 401);
    }
    assert_eq!(attempt("203.0.113.7"), 429);
    assert_eq!(attempt("203.0.113.8"), 401);
    let mut client = RawClient::connect(server.address());
    let response = client.try_upgrade("/demo", &[("X-Forwarded-For", "203.0.113.7")]);
    assert_eq!(
        (response.status, response.text().as_str()),
        (429, "failed logins limit\n")
    );
}

#[test]
fn a_head_has_to_be_complete_in_time() {
    let server = Server::start(&[
        ("FANTAIL_LIMITS_HANDSHAKE_TIME", "1s"),
        ("FANTAIL_LIMITS_KEEP_ALIVE", "1s"),
    ]);
    let begun = Instant::now();
    let mut silent = RawClient::connect(server.address());
    let mut slow = RawClient::connect(server.address());
    let mut idle = RawClient::connect(server.address());
    idle.send(b"GET /stats HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(idle.receive_response().status, 200);
    let mut upgraded = RawClient::upgrade(server.address(), "/demo");
    slow.send(b"GET /demo HTTP/1.1\r\n");
    while begun.elapsed() < Duration::from_millis(800) {
        // Bytes that arrive do not give it more time.
        slow.send(b"X: y\r\n");
        thread::sleep(Duration::from_millis(50));
    }
    for client in [&mut silent, &mut slow, &mut idle] {
        client.receive_end();
    }
    let elapsed = begun.elapsed();
    assert!(
        elapsed >= Duration::from_millis(900),
        "closed after {elapsed:?}"
    );
    assert!(elapsed < Duration::from_secs(4), "closed after {elapsed:?}");
    upgraded.synchronise();
}

#[test]
fn a_connection_waits_longer_for_its_next_request_than_for_the_rest_of_one() {
    let server = Server::start(&[
        ("FANTAIL_LIMITS_HANDSHAKE_TIME", "1s"),
        ("FANTAIL_LIMITS_KEEP_ALIVE", "4s"),
    ]);
    let ask = |client: &mut RawClient| {
        client.send(b"GET /stats HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(client.receive_response().status, 200);
        Instant::now()
    };
    let mut idle = RawClient::connect(server.address());
    let mut slow = RawClient::connect(server.address());
    ask(&mut idle);
    ask(&mut slow);
    thread::sleep(Duration::from_millis(2_200));
    let answered = ask(&mut idle);
    slow.send(b"GET /stats HTTP/1.1\r\n");
    let begun = Instant::now();
    slow.receive_end();
    let elapsed = begun.elapsed();
    assert!(elapsed >= Duration::from_millis(900), "{elapsed:?}");
    assert!(elapsed < Duration::from_millis(3_000), "{elapsed:?}");
    idle.receive_end();
    let elapsed = answered.elapsed();
    assert!(elapsed >= Duration::from_millis(3_900), "{elapsed:?}");
    assert!(elapsed < Duration::from_secs(8), "{elapsed:?}");
}

#[test]
fn a_proxy_names_the_client() {
    let server = Server::start(&[("FANTAIL_TOPICS_STATS", "open")]);
    let _client = RawClient::upgrade_with(
        server.address(),
        "/demo",
        &[
            ("X-Forwarded-For", "203.0.113.7, 127.0.0.1"),
            ("User-Agent", "<agent>"),
        ],
    );
    let mut feed = RawClient::upgrade(server.address(), "/ws");
    let report = &reports(&mut feed, 1)[0];
    assert_eq!(report["remoteAddr"], "203.0.113.7, 127.0.0.1");
    assert_eq!(report["userAgent"], "<agent>");

    // Anybody may say anything: what the last trusted proxy added counts.
    let loopback_only = Server::start(&[]);
    for (forwarded, status) in [
        ("127.0.0.1", 200),
        ("::1", 200),
        ("203.0.113.7", 403),
        ("127.0.0.1, 203.0.113.7", 403),
        ("203.0.113.7, 127.0.0.1", 403),
        ("127.0.0.1, 203.0.113.7, 127.0.0.1, ::1", 403),
        ("203.0.113.7, nonsense, 127.0.0.1", 200),
    ] {
        let bytes =
            format!("GET /stats HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {forwarded}\r\n\r\n");
        assert_eq!(
            request(&loopback_only, bytes.as_bytes()).status,
            status,
            "{forwarded}"
        );
    }
}

#[test]
fn nobody_else_does() {
    let server = Server::start(&[NO_PROXY]);
    let forged = [("X-Forwarded-For", "203.0.113.7")];
    let _client = RawClient::upgrade_with(server.address(), "/demo", &forged);
    // The feed's own word does not count either: it still is a client of this machine.
    let mut feed = RawClient::upgrade_with(server.address(), "/ws", &forged);
    assert_eq!(reports(&mut feed, 1)[0]["remoteAddr"], "");
}

/// A proxy may use one connection for several clients, until one of them upgrades.
#[test]
fn a_failed_upgrade_does_not_make_a_proxy_its_client() {
    let server = Server::start(&[("FANTAIL_LIMITS_CONNECTIONS_PER_ADDRESS", "1")]);
    let mut proxy = RawClient::connect(server.address());
    let first = [
        ("X-Forwarded-For", "203.0.113.7"),
        ("Sec-WebSocket-Version", "8"),
    ];
    let failed: String = first
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    proxy.send(
        format!("GET /demo HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n{failed}\r\n").as_bytes(),
    );
    assert_eq!(proxy.receive_response().status, 400);
    let second = [("X-Forwarded-For", "203.0.113.8")];
    assert_eq!(proxy.try_upgrade("/demo", &second).status, 101);
    assert!(try_upgrade(&server, "203.0.113.7").is_ok());
    assert_eq!(
        try_upgrade(&server, "203.0.113.8")
            .err()
            .map(|(status, _)| status),
        Some(429)
    );
}

#[track_caller]
fn try_upgrade(server: &Server, forwarded_for: &str) -> Result<RawClient, (u16, String)> {
    let mut client = RawClient::connect(server.address());
    let response = client.try_upgrade("/demo", &[("X-Forwarded-For", forwarded_for)]);
    match response.status {
        101 => Ok(client),
        status => Err((status, response.text())),
    }
}

#[test]
fn an_address_has_256_connections() {
    let server = Server::start(&MANY_HANDSHAKES);
    for (address, same, other) in [
        ("203.0.113.7", "203.0.113.7", "203.0.113.8"),
        ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"),
    ] {
        let mut clients: Vec<_> = (0..256)
            .map(|_| try_upgrade(&server, address).expect("there is room"))
            .collect();
        let refused = try_upgrade(&server, same).err();
        assert_eq!(
            refused,
            Some((429, "connections per address limit\n".to_owned()))
        );
        assert!(try_upgrade(&server, other).is_ok(), "{other}");
        // Who leaves makes room.
        let mut leaving = clients.pop().expect("there are 256");
        leaving.send_frame(&support::Frame::close(1000, ""));
        assert_eq!(leaving.receive_close(), 1000);
        leaving.receive_end();
        drop(leaving);
        support::wait_until("there is room again", Duration::from_secs(3), || {
            try_upgrade(&server, same).is_ok()
        });
    }
}

#[test]
fn an_address_has_50_handshakes_at_once() {
    let server = Server::start(&[]);
    let mut outcomes = (0..80).map(|_| try_upgrade(&server, "203.0.113.7").err());
    let admitted = outcomes.by_ref().take_while(Option::is_none).count();
    // While it takes to make them, some more are granted.
    assert!((50..75).contains(&admitted), "{admitted} handshakes");
    let refused = outcomes.flatten().next().expect("the burst is used up");
    assert_eq!(refused.0, 429, "{}", refused.1);
    assert!(
        refused.1.contains("handshakes per address"),
        "{}",
        refused.1
    );
    assert!(try_upgrade(&server, "203.0.113.8").is_ok());
    // A trusted proxy itself is not held to them.
    for _ in 0..60 {
        RawClient::upgrade(server.address(), "/demo");
    }
}

/// Connects from another address of loopback.
fn connect_from(source: [u8; 4], server: SocketAddr) -> RawClient {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("sockets can be made");
    socket
        .bind(&SocketAddr::from((source, 0)).into())
        .expect("all of 127.0.0.0/8 is this machine");
    socket.connect(&server.into()).expect("the server listens");
    RawClient::from_stream(TcpStream::from(socket))
}

#[test]
fn connections_count_before_they_have_said_anything() {
    let server = Server::start(&[NO_PROXY]);
    let silent: Vec<_> = (0..256)
        .map(|_| connect_from([127, 0, 0, 1], server.address()))
        .collect();
    let mut refused = connect_from([127, 0, 0, 1], server.address());
    let response = refused.receive_response();
    assert_eq!(
        (response.status, response.text().as_str()),
        (429, "connections per address limit\n")
    );
    assert_eq!(refused.receive_end(), End::Closed);
    let mut other = connect_from([127, 0, 0, 2], server.address());
    assert_eq!(other.try_upgrade("/demo", &[]).status, 101);
    drop(silent);
}

#[test]
fn who_may_see_the_statistics() {
    // What is configured, whom a proxy names, and what becomes of it.
    for (setting, forwarded, status) in [
        ("loopback", "127.0.0.1", 200),
        ("loopback", "203.0.113.7", 403),
        ("open", "203.0.113.7", 200),
        ("off", "127.0.0.1", 403),
    ] {
        let server = Server::start(&[("FANTAIL_TOPICS_STATS", setting)]);
        let bytes =
            format!("GET /stats HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {forwarded}\r\n\r\n");
        let page = request(&server, bytes.as_bytes());
        assert_eq!(
            page.status,
            status,
            "{setting} {forwarded}: {}",
            page.text()
        );
        let mut client = RawClient::connect(server.address());
        let feed = client.try_upgrade("/ws", &[("X-Forwarded-For", forwarded)]);
        let expected = if status == 200 { 101 } else { status };
        assert_eq!(feed.status, expected, "{setting} {forwarded}");
        if status == 403 {
            assert!(page.text().contains("topics.stats"), "{}", page.text());
        }
    }
}

/// A browser connects to this machine for any page that it shows.
#[test]
fn pages_of_others_do_not_see_what_is_for_this_machine() {
    let feed = |setting, origin| {
        let server = Server::start(&[("FANTAIL_TOPICS_STATS", setting)]);
        let mut client = RawClient::connect(server.address());
        client.try_upgrade("/ws", &[("Origin", origin)]).status
    };
    assert_eq!(feed("loopback", "http://localhost:8000"), 101);
    assert_eq!(feed("loopback", "https://www.example.com"), 403);
    assert_eq!(feed("open", "https://www.example.com"), 101);
}

#[test]
fn origins_are_checked() {
    let server = Server::start(&[(
        "FANTAIL_TOPICS_ORIGINS",
        "https://www.example.com,http://127.0.0.1:8000",
    )]);
    for (origin, status) in [
        (None, 101),
        (Some("https://www.example.com"), 101),
        (Some("HTTPS://WWW.Example.com"), 101),
        (Some("http://127.0.0.1:8000"), 101),
        (Some("http://127.0.0.1:8001"), 403),
        (Some("http://www.example.com"), 403),
        (Some("https://www.example.com.evil.example"), 403),
        (Some("null"), 403),
    ] {
        let mut client = RawClient::connect(server.address());
        let headers: Vec<_> = origin
            .map(|origin| ("Origin", origin))
            .into_iter()
            .collect();
        let response = client.try_upgrade("/demo", &headers);
        assert_eq!(response.status, status, "{origin:?}: {}", response.text());
        let header = origin.map_or_else(String::new, |origin| format!("Origin: {origin}\r\n"));
        let posted = request(&server, &post("/demo", &header, b"hello")).status;
        assert_eq!(
            posted,
            if status == 101 { 200 } else { status },
            "{origin:?}"
        );
        if status == 403 {
            assert!(
                response.text().contains("topics.origins"),
                "{}",
                response.text()
            );
        }
    }
}
