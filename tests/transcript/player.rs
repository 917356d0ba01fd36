//! Playing a transcript.

use super::captures::Captures;
use super::control;
use super::placeholders::matches;
use super::script::{Action, Script, Section};
use super::{Arrival, Transport};
use crate::support::{Frame, HttpResponse, Opcode, note};
use std::collections::HashMap;
use std::io::{Write, stderr};
use std::thread;

const MASK: [u8; 4] = [0x5A, 0x01, 0xFE, 0x37];

/// What a client has sent and been sent so far.
#[derive(Debug)]
struct Client {
    connection: usize,
    received: Vec<u8>,
    upgraded: bool,
    /// It is a client of the control port.
    control: bool,
    /// The last request was a HEAD, whose response has no body.
    head_only: bool,
}

/// Plays all sections; panics at the first line that does not come true.
pub(crate) fn play(name: &str, script: &Script, transport: &mut dyn Transport) {
    let mut clients = HashMap::new();
    let mut captures = Captures::default();
    for section in &script.sections {
        let mut player = Player {
            place: Place {
                name,
                title: &section.title,
                line: 0,
            },
            transport,
            clients: &mut clients,
            captures: &mut captures,
        };
        player.play(section);
    }
}

/// Where in the transcript it is; says so if the test fails there.
struct Place<'a> {
    name: &'a str,
    title: &'a str,
    line: usize,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = writeln!(
                stderr(),
                "--- in {} line {} ({})",
                self.name,
                self.line,
                self.title
            );
        }
    }
}

struct Player<'a> {
    place: Place<'a>,
    transport: &'a mut dyn Transport,
    clients: &'a mut HashMap<String, Client>,
    captures: &'a mut Captures,
}

