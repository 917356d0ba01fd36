//! Reading a transcript.

use super::escapes::{bytes, expand_range, payload, unescape};
use crate::support::{Frame, Opcode};
use std::time::Duration;

/// A transcript.
#[derive(Debug)]
pub(crate) struct Script {
    /// The server's settings, as variables of its environment.
    pub(crate) settings: Vec<(String, String)>,
    /// The conversation.
    pub(super) sections: Vec<Section>,
}

/// A part with a title; at its end nothing is left that was not expected.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) steps: Vec<Step>,
}

/// A line, or several that belong together.
#[derive(Debug)]
pub(super) struct Step {
    /// The number of its first line.
    pub(super) line: usize,
    pub(super) action: Action,
}

#[derive(Debug)]
pub(super) enum Action {
    /// A client sends a request; on a new connection unless it has one that speaks HTTP.
    Request {
        client: String,
        head: Vec<String>,
        body: Vec<u8>,
    },
    /// Frames, all at once.
    Send {
        client: String,
        frames: Vec<SentFrame>,
    },
    /// Bytes for the control port; on a new connection unless there is one.
    Command { client: String, bytes: Vec<u8> },
    /// The client sends nothing more.
    Finish { client: String },
    /// The client goes without a word.
    Leave { client: String },
    /// A response.
    Response {
        client: String,
        head: Vec<String>,
        body: Option<String>,
    },
    /// A frame, in which placeholders stand for what differs from run to run.
    Receive { client: String, frame: Frame },
    /// A frame of the control port, likewise.
    Answer { client: String, frame: Vec<u8> },
    /// The server closes.
    End { client: String },
    /// Time passes.
    Wait(Duration),
}

/// A frame of a client.
#[derive(Debug)]
pub(super) struct SentFrame {
    pub(super) frame: Frame,
    pub(super) masked: bool,
}

impl Script {
    /// Reads a transcript. `expand` fills in what is known only now, such as tokens.
    pub(crate) fn parse(text: &str, expand: impl Fn(&str) -> String) -> Self {
        let mut script = Self {
            settings: Vec::new(),
            sections: Vec::new(),
        };
        for (index, line) in text.lines().enumerate() {
            let line_number = index + 1;
            if line.is_empty() || (line.starts_with('#') && !line.starts_with("## ")) {
                continue;
            }
            if let Some(title) = line.strip_prefix("## ") {
                script.sections.push(Section {
                    title: title.to_owned(),
                    steps: Vec::new(),
                });
                continue;
            }
            if let Some(setting) = line.strip_prefix("$ ") {
                let (name, value) = setting.split_once('=').expect("NAME=value");
                script.settings.push((name.to_owned(), value.to_owned()));
                continue;
            }
            let section = script.sections.last_mut();
            let section = section.unwrap_or_else(|| panic!("line {line_number}: no title"));
            section.add(line_number, &expand(line));
        }
        script
    }
}

impl Section {
    fn add(&mut self, line: usize, text: &str) {
        if let Some(time) = text.strip_prefix("(wait ") {
            let milliseconds = time
                .strip_suffix(" ms)")
                .and_then(|number| number.parse().ok());
            let time = milliseconds.unwrap_or_else(|| panic!("line {line}: {text}"));
            let action = Action::Wait(Duration::from_millis(time));
            return self.steps.push(Step { line, action });
        }
        let mut words = text.splitn(3, ' ');
        let (client, direction) = (words.next(), words.next());
        let what = words.next().unwrap_or_default();
        let client = client.unwrap_or_default().to_owned();
        let action = match direction {
            Some(">") => sent(client, what, &mut self.steps),
            Some("<") => received(client, what, &mut self.steps),
            _ => panic!("line {line}: neither > nor <: {text}"),
        };
        if let Some(action) = action {
            self.steps.push(Step { line, action });
        }
    }
}

/// What a client sends; nothing if it was added to the request that is the last of `steps`.
fn sent(client: String, what: &str, steps: &mut [Step]) -> Option<Action> {
    if what == "(TCP close)" {
        return Some(Action::Leave { client });
    }
    if what == "(TCP FIN)" {
        return Some(Action::Finish { client });
    }
    if let Some(text) = what.strip_prefix("CTL| ") {
        let bytes = control_bytes(text);
        return Some(Action::Command { client, bytes });
    }
    let under_way = match last_action(steps) {
        Some(Action::Request {
            client: whose,
            head,
            body,
        }) if *whose == client => Some((head, body)),
        _ => None,
    };
    if let Some(text) = what.strip_prefix("BODY| ") {
        let (_, body) = under_way.expect("a body behind its head");
        body.extend(payload(text));
        return None;
    }
    if let Some(text) = what.strip_prefix("HTTP| ") {
        match under_way {
            // Only a request line begins another request.
            Some((head, _)) if !text.contains(" HTTP/1.") && !text.starts_with('(') => {
                head.push(text.to_owned());
                return None;
            }
            _ => {
                let head = request_head(text);
                let body = Vec::new();
                return Some(Action::Request { client, head, body });
            }
        }
    }
    let frames = frames(what)
        .into_iter()
        .map(|(frame, masked)| SentFrame { frame, masked })
        .collect();
    Some(Action::Send { client, frames })
}

