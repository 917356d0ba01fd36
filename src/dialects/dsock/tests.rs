//! The dialect in a relay without sockets, where time is what a test says.

use std::collections::HashMap;
use std::time::Duration;

use crate::dialects::dsock::Dsock;
use crate::dialects::dsock::settings::Settings as DsockSettings;
use crate::limits::{Limit, Limits};
use crate::relay::address::PeerAddress;
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::DialectId;
use crate::relay::moment::{Moment, Now};
use crate::relay::peer::ListenerId;
use crate::relay::random::RandomSource;
use crate::relay::{Admission, Relay, Service, Settings};
use crate::secret::Secret;

/// Bytes that differ; nothing here has to be secret.
#[derive(Debug)]
struct Counter(u64);

impl RandomSource for Counter {
    fn fill(&mut self, bytes: &mut [u8]) -> bool {
        for part in bytes.chunks_mut(8) {
            self.0 += 1;
            part.copy_from_slice(&self.0.to_le_bytes()[..part.len()]);
        }
        true
    }
}

struct World {
    relay: Relay,
    now: Now,
    api: ConnId,
    /// What each connection was sent.
    sent: HashMap<ConnId, Vec<u8>>,
}

impl World {
    fn new(mut limits: Limits) -> Self {
        limits.connections = 10_000;
        limits.memory = 1 << 28;
        limits.dsock_connections_per_user = usize::MAX;
        let settings = Settings {
            limits,
            trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
            control_secret: Secret::default(),
        };
        let dsock = Dsock::new(DsockSettings {
            token: Secret::new("t"),
            default_channels: vec!["global".to_owned()],
            ..DsockSettings::default()
        });
        let service = Service::clients(vec![DialectId::new(0)]);
        let mut relay = Relay::new(settings, vec![Box::new(dsock)], vec![service])
            .with_random_source(Box::new(Counter(0)));
        let now = Now {
            moment: Moment::since_start(Duration::from_secs(1)),
            wall: Duration::from_secs(1_795_210_504),
        };
        let api = accept(&mut relay, now);
        let sent = HashMap::new();
        Self {
            relay,
            now,
            api,
            sent,
        }
    }

    /// Lets both clocks go on, and does what is due.
    fn pass(&mut self, time: Duration) {
        self.now.moment = self.now.moment + time;
        self.now.wall += time;
        self.turn();
        self.check_invariants();
    }

    fn check_invariants(&mut self) {
        self.relay.check_invariants().unwrap();
        self.dsock().directory().check_invariants().unwrap();
    }

    fn receive(&mut self, id: ConnId, bytes: &str) {
        self.relay
            .receive(id, &mut bytes.as_bytes().to_vec(), self.now);
    }

    /// The rest of a turn: everything is written out, and the dead are buried.
    fn turn(&mut self) {
        self.relay.expire(self.now);
        self.relay.settle(self.now);
        let mut dirty = Vec::new();
        self.relay.outboxes().take_dirty(&mut dirty);
        for id in dirty {
            while let Some(bytes) = self.relay.outboxes().single(id).map(<[u8]>::to_vec) {
                self.relay.outboxes().written(id, bytes.len());
                self.sent.entry(id).or_default().extend(bytes);
            }
        }
        self.relay.bury(&mut Vec::new());
    }

    fn taken(&mut self, id: ConnId) -> String {
        let bytes = self.sent.remove(&id).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Calls the API; the answer.
    fn call(&mut self, method: &str, target: &str) -> String {
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\n\
             Content-Length: 0\r\n\r\n"
        );
        self.receive(self.api, &request);
        self.turn();
        self.taken(self.api)
    }

    fn succeed(&mut self, method: &str, target: &str) -> String {
        let answer = self.call(method, target);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{target}: {answer}");
        answer
    }

    /// A client that uses a claim; the connection, and the answer.
    fn connect(&mut self, claim: &str) -> (ConnId, String) {
        let id = accept(&mut self.relay, self.now);
        self.receive(id, &handshake(claim));
        self.turn();
        let answer = self.taken(id);
        (id, answer)
    }

    /// Claims and connections that were looked at since this was last asked.
    fn looks(&mut self) -> usize {
        self.dsock().directory().take_looks()
    }

    fn dsock(&mut self) -> &mut Dsock {
        self.relay.dialect_mut().unwrap()
    }
}

fn accept(relay: &mut Relay, now: Now) -> ConnId {
    let address = PeerAddress::tcp(([127, 0, 0, 1], 1).into());
    match relay.accept(ListenerId::new(0), address, now) {
        Admission::Admitted(id) => id,
        Admission::TurnedAway(_) => panic!("there is room"),
    }
}

