//! dSock under any requests: the relay's invariants and those of the claims hold, every answer is
//! HTTP, JSON is sorted and tells no other errors than there are, and clients get sound frames.
//!
//! The bytes are lines: a request line without its version, then a body, and so on.

use std::time::Duration;

use super::driver::Driver;
use super::driver::decoder::{Decoder, Output};
use fantail::dialects::dsock::Dsock;
use fantail::dialects::dsock::error::ErrorCode;
use fantail::dialects::dsock::settings::Settings as DsockSettings;
use fantail::limits::Limits;
use fantail::protocol::http_request::{Method, Request};
use fantail::relay::address::PeerAddress;
use fantail::relay::conn_id::ConnId;
use fantail::relay::dialect::DialectId;
use fantail::relay::random::RandomSource;
use fantail::relay::{Relay, Service, Settings};
use fantail::secret::Secret;
use serde_json::Value;

/// The most requests of one run.
const REQUESTS: usize = 100;

/// The same bytes in every run.
#[derive(Debug)]
struct Seeded(fastrand::Rng);

impl RandomSource for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        self.0.fill(bytes);
        true
    }
}

/// Runs the requests.
pub(crate) fn run(data: &[u8]) {
    let mut driver = Driver::new(
        relay(),
        Duration::from_secs(1_800_000_000),
        fastrand::Rng::with_seed(1),
    );
    let mut api = Client::connect(&mut driver);
    // Somebody whom messages may reach, and a claim.
    api.request(
        &mut driver,
        b"POST /claim?user=u&session=s&channels=a,b&id=c",
        b"",
    );
    let mut receiver = Client::connect(&mut driver);
    receiver.send(
        &mut driver,
        &head(
            b"GET /connect?claim=c",
            "Connection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        ),
    );
    assert_eq!(receiver.answers(&mut driver), [101]);
    api.request(&mut driver, b"POST /claim?user=u&channels=b&id=c", b"");
    let mut lines = data.split(|byte| *byte == b'\n');
    for _ in 0..REQUESTS {
        let Some(request_line) = lines.next() else {
            break;
        };
        let body = lines.next().unwrap_or_default();
        api.request(&mut driver, request_line, body);
        receiver.answers(&mut driver);
    }
    driver.pass(Duration::from_secs(3_600));
    driver.finish_turn();
    check_claims(&mut driver);
}

fn relay() -> Relay {
    let limits = Limits {
        connections: 10,
        memory: 1 << 26,
        dsock_claims: 20,
        ..Limits::default()
    };
    let settings = Settings {
        limits,
        trusted_proxies: vec!["127.0.0.0/8".parse().expect("it is a network")],
        control_secret: Secret::default(),
    };
    let dsock = Dsock::new(DsockSettings {
        token: Secret::new("t"),
        jwt_secret: Secret::new("a secret that no fuzzer finds"),
        default_channels: vec!["global".to_owned()],
        ..DsockSettings::default()
    });
    let service = Service::clients(vec![DialectId::new(0)]);
    Relay::new(settings, vec![Box::new(dsock)], vec![service])
        .with_random_source(Box::new(Seeded(fastrand::Rng::with_seed(1))))
}

fn head(request_line: &[u8], fields: &str) -> Vec<u8> {
    let fields = format!(" HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\n{fields}\r\n");
    [request_line, fields.as_bytes()].concat()
}

fn check_claims(driver: &mut Driver) {
    let dsock = driver.relay.dialect_mut::<Dsock>().expect("it is there");
    let directory = dsock.directory();
    directory
        .check_invariants()
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert!(directory.kept_claims() <= 20);
}

/// A connection, made anew where the server has ended it.
struct Client {
    id: ConnId,
    decoder: Decoder,
}

impl Client {
    fn connect(driver: &mut Driver) -> Self {
        let address = PeerAddress::tcp(([127, 0, 0, 1], 1).into());
        Self {
            id: driver.accept(0, address).expect("there is room"),
            decoder: Decoder::default(),
        }
    }

    fn request(&mut self, driver: &mut Driver, request_line: &[u8], body: &[u8]) {
        let length = format!("Content-Length: {}\r\n", body.len());
        let mut bytes = head(request_line, &length);
        // Of a head that cannot be read nobody knows the method.
        let request = Request::parse(&bytes, &Limits::default());
        let head_only = request.is_ok_and(|request| request.method() == Method::Head);
        bytes.extend_from_slice(body);
        self.send(driver, &bytes);
        self.answers_of(driver, head_only);
        check_claims(driver);
    }

    fn send(&mut self, driver: &mut Driver, bytes: &[u8]) {
        if driver.socket(self.id).is_none_or(|socket| socket.shut) || !driver.may_read(self.id) {
            if driver.socket(self.id).is_some() {
                driver.lost(self.id);
                driver.finish_turn();
            }
            *self = Self::connect(driver);
        }
        driver.receive(self.id, &mut bytes.to_vec());
        driver.finish_turn();
    }

    fn answers(&mut self, driver: &mut Driver) -> Vec<u16> {
        self.answers_of(driver, false)
    }

    /// The statuses of all answers; each of them, and each frame, is checked.
    fn answers_of(&mut self, driver: &mut Driver, head_only: bool) -> Vec<u16> {
        let Some(socket) = driver.socket(self.id) else {
            return Vec::new();
        };
        self.decoder.feed(&std::mem::take(&mut socket.taken));
        let mut statuses = Vec::new();
        while let Some(output) = self
            .decoder
            .next(head_only)
            .unwrap_or_else(|fault| panic!("{fault}"))
        {
            if let Output::Answer { status, head, body } = output {
                statuses.push(status);
                if head.contains("application/json") && !head_only {
                    check_json(status, &body);
                }
            }
        }
        statuses
    }
}

fn check_json(status: u16, body: &[u8]) {
    let body = std::str::from_utf8(body).expect("JSON is UTF-8");
    let value: Value = serde_json::from_str(body).expect("it is JSON");
    if value.get("openapi").is_some() {
        return;
    }
    let mut sorted = value.to_string();
    for (character, escape) in [
        ("&", "\\u0026"),
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("\u{2028}", "\\u2028"),
        ("\u{2029}", "\\u2029"),
    ] {
        sorted = sorted.replace(character, escape);
    }
    assert_eq!(body, sorted);
    assert_eq!(value["success"], status == 200);
    if status != 200 {
        let code = value["errorCode"].as_str().expect("there is a code");
        let mut errors = ErrorCode::ALL.iter();
        assert!(errors.any(|error| error.code() == code && error.status() == status));
    }
}