/// `5bhello`, or `17000b{17000 bytes}` with that many of `z`.
fn control_bytes(text: &str) -> Vec<u8> {
    let many = text.strip_suffix(" bytes}").and_then(|text| {
        let (before, number) = text.rsplit_once('{')?;
        Some((before, number.parse().ok()?))
    });
    match many {
        Some((before, length)) => [bytes(before), vec![b'z'; length]].concat(),
        None => bytes(text),
    }
}

fn last_action(steps: &mut [Step]) -> Option<&mut Action> {
    steps.last_mut().map(|step| &mut step.action)
}

/// A request line, or the head that it is short for.
fn request_head(text: &str) -> Vec<String> {
    let short = |kind: &str| text.strip_prefix(kind)?.strip_suffix(')');
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    if let Some(path) = short("(upgrade ") {
        let request_line = format!("GET {path} HTTP/1.1");
        return lines(&[
            &request_line,
            "Host: localhost",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ]);
    }
    if let Some(rest) = short("(plain ") {
        let request_line = format!("{rest} HTTP/1.1");
        return lines(&[&request_line, "Host: localhost", "Connection: close"]);
    }
    lines(&[text])
}

fn received(client: String, what: &str, steps: &mut [Step]) -> Option<Action> {
    if what == "(TCP EOF)" {
        return Some(Action::End { client });
    }
    if let Some(text) = what.strip_prefix("CTL| ") {
        let frame = bytes(text);
        return Some(Action::Answer { client, frame });
    }
    if let Some(text) = what.strip_prefix("BODY| ") {
        let Some(Action::Response { body, .. }) = last_action(steps) else {
            panic!("a body without a head: {text}");
        };
        *body = Some(unescape(text));
        return None;
    }
    if let Some(text) = what.strip_prefix("HTTP| ") {
        match last_action(steps) {
            Some(Action::Response {
                client: whose,
                head,
                ..
            }) if *whose == client && !text.starts_with("HTTP/") => {
                head.push(text.to_owned());
                return None;
            }
            _ => {
                let head = vec![text.to_owned()];
                return Some(Action::Response {
                    client,
                    head,
                    body: None,
                });
            }
        }
    }
    let mut frames = frames(what);
    assert!(frames.len() == 1, "one frame a line is received");
    let (frame, _) = frames.pop()?;
    Some(Action::Receive { client, frame })
}

/// `TEXT hello`, `BIN hex:00`, `CONT(fin=0) x`, `CLOSE code=1000 reason='bye'`; the words before
/// the payload may be several kinds in turn, `TEXT|BIN`, for each of a range of messages.
fn frames(what: &str) -> Vec<(Frame, bool)> {
    let (kinds, text) = what.split_once(' ').unwrap_or((what, ""));
    if kinds == "CLOSE" {
        return vec![(close_frame(text), true)];
    }
    let kinds: Vec<&str> = kinds.split('|').collect();
    expand_range(text)
        .iter()
        .zip(kinds.iter().cycle())
        .map(|(text, kind)| {
            let (name, flags) = kind.split_once('(').unwrap_or((kind, ""));
            let frame = Frame::new(opcode(name), payload(text));
            match flags {
                "" => (frame, true),
                "fin=0)" => (frame.unfinished(), true),
                "unmasked)" => (frame, false),
                _ => panic!("unknown flag: {what}"),
            }
        })
        .collect()
}

fn opcode(name: &str) -> Opcode {
    match name {
        "TEXT" => Opcode::TEXT,
        "BIN" => Opcode::BINARY,
        "CONT" => Opcode::CONTINUATION,
        "PING" => Opcode::PING,
        "PONG" => Opcode::PONG,
        _ => match name.strip_prefix("OP").map(str::parse) {
            Some(Ok(number)) => Opcode(number),
            _ => panic!("unknown kind of frame: {name}"),
        },
    }
}

/// `code=1000 reason='bye'`, `code=None reason=''`.
fn close_frame(text: &str) -> Frame {
    let parts = text
        .strip_prefix("code=")
        .and_then(|rest| rest.split_once(" reason='"));
    let (code, reason) = parts.unwrap_or_else(|| panic!("CLOSE code=... reason='...': {text}"));
    let reason = reason.strip_suffix('\'').expect("the reason's end");
    match code {
        "None" => Frame::new(Opcode::CLOSE, *b""),
        code => Frame::close(code.parse().expect("a number"), reason),
    }
}
