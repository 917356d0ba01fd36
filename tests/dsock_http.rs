//! The HTTP that dSock's API is spoken in, against the real binary: however requests arrive, each has
//! its answer, in order, and messages are what was sent.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use serde_json::Value;
use support::{End, HttpResponse, Opcode, RawClient, Server};

const TOKEN: &str = "the-token-of-the-api";
const SUCCESS: &str = r#"{"success":true}"#;

fn start() -> Server {
    Server::start(&[
        ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=dsock"),
        ("FANTAIL_DSOCK_TOKEN", TOKEN),
    ])
}

/// The head of a request with the token; `more` are fields, each with its line's end.
fn head(method: &str, target: &str, more: &str) -> String {
    format!(
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n{more}\r\n"
    )
}

fn post(target: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let length = format!("Content-Length: {}\r\n{more}", body.len());
    [head("POST", target, &length).as_bytes(), body].concat()
}

#[track_caller]
fn error(response: &HttpResponse) -> Value {
    let body: Value = serde_json::from_slice(&response.body).expect("errors are JSON");
    assert_eq!(body["success"], false, "{body}");
    assert_eq!(
        body["requestId"].as_str(),
        response.header("x-request-id"),
        "{body}"
    );
    body
}

/// A WebSocket of user `u`.
#[track_caller]
fn receiver(server: &Server) -> RawClient {
    let mut api = RawClient::connect(server.address());
    api.send(&post("/claim?user=u", "", b""));
    let made: Value = serde_json::from_slice(&api.receive_response().body).expect("JSON");
    let id = made["claim"]["id"].as_str().expect("claims have one");
    RawClient::upgrade(server.address(), &format!("/connect?claim={id}"))
}

#[test]
fn requests_in_one_segment_are_answered_in_their_order() {
    let server = start();
    let mut receiver = receiver(&server);
    let mut client = RawClient::connect(server.address());
    // Twice: the connection stays, and so does the order.
    for _ in 0..2 {
        let all: Vec<u8> = ["first", "second", "third"]
            .iter()
            .flat_map(|name| {
                let named = format!("X-Request-Id: {name}\r\n");
                post("/send?user=u&type=text", &named, name.as_bytes())
            })
            .collect();
        client.send(&all);
        for name in ["first", "second", "third"] {
            let response = client.receive_response();
            assert_eq!(response.header("x-request-id"), Some(name));
            assert_eq!(response.header("connection"), Some("keep-alive"));
            assert_eq!(response.text(), SUCCESS);
            assert_eq!(receiver.receive_text(), name);
        }
    }
}

#[test]
fn a_request_that_is_refused_does_not_end_the_connection() {
    let server = start();
    let mut client = RawClient::connect(server.address());
    let cases = [
        (post("/send?user=u&type=x", "", b"a body"), 400),
        (post("/send?type=text", "", b"GET / HTTP/1.1\r\n\r\n"), 400),
        (post("/send?user=u&type=text", "", b"\xff"), 400),
        (post("/nowhere", "", b"a body"), 404),
        (post("/info?user=u", "", b"a body"), 404),
        (post("/claim/?user=u", "", b"a body"), 307),
        (head("GET", "/info/?user=u", "").into_bytes(), 301),
        (head("GET", "/connect?claim=x", "").into_bytes(), 400),
        (head("BREW", "/send?user=u", "").into_bytes(), 404),
        (post("/send?user=u&type=text", "", b"a body"), 200),
    ];
    let all: Vec<u8> = cases.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
    for size in [all.len(), 11] {
        for piece in all.chunks(size) {
            client.send(piece);
        }
        for (bytes, status) in &cases {
            let response = client.receive_response();
            let request = bytes.escape_ascii();
            assert_eq!(response.status, *status, "{request}: {}", response.text());
            assert_eq!(response.header("connection"), Some("keep-alive"));
        }
    }
}

