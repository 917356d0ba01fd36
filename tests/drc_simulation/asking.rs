//! Requests at random, mostly ones that mean something where they are made.

use super::model::Model;
use super::request::{Number, Request};
use super::spelling::{self, Members};

/// What passes through: a name, and values.
const PASSING: [&str; 6] = ["data", "x", "\u{e9}\"", "To", "data", "extra"];
const VALUES: [&str; 12] = [
    "1",
    "1.0",
    "-0",
    "1e400",
    "12345678901234567890",
    "{}",
    "[ ]",
    "\"\\u00e9\\/\u{e9}\"",
    "{\"a\": {\"b\":[1,  2]}}",
    "null",
    "false",
    "\"</script>\"",
];

/// Somebody who asks, and what there is to ask for.
pub(crate) struct Asking<'a> {
    pub(crate) rng: &'a mut fastrand::Rng,
    pub(crate) model: &'a Model,
    /// The one who asks.
    pub(crate) client: u64,
    /// Of how many names of channels and protocols this world makes most use.
    pub(crate) names: (usize, usize),
}

impl Asking<'_> {
    /// A request, and how it is written.
    pub(crate) fn request(&mut self) -> (Vec<u8>, Request) {
        let mut channels = self.model.channels.values();
        let is_in_one = channels.any(|channel| channel.has(self.client));
        let kinds = if is_in_one || self.one_in(12) {
            100
        } else {
            44
        };
        match self.rng.u8(..kinds) {
            0..24 => self.join(),
            24..42 => self.grant(),
            42..44 => self.nonsense(),
            44..50 => self.leave(),
            50..62 => self.set_extra(),
            _ => self.message(),
        }
    }

    pub(crate) fn pick<'b, T: ?Sized>(&mut self, of: &[&'b T]) -> &'b T {
        of[self.rng.usize(..of.len())]
    }

    pub(crate) fn one_in(&mut self, count: u8) -> bool {
        self.rng.u8(..count) == 0
    }

    /// A request with a command of the protocol.
    fn write(&mut self, command: &str, mut members: Members) -> Vec<u8> {
        let noise = self.rng.usize(..3) / 2;
        for _ in 0..noise {
            let (name, value) = (self.pick(&PASSING), self.pick(&VALUES));
            if name != "extra" {
                members.push((spelling::string(self.rng, name), value.to_owned()));
            }
        }
        let command = spelling::string(self.rng, command);
        members.push((spelling::string(self.rng, "cmd"), command));
        self.rng.shuffle(&mut members);
        if self.one_in(20) {
            // Of two, the last one counts.
            let value = self.pick(&VALUES).to_owned();
            members.insert(0, ("\"channel\"".to_owned(), value));
            if !members[1..]
                .iter()
                .any(|(name, _)| is_named(name, "channel"))
            {
                members.remove(0);
            }
        }
        spelling::object(self.rng, &members).into_bytes()
    }

    fn join(&mut self) -> (Vec<u8>, Request) {
        let (names, mut members) = self.names();
        let token = self.token(&names, &mut members);
        let by_address = match self.rng.u8(..8) {
            0..3 => {
                members.push((spelling::string(self.rng, "ipauth"), "false".to_owned()));
                false
            }
            3 => {
                let value = self.pick(&["0", "null", "\"false\"", "true", "[]"]);
                members.push(("\"ipauth\"".to_owned(), value.to_owned()));
                true
            }
            _ => true,
        };
        let request = Request::Join {
            names,
            token,
            by_address,
        };
        (self.write("JOIN", members), request)
    }

    fn grant(&mut self) -> (Vec<u8>, Request) {
        let (names, mut members) = self.names();
        let token = self.token(&names, &mut members);
        let mode = match self.rng.u8(..60) {
            0 => Number::Missing,
            1 => Number::Other,
            2 => Number::Is(3),
            3 => Number::Is(-1),
            _ => Number::Is(self.rng.i64(0..3)),
        };
        self.push_number(&mut members, "clientmode", mode);
        let extra = self.extra(&mut members);
        let makes_authority = match self.rng.u8(..8) {
            0 | 1 => {
                members.push((spelling::string(self.rng, "makeauth"), "true".to_owned()));
                true
            }
            2 => {
                let value = self.pick(&["1", "null", "\"true\"", "false", "{}"]);
                members.push(("\"makeauth\"".to_owned(), value.to_owned()));
                false
            }
            _ => false,
        };
        let request = Request::Grant {
            names,
            mode,
            extra,
            token,
            makes_authority,
        };
        (self.write("GRANT", members), request)
    }

    fn leave(&mut self) -> (Vec<u8>, Request) {
        let mut members = Members::new();
        let channel = self.channel(&mut members);
        (self.write("LEAVE", members), Request::Leave { channel })
    }

    fn set_extra(&mut self) -> (Vec<u8>, Request) {
        let mut members = Members::new();
        let channel = self.channel(&mut members);
        let id = self.member_of(channel);
        self.push_number(&mut members, "id", id);
        let extra = self.extra(&mut members);
        let request = Request::SetExtra { channel, id, extra };
        (self.write("SET_EXTRA", members), request)
    }

    fn message(&mut self) -> (Vec<u8>, Request) {
        let mut members = Members::new();
        let channel = self.channel(&mut members);
        let to = match self.rng.u8(..3) {
            0 => Number::Is(-self.rng.i64(1..3)),
            _ => self.member_of(channel),
        };
        self.push_number(&mut members, "to", to);
        for _ in 0..self.rng.usize(..4) {
            let name = match self.rng.u8(..4) {
                0 => self.pick(&["from", "success"]),
                _ => self.pick(&PASSING),
            };
            let name = spelling::string(self.rng, name);
            members.push((name, self.pick(&VALUES).to_owned()));
        }
        if self.one_in(30) {
            let long = format!("\"{}\"", "long".repeat(self.rng.usize(..500)));
            members.push(("\"long\"".to_owned(), long));
        }
        let command = self.pick(&["m", "join", "", "\u{e9}/", "Left", "SET"]);
        let command = spelling::string(self.rng, command);
        members.push((spelling::string(self.rng, "cmd"), command.clone()));
        self.rng.shuffle(&mut members);
        let mut passed = format!("\"cmd\":{command}");
        let own = ["channel", "success", "from", "cmd", "to"];
        for (name, value) in &members {
            if !own.iter().any(|own| is_named(name, own)) {
                passed.push_str(&format!(",{name}:{value}"));
            }
        }
        let text = spelling::object(self.rng, &members).into_bytes();
        let request = Request::Message {
            channel,
            to,
            passed,
        };
        (text, request)
    }

    fn nonsense(&mut self) -> (Vec<u8>, Request) {
        let deep = format!(
            "{{\"cmd\":\"m\",\"x\":{}{}}}",
            "[".repeat(600),
            "]".repeat(600)
        );
        if self.rng.bool() {
            let text = self.pick(&[
                "",
                "{",
                "5",
                "null",
                "\"{}\"",
                "true",
                "not json",
                "{\"cmd\":\"m\",}",
                "{}{}",
                "{'cmd':'m'}",
                &deep,
                "{\"cmd\":\"\\ud800\"}",
            ]);
            (text.as_bytes().to_vec(), Request::Undecodable)
        } else {
            let text = self.pick(&[
                "{}",
                "[]",
                "[{\"cmd\":\"JOIN\"}]",
                "{\"cmd\":5}",
                "{\"cmd\":null}",
                "{\"cmd\":[\"JOIN\"]}",
                "{\"CMD\":\"JOIN\"}",
                "{\"cmd\":\"JOINED\",\"channel\":1,\"to\":-1}",
                "{\"cmd\":\"LEFT\",\"channel\":1,\"to\":-1}",
                "{\"cmd\":\"GRANTED\",\"channel\":1,\"to\":-1}",
                "{\"cmd\":\"JOIN\",\"cmd\":true}",
            ]);
            (text.as_bytes().to_vec(), Request::NoCommand)
        }
    }
}

/// Whether a written name means this one.
fn is_named(written: &str, name: &str) -> bool {
    serde_json::from_str::<String>(written).unwrap() == name
}