impl Player<'_> {
    fn play(&mut self, section: &Section) {
        for step in &section.steps {
            self.place.line = step.line;
            self.act(&step.action);
        }
        self.expect_nothing_more();
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Request { client, head, body } => self.request(client, head, body),
            Action::Send { client, frames } => {
                let connection = self.client(client).connection;
                let captures = &*self.captures;
                let bytes: Vec<u8> = frames
                    .iter()
                    .flat_map(|sent| {
                        let frame = captures.insert_into(&sent.frame);
                        note(&frame.payload);
                        match sent.masked {
                            true => frame.masked(MASK),
                            false => frame.unmasked(),
                        }
                    })
                    .collect();
                self.transport.send(connection, &bytes);
            }
            Action::Command { client, bytes } => self.command(client, bytes),
            Action::Finish { client } => {
                let connection = self.client(client).connection;
                self.transport.finish(connection);
            }
            Action::Leave { client } => {
                self.expect_nothing_more();
                let client = self.clients.remove(client).expect("it is connected");
                self.transport.close(client.connection);
            }
            Action::Response { client, head, body } => self.response(client, head, body.as_deref()),
            Action::Receive { client, frame } => {
                let received = self.next_frame(client);
                let frame = &self.captures.insert_into(frame);
                let pattern = self.captures.take(frame, &received);
                assert!(
                    is_expected(&pattern, &received),
                    "{received:?}\ninstead of {frame:?}"
                );
            }
            Action::Answer { client, frame } => {
                let received = self.next_control_frame(client);
                assert!(
                    control::is_expected(frame, &received),
                    "{}\ninstead of {}",
                    received.escape_ascii(),
                    frame.escape_ascii()
                );
            }
            Action::End { client } => self.end(client),
            Action::Wait(time) => self.transport.wait(*time),
        }
    }

    fn request(&mut self, name: &str, head: &[String], body: &[u8]) {
        let transport = &mut self.transport;
        let client = self
            .clients
            .entry(name.to_owned())
            .or_insert_with(|| Client {
                connection: transport.connect(),
                received: Vec::new(),
                upgraded: false,
                control: false,
                head_only: false,
            });
        assert!(!client.upgraded, "{name} is a WebSocket");
        client.head_only = head.first().is_some_and(|line| line.starts_with("HEAD "));
        let head = self.captures.insert_into_text(&head.join("\r\n"));
        note(head.as_bytes());
        let mut bytes = format!("{head}\r\n\r\n").into_bytes();
        bytes.extend_from_slice(body);
        transport.send(client.connection, &bytes);
    }

    fn command(&mut self, name: &str, bytes: &[u8]) {
        let transport = &mut self.transport;
        let client = self
            .clients
            .entry(name.to_owned())
            .or_insert_with(|| Client {
                connection: transport.connect_to_control(),
                received: Vec::new(),
                upgraded: false,
                control: true,
                head_only: false,
            });
        assert!(client.control, "{name} is no client of the control port");
        transport.send(client.connection, bytes);
    }

    fn response(&mut self, name: &str, expected: &[String], body: Option<&str>) {
        let end = loop {
            let received = &self.client(name).received;
            if let Some(at) = received.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.receive_more(name, "a response");
        };
        let client = self.client(name);
        let head: Vec<u8> = client.received.drain(..end).collect();
        let head = String::from_utf8_lossy(&head).into_owned();
        let response = HttpResponse::from_head(&head);
        client.upgraded = response.status == 101;
        let length = match client.head_only {
            true => 0,
            false => response.content_length(),
        };
        check_head(&head, &response, expected);
        while self.client(name).received.len() < length {
            self.receive_more(name, "a response body");
        }
        let received: Vec<u8> = self.client(name).received.drain(..length).collect();
        note(&received);
        let received = String::from_utf8_lossy(&received).into_owned();
        let body = body.map(|body| self.captures.insert_into_text(body));
        let body = body.map(|body| self.captures.take_from_text(&body, &received));
        if let Some(body) = body {
            match body.strip_suffix(" ...") {
                Some(beginning) => assert!(received.starts_with(beginning), "{received:?}"),
                None => assert!(
                    matches(&body, &received),
                    "{received:?}\ninstead of {body:?}"
                ),
            }
        }
    }

    fn end(&mut self, name: &str) {
        let client = self.client(name);
        assert!(
            client.received.is_empty(),
            "{:?} before the end",
            client.received
        );
        let connection = client.connection;
        match self.transport.receive(connection) {
            Arrival::End => {}
            other => panic!("instead of the end: {other:?}"),
        }
        self.transport.close(connection);
        self.clients.remove(name);
    }

    fn next_frame(&mut self, name: &str) -> Frame {
        assert!(self.client(name).upgraded, "{name} is no WebSocket");
        loop {
            if let Some(frame) = Frame::take(&mut self.client(name).received) {
                note(&frame.payload);
                return frame;
            }
            self.receive_more(name, "a frame");
        }
    }

    /// Checks that no client is sent anything that the transcript does not have.
    fn expect_nothing_more(&mut self) {
        let mut names: Vec<String> = self.clients.keys().cloned().collect();
        names.sort_unstable();
        // Twice: what one client has sent may still be on its way to another in the first round.
        for name in names.iter().chain(&names) {
            let client = self.client(name);
            if client.upgraded {
                self.ping(name);
            } else if client.control {
                self.ping_control(name);
            }
        }
    }

    fn next_control_frame(&mut self, name: &str) -> Vec<u8> {
        assert!(
            self.client(name).control,
            "{name} is no client of the control port"
        );
        loop {
            if let Some(frame) = control::take(&mut self.client(name).received) {
                return frame;
            }
            self.receive_more(name, "a control frame");
        }
    }

    /// As [`Self::ping`], on the control port.
    fn ping_control(&mut self, name: &str) {
        let connection = self.client(name).connection;
        self.transport.send(connection, b"0p");
        let frame = self.next_control_frame(name);
        let frame = frame.escape_ascii().to_string();
        assert_eq!(frame, "0P", "{name} received what was not expected");
    }

    /// What the server had for a client before a ping, it has sent before the pong.
    fn ping(&mut self, name: &str) {
        let connection = self.client(name).connection;
        let ping = Frame::ping(b"nothing more?").masked(MASK);
        self.transport.send(connection, &ping);
        let frame = self.next_frame(name);
        let pong = Frame::new(Opcode::PONG, *b"nothing more?");
        assert_eq!(frame, pong, "{name} received what was not expected");
    }

    fn receive_more(&mut self, name: &str, what: &str) {
        let connection = self.client(name).connection;
        match self.transport.receive(connection) {
            Arrival::Bytes(bytes) => self.client(name).received.extend(bytes),
            other => panic!("{name}: {other:?} instead of {what}"),
        }
    }

    fn client(&mut self, name: &str) -> &mut Client {
        let client = self.clients.get_mut(name);
        client.unwrap_or_else(|| panic!("{name} is not connected"))
    }
}

/// The status line has to be the same; header fields have to be there, or with `(no X)` not.
fn check_head(head: &str, response: &HttpResponse, expected: &[String]) {
    let (status_line, fields) = expected.split_first().expect("a status line");
    assert_eq!(head.lines().next(), Some(status_line.as_str()));
    for field in fields {
        let absent = field
            .strip_prefix("(no ")
            .and_then(|name| name.strip_suffix(')'));
        match (absent, field.split_once(": ")) {
            (Some(name), _) => assert_eq!(response.header(&name.to_lowercase()), None),
            (None, Some((name, value))) => {
                let received = response.header(&name.to_lowercase());
                assert_eq!(received, Some(value), "{name} in {head}");
            }
            (None, None) => panic!("not a header field: {field}"),
        }
    }
}

/// Text, pings and the reasons of close frames may have placeholders; all else is the same to the
/// byte.
fn is_expected(expected: &Frame, received: &Frame) -> bool {
    let (code, pattern) = parts(expected);
    let (received_code, text) = parts(received);
    match (str::from_utf8(pattern), str::from_utf8(text)) {
        (Ok(pattern), Ok(text)) if expected.opcode != Opcode::BINARY => {
            received.opcode == expected.opcode
                && received.fin == expected.fin
                && received.reserved == expected.reserved
                && code == received_code
                && matches(pattern, text)
        }
        _ => expected == received,
    }
}

/// The code of a close frame, and what may have placeholders.
fn parts(frame: &Frame) -> (Option<u16>, &[u8]) {
    match frame.close_code() {
        Some(code) => (Some(code), &frame.payload[2..]),
        None => (None, &frame.payload),
    }
}