/// Bodies in chunks, as they are on the wire, and what they carry.
const CHUNKED: &[(&[u8], &[u8])] = &[
    (b"0\r\n\r\n", b""),
    (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    (b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", b"hello"),
    (
        b"00000A\r\n0123456789\r\na\r\nabcdefghij\r\n000\r\n\r\n",
        b"0123456789abcdefghij",
    ),
    (b"5;name\r\nhello\r\n0;last=yes\r\n\r\n", b"hello"),
    (
        b"2;a=1;b=\"x;y\"\r\n\r\n\r\n1 ; c = d\r\n\0\r\n0\r\n\r\n",
        b"\r\n\0",
    ),
    (
        b"1\r\n\xff\r\n0\r\nExpires: never\r\nX-Request-Id: no\r\n\r\n",
        b"\xff",
    ),
];

#[test]
fn chunked_bodies_may_be_cut_anywhere() {
    let server = start();
    let mut receiver = receiver(&server);
    let mut client = RawClient::connect(server.address());
    let head = head(
        "POST",
        "/send?user=u&type=binary",
        "Transfer-Encoding: chunked\r\nX-Request-Id: mine\r\n",
    );
    for (body, content) in CHUNKED {
        let bytes = [head.as_bytes(), body].concat();
        for cut in head.len() - 2..=bytes.len() {
            let (before, behind) = bytes.split_at(cut);
            client.send(before);
            client.send(behind);
            let response = client.receive_response();
            assert_eq!(response.text(), SUCCESS, "{} at {cut}", body.escape_ascii());
            assert_eq!(response.header("x-request-id"), Some("mine"));
            assert_eq!(receiver.receive_binary(), *content);
        }
        for byte in bytes.chunks(1) {
            client.send(byte);
        }
        assert_eq!(client.receive_response().text(), SUCCESS);
        assert_eq!(receiver.receive_binary(), *content);
    }
}

#[test]
fn a_body_that_is_not_waited_for_may_come_at_once_or_when_asked_for() {
    let server = start();
    let mut receiver = receiver(&server);
    let mut client = RawClient::connect(server.address());
    for (framing, body) in [
        ("Content-Length: 5\r\n", &b"hello"[..]),
        ("Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
    ] {
        let more = format!("{framing}Expect: 100-continue\r\n");
        let head = head("POST", "/send?user=u&type=text", &more);
        client.send(head.as_bytes());
        assert_eq!(client.receive_response_head().status, 100, "{framing}");
        client.send(body);
        assert_eq!(client.receive_response().text(), SUCCESS, "{framing}");
        assert_eq!(receiver.receive_text(), "hello");
        client.send(&[head.as_bytes(), body].concat());
        assert_eq!(client.receive_response().text(), SUCCESS, "{framing}");
        assert_eq!(receiver.receive_text(), "hello");
    }
    // Without a body there is nothing to ask for.
    let more = "Content-Length: 0\r\nExpect: 100-continue\r\n";
    client.send(head("POST", "/send?user=u&type=text", more).as_bytes());
    assert_eq!(client.receive_response().text(), SUCCESS);
    assert_eq!(receiver.receive_text(), "");
    // An expectation that nobody knows is not looked at.
    client.send(&post("/send?user=u&type=text", "Expect: miracles\r\n", b""));
    assert_eq!(client.receive_response().text(), SUCCESS);
    // One that is too long is not asked for.
    let more = "Content-Length: 1048577\r\nExpect: 100-continue\r\n";
    client.send(head("POST", "/send?user=u&type=text", more).as_bytes());
    assert_eq!(client.receive_response().status, 413);
}

#[test]
fn head_is_get_without_the_body() {
    let server = start();
    let _connected = receiver(&server);
    let mut client = RawClient::connect(server.address());
    for target in [
        "/ping",
        "/info?user=u",
        "/info?user=nobody",
        "/info",
        "/info/",
        "/info?user=%zz",
        "/openapi.json",
        "/connect",
        "/connect?claim=x",
        "/claim",
        "/nowhere",
    ] {
        let named = "X-Request-Id: mine\r\n";
        client.send(head("GET", target, named).as_bytes());
        let get = client.receive_response();
        client.send(head("HEAD", target, named).as_bytes());
        let head = client.receive_response_head();
        assert_eq!(
            (head.status, &head.headers),
            (get.status, &get.headers),
            "{target}"
        );
        assert!(get.content_length() > 0, "{target}");
    }
    // Nothing came that would be taken for the next answer.
    client.send(head("GET", "/ping", "").as_bytes());
    assert_eq!(client.receive_response().text(), "pong");
}

/// What is refused before a call begins: the request, the status, the code and the message.
fn refused() -> Vec<(String, u16, &'static str, &'static str)> {
    let long = "x".repeat(9_000);
    let many = "X: y\r\n".repeat(70);
    let send = "/send?user=u&type=binary";
    let chunks = "Transfer-Encoding: chunked\r\n";
    let named = "X-Request-Id: mine\r\n";
    let body = "Body is too large: request body limit: more than 1048576 bytes";
    let head_limit = "Headers are too large: request head limit";
    let more = |more: &str| format!("{named}{more}");
    vec![
        (
            head("GET", "/ping", &more(&format!("X: {long}\r\n"))),
            431,
            "HEADERS_TOO_LARGE",
            head_limit,
        ),
        (
            head("GET", "/ping", &more(&many)),
            431,
            "HEADERS_TOO_LARGE",
            "Headers are too large: request headers limit",
        ),
        (
            head("POST", send, &more("Content-Length: 1048577\r\n")),
            413,
            "BODY_TOO_LARGE",
            body,
        ),
        (
            head("POST", send, &more(chunks)) + "100001\r\n",
            413,
            "BODY_TOO_LARGE",
            body,
        ),
        (
            head("POST", send, &more(chunks)) + "1\r\nx\r\n100000\r\n",
            413,
            "BODY_TOO_LARGE",
            body,
        ),
        (
            head("POST", send, &more(chunks)) + "no number\r\n",
            400,
            "BAD_REQUEST",
            "Bad request: malformed chunked request body: a chunk without a size",
        ),
        (
            head("POST", send, &more("Content-Length: -1\r\n")),
            400,
            "BAD_REQUEST",
            "Bad request: malformed request: Content-Length is not a number of bytes",
        ),
        (
            head("GET", "/info?user=u", &more("Bad Field: x\r\n")),
            400,
            "BAD_REQUEST",
            "Bad request: malformed request: line 5: a header field name with a character that is \
             not allowed, or without a colon",
        ),
        (
            format!("GET /info?user=u HTTP/1.1\r\n{named}\r\n"),
            400,
            "BAD_REQUEST",
            "Bad request: malformed request: no Host field",
        ),
        (
            head("POST", send, &more("Transfer-Encoding: gzip\r\n")),
            501,
            "NOT_IMPLEMENTED",
            "Not implemented: the only transfer coding understood is: chunked",
        ),
        (
            format!("GET /ping HTTP/2.0\r\nHost: h\r\n{named}\r\n"),
            505,
            "HTTP_VERSION_NOT_SUPPORTED",
            "HTTP version is not supported: only HTTP/1.1 and HTTP/1.0 are spoken here",
        ),
    ]
}

#[track_caller]
fn expect_refusal(response: &HttpResponse, status: u16, code: &str, message: &str) {
    assert_eq!(response.status, status, "{}", response.text());
    let error = error(response);
    assert_eq!(error["errorCode"], code, "{error}");
    assert_eq!(error["error"], message, "{error}");
    let members: Vec<&String> = error.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["error", "errorCode", "requestId", "success"]);
    assert_eq!(
        response.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    assert_eq!(response.header("connection"), Some("close"));
}

#[test]
fn what_is_refused_before_a_call_begins_has_the_form_of_all_errors_and_the_connection_ends() {
    let server = start();
    let beside = Server::start(&[
        ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=topics+dsock"),
        ("FANTAIL_DSOCK_TOKEN", TOKEN),
    ]);
    for (request, status, code, message) in refused() {
        for server in [&server, &beside] {
            for size in [request.len(), 7] {
                let mut client = RawClient::connect(server.address());
                for piece in request.as_bytes().chunks(size) {
                    // The rest of what is refused may find a connection that has ended.
                    if !client.try_send(piece) {
                        break;
                    }
                }
                let response = client.receive_response();
                assert_eq!(response.header("x-request-id"), Some("mine"), "{message}");
                expect_refusal(&response, status, code, message);
                assert_eq!(client.receive_end(), End::Closed, "{message}");
            }
        }
    }
}

#[test]
fn what_is_refused_is_named_where_its_client_has_not_and_head_has_no_body() {
    let server = start();
    let mut client = RawClient::connect(server.address());
    let long = format!("/info?user={}", "x".repeat(9_000));
    client.send(head("GET", &long, "X-Request-Id: too far away\r\n").as_bytes());
    let response = client.receive_response();
    let name = response.header("x-request-id").expect("there is one");
    assert_eq!(uuid_version(name), Some('4'), "{name}");
    let message = "Headers are too large: request head limit";
    expect_refusal(&response, 431, "HEADERS_TOO_LARGE", message);

    let mut client = RawClient::connect(server.address());
    client.send(head("HEAD", &long, "").as_bytes());
    let response = client.receive_response_head();
    assert_eq!(response.status, 431);
    assert!(response.content_length() > 0);
    assert_eq!(client.receive_end(), End::Closed);
}

#[test]
fn other_dialects_refuse_in_plain_text() {
    let server = Server::start(&[
        ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=topics+dsock"),
        ("FANTAIL_DSOCK_TOKEN", TOKEN),
    ]);
    for (target, is_json) in [("/info", true), ("/infos", false), ("/info/", false)] {
        let mut client = RawClient::connect(server.address());
        client.send(head("POST", target, "Content-Length: 1048577\r\n").as_bytes());
        let response = client.receive_response();
        assert_eq!(response.status, 413);
        let kind = response.header("content-type").unwrap_or_default();
        assert_eq!(
            kind.starts_with("application/json"),
            is_json,
            "{target}: {kind}"
        );
        assert_eq!(response.header("x-request-id").is_some(), is_json);
    }
}

#[test]
fn addresses_and_servers_at_their_limits_refuse_in_the_same_form() {
    let settings = [
        ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=dsock"),
        ("FANTAIL_DSOCK_TOKEN", TOKEN),
        ("FANTAIL_HTTP_TRUSTED_PROXIES", "10.0.0.0/8"),
    ];
    let get = head("GET", "/info?user=u", "X-Request-Id: mine\r\n");
    for (limit, value, status, code, message) in [
        (
            "FANTAIL_LIMITS_FAILED_LOGINS",
            "1",
            429,
            "TOO_MANY_REQUESTS",
            "Too many requests: failed logins limit",
        ),
        (
            "FANTAIL_LIMITS_CONNECTIONS_PER_ADDRESS",
            "1",
            429,
            "TOO_MANY_CONNECTIONS",
            "Too many connections: connections per address limit",
        ),
        (
            "FANTAIL_LIMITS_CONNECTIONS",
            "1",
            503,
            "SERVICE_UNAVAILABLE",
            "Service unavailable: connections limit",
        ),
    ] {
        let server = Server::start(&[&settings[..], &[(limit, value)]].concat());
        let mut first = RawClient::connect(server.address());
        first.send(get.replace(TOKEN, "x").as_bytes());
        assert_eq!(first.receive_response().status, 400);
        let response = if limit.ends_with("LOGINS") {
            first.send(get.as_bytes());
            let response = first.receive_response();
            assert_eq!(response.header("x-request-id"), Some("mine"));
            response
        } else {
            RawClient::connect(server.address()).receive_response()
        };
        expect_refusal(&response, status, code, message);
    }
}

/// Names that clients give their requests, and whether they are taken.
const NAMES: &[(&[u8], bool)] = &[
    (b"mine", true),
    (b"c962d2fe-1928-40c3-af6d-9f81b5e9c1b0", true),
    (b"!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\"", true),
    (&[b'x'; 128], true),
    (&[b'x'; 129], false),
    (b"", false),
    (b"two words", false),
    (b"tab\there", false),
    (b"caf\xc3\xa9", false),
    (b"\xff", false),
];

#[test]
fn a_request_has_the_name_that_its_client_gave_it_if_that_is_sane() {
    let server = start();
    let mut client = RawClient::connect(server.address());
    let mut made = Vec::new();
    for (name, taken) in NAMES {
        for (method, target, status) in [
            ("GET", "/ping", 200),
            ("GET", "/info?user=u", 200),
            ("GET", "/openapi.json", 200),
            ("GET", "/info", 400),
            ("GET", "/connect", 400),
            ("GET", "/nowhere", 404),
            ("GET", "/info/", 301),
            ("POST", "/claim/", 307),
        ] {
            let line = format!("{method} {target} HTTP/1.1\r\nHost: h\r\n");
            let token = format!("Authorization: Bearer {TOKEN}\r\nX-REQUEST-ID: ");
            client.send(&[line.as_bytes(), token.as_bytes(), name, b"\r\n\r\n"].concat());
            let response = client.receive_response();
            assert_eq!(response.status, status, "{target} {}", name.escape_ascii());
            let answered = response.header("x-request-id").unwrap_or_default();
            if *taken {
                assert_eq!(answered.as_bytes(), *name, "{target}");
            } else {
                assert_eq!(uuid_version(answered), Some('4'), "{target}: {answered}");
                made.push(answered.to_owned());
            }
            if status == 400 {
                error(&response);
            }
        }
    }
    let count = made.len();
    made.sort_unstable();
    made.dedup();
    assert_eq!(made.len(), count, "names that were made differ");
}

/// The version of a UUID, if it is one.
fn uuid_version(text: &str) -> Option<char> {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    let digits = text.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
    let is_uuid = digits && lengths == [8, 4, 4, 4, 12];
    text.chars().nth(14).filter(|_| is_uuid)
}

#[test]
fn messages_of_any_bytes_and_of_a_mebibyte_arrive_unchanged() {
    let server = start();
    let mut receiver = receiver(&server);
    let mut client = RawClient::connect(server.address());
    let every_byte: Vec<u8> = (0..=255).collect();
    let mebibyte: Vec<u8> = (0..1_048_576_u32).map(|n| (n ^ (n >> 8)) as u8).collect();
    let text = "aé€😀\0\r\n".repeat(70_000);
    for (message_type, body) in [
        ("binary", &every_byte[..]),
        ("2", &mebibyte),
        ("text", text.as_bytes()),
        ("1", b""),
    ] {
        // What the body is said to be does not count.
        for kind in ["", "Content-Type: application/x-www-form-urlencoded\r\n"] {
            let target = format!("/send?user=u&type={message_type}");
            client.send(&post(&target, kind, body));
            let chunks: Vec<u8> = body
                .chunks(60_000)
                .flat_map(|part| {
                    [format!("{:X}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat()
                })
                .collect();
            let framing = format!("Transfer-Encoding: chunked\r\n{kind}");
            client.send(head("POST", &target, &framing).as_bytes());
            client.send(&[&chunks[..], b"0\r\n\r\n"].concat());
            for _ in 0..2 {
                assert_eq!(client.receive_response().text(), SUCCESS);
                let frame = receiver.receive_frame();
                let is_text = matches!(message_type, "text" | "1");
                assert_eq!(frame.opcode == Opcode::TEXT, is_text);
                assert!(frame.payload == body, "{message_type} has changed");
            }
        }
    }
}

#[test]
fn text_that_is_not_utf_8_has_its_own_error_and_reaches_nobody() {
    let server = start();
    let mut receiver = receiver(&server);
    let mut client = RawClient::connect(server.address());
    for body in [
        &b"\xff"[..],
        b"good \x80 bad",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"cut off \xe2\x82",
        b"caf\xe9",
    ] {
        for message_type in ["text", "1"] {
            let target = format!("/send?user=u&type={message_type}");
            client.send(&post(&target, "", body));
            let response = client.receive_response();
            assert_eq!(response.status, 400, "{}", body.escape_ascii());
            let error = error(&response);
            assert_eq!(error["errorCode"], "INVALID_MESSAGE_TYPE");
            assert_eq!(error["error"], "The text is not UTF-8, send it as binary");
        }
        client.send(&post("/send?user=u&type=binary", "", body));
        assert_eq!(client.receive_response().text(), SUCCESS);
        assert_eq!(receiver.receive_binary(), body);
    }
}

#[test]
fn http_1_0_is_answered_and_ends() {
    let server = start();
    let mut receiver = receiver(&server);
    let send = format!("POST /send?user=u&type=text&token={TOKEN} HTTP/1.0\r\n");
    for (request, status, body) in [
        ("GET /ping HTTP/1.0\r\n\r\n".to_owned(), 200, "pong"),
        (
            format!("{send}Content-Length: 5\r\n\r\nhello"),
            200,
            SUCCESS,
        ),
        (
            format!("{send}Host: h\r\nContent-Length: 5\r\n\r\nhello"),
            200,
            SUCCESS,
        ),
        (
            "GET /nowhere HTTP/1.0\r\n\r\n".to_owned(),
            404,
            "404 page not found",
        ),
    ] {
        let mut client = RawClient::connect(server.address());
        client.send(request.as_bytes());
        let response = client.receive_response();
        assert_eq!(
            (response.status, response.text().as_str()),
            (status, body),
            "{request}"
        );
        assert_eq!(response.header("connection"), Some("close"), "{request}");
        assert_eq!(client.receive_end(), End::Closed, "{request}");
        if request.starts_with("POST") {
            assert_eq!(receiver.receive_text(), "hello");
        }
    }
}