fn handshake(claim: &str) -> String {
    format!(
        "GET /connect?claim={claim} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

fn error_code(answer: &str) -> &str {
    let (_, behind) = answer.split_once("\"errorCode\":\"").unwrap_or_default();
    behind.split('"').next().unwrap_or_default()
}

/// Those whom nobody asks for, of each kind.
const OTHERS: usize = 60;

/// Looks at each receiver that a call may need, and those that it needs without one.
const LOOKS: (usize, usize) = (4, 12);

#[test]
fn a_call_looks_at_nobody_but_its_receivers() {
    for (target, receivers) in [
        ("channel=room&session=s", 3),
        ("channel=room&session=nope", 0),
        ("channel=nope&session=s", 0),
        ("user=u&session=s", 1),
        ("user=u", 2),
        ("channel=small", 2),
    ] {
        for call in [
            "POST /send?type=text&",
            "GET /info?",
            "POST /channel/subscribe/new?",
            "POST /channel/unsubscribe/room?",
            "POST /disconnect?",
        ] {
            let mut world = World::new(Limits::default());
            // Everybody is in the same channel, and there is a claim for each.
            let mut people = vec![
                ("user=u&session=s&channels=room,small".to_owned(), "u.s"),
                ("user=u&session=t&channels=room,small".to_owned(), "u.t"),
                ("user=v&session=s&channels=room".to_owned(), "v.s"),
                ("user=w&session=s&channels=room".to_owned(), "w.s"),
            ];
            for index in 0..OTHERS {
                people.push((format!("user=o{index}&session=t{index}&channels=room"), ""));
                people.push((format!("user=s{index}&session=s&channels=else"), ""));
                people.push((format!("user=p{index}&channels=room"), ""));
            }
            let mut clients = Vec::new();
            for (index, (person, name)) in people.iter().enumerate() {
                world.succeed("POST", &format!("/claim?{person}&id=waits{index}"));
                world.succeed("POST", &format!("/claim?{person}&id=c{index}"));
                let (id, answer) = world.connect(&format!("c{index}"));
                assert!(answer.starts_with("HTTP/1.1 101 "), "{person}: {answer}");
                clients.push((id, *name));
            }
            let delivered = world.relay.counters().messages_delivered;
            world.looks();
            let (method, path) = call.split_once(' ').unwrap();
            let answer = world.succeed(method, &format!("{path}{target}"));
            let looks = world.looks();
            // A claim of each is as much of the target as its connection.
            let most = 2 * receivers * LOOKS.0 + LOOKS.1;
            assert!(looks <= most, "{call}{target}: {looks} looks");
            let reached = match call {
                "GET /info?" => answer.matches("\"lastPing\"").count(),
                "POST /send?type=text&" => {
                    let delivered = world.relay.counters().messages_delivered - delivered;
                    usize::try_from(delivered).unwrap()
                }
                "POST /disconnect?" => {
                    let sent = clients.iter().filter(|(id, _)| world.sent.contains_key(id));
                    sent.count()
                }
                _ => continue,
            };
            assert_eq!(reached, receivers, "{call}{target}");
            if call == "GET /info?" {
                let claims = answer.matches("\"expiration\"").count();
                assert_eq!(claims, receivers, "{target}");
            }
        }
    }
}

#[test]
fn an_answer_of_info_is_bounded_and_so_is_the_work_for_it() {
    const PEOPLE: usize = 100;
    const MOST: usize = 1_000;
    let mut world = World::new(Limits {
        dsock_info: MOST,
        ..Limits::default()
    });
    for index in 0..PEOPLE {
        world.succeed("POST", &format!("/claim?user=u{index}&id=c{index}"));
        world.connect(&format!("c{index}"));
        world.succeed("POST", "/claim?user=u&channels=claimed");
    }
    let before = world.relay.counters().limit(Limit::DsockInfo);
    for (refused, channel) in ["global", "claimed"].into_iter().enumerate() {
        world.looks();
        let answer = world.call("GET", &format!("/info?channel={channel}"));
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert_eq!(error_code(&answer), "TARGET_TOO_LARGE");
        assert!(answer.contains("to tell of: info answer limit"), "{answer}");
        let looks = world.looks();
        assert!(looks < 4 * MOST / 80, "{channel}: {looks} looks");
        let counted = world.relay.counters().limit(Limit::DsockInfo) - before;
        assert_eq!(counted, refused as u64 + 1);
    }
    // To the byte, and a smaller target is told of.
    let body = |answer: &str| answer.split_once("\r\n\r\n").unwrap().1.len();
    let length = body(&world.succeed("GET", "/info?user=u1"));
    for (most, status) in [(length, "200"), (length - 1, "400")] {
        let mut world = World::new(Limits {
            dsock_info: most,
            ..Limits::default()
        });
        world.succeed("POST", "/claim?user=u1&id=c1");
        world.connect("c1");
        let answer = world.call("GET", "/info?user=u1");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
}

#[test]
fn whoever_changes_channels_is_found_in_them_by_its_session() {
    let mut world = World::new(Limits::default());
    for (id, session) in [("a", "s"), ("b", "t"), ("c", "")] {
        world.succeed("POST", &format!("/claim?user=u&session={session}&id={id}"));
        world.connect(id);
    }
    let found = |world: &mut World, channel: &str, session: &str| {
        let target = format!("/info?channel={channel}&session={session}");
        world.succeed("GET", &target).matches("lastPing").count()
    };
    for (change, target, expected) in [
        ("subscribe/new,newer", "user=u", [1, 1]),
        ("unsubscribe/new", "channel=new&session=s", [0, 1]),
        ("subscribe/new", "user=u&session=s", [1, 1]),
        ("unsubscribe/new", "user=u", [0, 0]),
    ] {
        world.succeed("POST", &format!("/channel/{change}?{target}"));
        let now = [found(&mut world, "new", "s"), found(&mut world, "new", "t")];
        assert_eq!(now, expected, "{change} {target}");
        // What was not spoken of has not changed, and a session has the default channels, too.
        assert_eq!(found(&mut world, "newer", "s"), 1);
        assert_eq!(found(&mut world, "global", "t"), 1);
    }
    world.check_invariants();
    // Who is disconnected is in nothing any more, and the channels go with the last of them.
    world.succeed("POST", "/disconnect?channel=global");
    assert_eq!(found(&mut world, "newer", "s"), 0);
    assert!(world.relay.hub().is_empty());
}

#[test]
fn a_claim_that_has_ended_is_told_from_one_that_never_was() {
    let mut world = World::new(Limits::default());
    world.succeed("POST", "/claim?user=u&id=c&duration=10");
    world.pass(Duration::from_millis(9_999));
    assert_eq!(error_code(&world.connect("other").1), "MISSING_CLAIM");
    // A plain GET looks, and takes nothing.
    let plain = "/connect?claim=c";
    assert!(world.call("GET", plain).ends_with("Bad Request\n"));
    world.pass(Duration::from_millis(1));
    for _ in 0..4 {
        assert_eq!(error_code(&world.connect("c").1), "EXPIRED_CLAIM");
        assert_eq!(error_code(&world.call("GET", plain)), "EXPIRED_CLAIM");
        let info = world.succeed("GET", "/info?user=u");
        assert!(info.contains("\"claims\":[]"), "{info}");
        world.pass(Duration::from_secs(1));
    }
    assert_eq!(world.dsock().directory().kept_claims(), 1);
    world.pass(Duration::from_secs(2));
    assert_eq!(error_code(&world.connect("c").1), "MISSING_CLAIM");
    assert_eq!(world.dsock().directory().kept_claims(), 0);

    // One that was used has not ended, and one that was forgotten neither.
    for (claim, take) in [("used", "connect"), ("forgotten", "disconnect")] {
        world.succeed("POST", &format!("/claim?user=u&id={claim}&duration=1"));
        if take == "connect" {
            world.connect(claim);
        } else {
            world.succeed("POST", "/disconnect?user=u");
        }
        world.pass(Duration::from_secs(1));
        assert_eq!(error_code(&world.connect(claim).1), "MISSING_CLAIM");
    }
}

#[test]
fn claims_that_end_all_at_once_are_forgotten_in_parts() {
    const CLAIMS: usize = 4_500;
    let mut world = World::new(Limits::default());
    for index in 0..CLAIMS {
        world.succeed("POST", &format!("/claim?user=u&id=c{index}&duration=3600"));
    }
    // The wall clock is set, by a day: the next look at the claims is soon all the same.
    world.now.wall += Duration::from_secs(86_400);
    let mut left = vec![CLAIMS];
    for _ in 0..600 {
        world.pass(Duration::from_millis(10));
        let kept = world.dsock().directory().kept_claims();
        if left.last() != Some(&kept) {
            left.push(kept);
        }
    }
    assert_eq!(left, [CLAIMS, CLAIMS - 2_000, CLAIMS - 4_000, 0]);
}

#[test]
fn a_connection_that_is_already_being_closed_takes_no_claim() {
    let mut world = World::new(Limits {
        output: 1_024,
        output_soft: 512,
        ..Limits::default()
    });
    world.succeed("POST", "/claim?user=u&id=c");
    // It asks for more than may wait for it, and for a connection behind that, all at once.
    let ping = "GET /ping HTTP/1.1\r\nHost: h\r\n\r\n";
    let id = accept(&mut world.relay, world.now);
    world.receive(id, &(ping.repeat(30) + &handshake("c")));
    world.turn();
    assert!(world.relay.peer(id).is_none(), "it is closed");
    let (_, answer) = world.connect("c");
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
}
