//! What a client reads is what it must be sent.

use super::client::{Client, Ending};
use super::driver::decoder::Output;
use super::model::{Due, Grant};

const GRANTED: &str = r#"{"channel":0,"success":true,"cmd":"GRANTED","token":""#;

impl Client {
    /// Bytes came.
    pub(crate) fn read(&mut self, bytes: &[u8], grants: &mut [Grant]) {
        self.read_bytes += bytes.len();
        self.decoder.feed(bytes);
        loop {
            let id = self.id;
            match self.decoder.next(false) {
                Ok(None) => break,
                Err(fault) => panic!("{id}: {fault}"),
                Ok(Some(output)) => {
                    assert!(!self.closed, "{id}: {output:?} behind a close frame");
                    self.read_one(output, grants);
                }
            }
        }
    }

    fn read_one(&mut self, output: Output, grants: &mut [Grant]) {
        let id = self.id;
        match output {
            Output::Answer { status: 101, .. } => {
                let due = self.due.pop_front();
                assert!(matches!(due, Some(Due::Handshake)), "{due:?}: {self:?}");
            }
            Output::Answer { status, head, .. } => {
                assert!(self.refused && status == 429, "{id}: {head}");
            }
            Output::Frame { opcode: 8, payload } => self.read_close(&payload),
            Output::Frame {
                opcode: 10,
                payload,
            } => match self.due.pop_front() {
                Some(Due::Pong(expected)) => assert_eq!(payload, expected, "{id}"),
                due => panic!("{id}: a pong, not {due:?}"),
            },
            Output::Frame { opcode, payload } => {
                let text = String::from_utf8(payload).expect("JSON is UTF-8");
                self.read_message(opcode, &text, grants);
            }
        }
    }

    fn read_message(&mut self, opcode: u8, text: &str, grants: &mut [Grant]) {
        let number = self.number;
        match self.due.pop_front() {
            Some(Due::Frame(expected_opcode, expected)) => {
                assert_eq!(
                    (opcode, text),
                    (expected_opcode, &*expected),
                    "to {number:?}"
                );
            }
            Some(Due::Granted {
                opcode: expected,
                names,
                grant,
            }) => {
                let rest = text.strip_prefix(GRANTED);
                let (token, rest) = rest.and_then(|rest| rest.split_once('"')).expect(text);
                assert_eq!((opcode, rest), (expected, &*format!("{names}}}")), "{text}");
                check_token(token, grants);
                grants[grant].token = Some(token.to_owned());
            }
            Some(Due::Left { mut gone, may_lack }) => {
                let place = gone.iter().position(|gone| **gone == *text);
                let Some(place) = place.filter(|_| opcode == 1) else {
                    panic!("to {number:?}: {opcode} {text}, not one of {gone:?}");
                };
                gone.remove(place);
                if !gone.is_empty() {
                    self.due.push_front(Due::Left { gone, may_lack });
                }
            }
            due => panic!("to {number:?}: {opcode} {text}, not {due:?}"),
        }
    }

    fn read_close(&mut self, payload: &[u8]) {
        self.closed = true;
        let code = payload
            .first_chunk::<2>()
            .map(|code| u16::from_be_bytes(*code));
        let reason = std::str::from_utf8(payload.get(2..).unwrap_or_default());
        let reason = reason.expect("a reason is UTF-8");
        let excuses = &self.excuses;
        let (excused, all_sent) = match (reason, self.ending) {
            ("", Some(Ending::Close(sent))) => (code == Some(sent), true),
            ("output limit", _) => (excuses.output || self.cut, false),
            ("soft output time limit", _) => (excuses.soft, false),
            ("memory limit", _) => (excuses.memory, false),
            ("failed logins limit", _) => (excuses.wrong_tokens, true),
            (_, Some(Ending::Garbage)) => (true, true),
            _ => (false, false),
        };
        assert!(excused, "{code:?} {reason}: {self:?}");
        assert!(!all_sent || self.has_all(), "{reason}: {self:?}");
    }
}

/// A token is `<secret>-<n>`, with a secret of at least 128 bits, and there is only one of it.
fn check_token(token: &str, grants: &[Grant]) {
    let (secret, number) = token.rsplit_once('-').expect(token);
    let is_plain = secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
    assert!(is_plain && secret.len() >= 32, "{token}");
    assert!(number.parse::<u64>().is_ok(), "{token}");
    let mut others = grants.iter().filter_map(|grant| grant.token.as_deref());
    assert!(!others.any(|other| other == token), "{token} twice");
}
