//! A client that sends exactly the bytes it is told to.

use super::{Frame, HttpResponse, Opcode, note};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long a client waits for the server before its test fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// The example of RFC 6455 section 1.3, so that no test needs SHA-1.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The mask of all frames that are sent without one of their own.
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The server closed its side in order.
    Closed,
    /// The connection was reset.
    Reset,
}

/// What one attempt to read gave.
enum Progress {
    Bytes,
    End(End),
    Nothing,
}

/// A TCP connection to the server, before or after the upgrade.
#[derive(Debug)]
pub struct RawClient {
    stream: TcpStream,
    received: Vec<u8>,
}

impl RawClient {
    /// Connects, and says nothing yet.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)
            .unwrap_or_else(|error| panic!("connecting to {address}: {error}"));
        Self::from_stream(stream)
    }

    /// Takes over a connection made in some other way, from another source address for example.
    pub fn from_stream(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("TCP_NODELAY is there");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("the time is not zero");
        Self {
            stream,
            received: Vec::new(),
        }
    }

    /// Connects and becomes a WebSocket of `path`.
    #[track_caller]
    pub fn upgrade(address: SocketAddr, path: &str) -> Self {
        Self::upgrade_with(address, path, &[])
    }

    /// As [`RawClient::upgrade`], with more header fields.
    #[track_caller]
    pub fn upgrade_with(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut client = Self::connect(address);
        let response = client.try_upgrade(path, headers);
        assert_eq!(response.status, 101, "{path}: {response:?}");
        assert_eq!(response.header("sec-websocket-accept"), Some(ACCEPT));
        client
    }

    /// Asks for an upgrade and returns whatever the answer is.
    #[track_caller]
    pub fn try_upgrade(&mut self, path: &str, headers: &[(&str, &str)]) -> HttpResponse {
        self.send(upgrade_request(path, headers).as_bytes());
        self.receive_response()
    }

    /// The client's own address.
    pub fn local_address(&self) -> SocketAddr {
        self.stream.local_addr().expect("the socket is bound")
    }

    /// The socket, for its options.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends bytes as they are.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        // Requests begin with a method.
        if bytes.first().is_some_and(u8::is_ascii_uppercase) {
            note(bytes);
        }
        if let Err(error) = self.stream.write_all(bytes) {
            panic!("sending {} bytes: {error}", bytes.len());
        }
    }

    /// Sends bytes; false if the server has ended the connection.
    pub fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends a frame, masked.
    #[track_caller]
    pub fn send_frame(&mut self, frame: &Frame) {
        note(&frame.payload);
        self.send(&frame.masked(MASK));
    }

    /// Sends a text message in one frame.
    #[track_caller]
    pub fn send_text(&mut self, text: &str) {
        self.send_frame(&Frame::text(text));
    }

    /// Sends a binary message in one frame.
    #[track_caller]
    pub fn send_binary(&mut self, bytes: &[u8]) {
        self.send_frame(&Frame::binary(bytes));
    }

    /// Waits for a response and the body that its Content-Length announces.
    #[track_caller]
    pub fn receive_response(&mut self) -> HttpResponse {
        let mut response = self.receive_response_head();
        let length = response.content_length();
        self.read_until("a response body", |received| received.len() >= length);
        response.body = self.received.drain(..length).collect();
        note(&response.body);
        response
    }

    /// Waits for the head of a response only: that to a HEAD request has no body.
    #[track_caller]
    pub fn receive_response_head(&mut self) -> HttpResponse {
        self.read_until("a response head", |received| blank_line(received).is_some());
        let end = blank_line(&self.received).expect("it was just found");
        let head: Vec<u8> = self.received.drain(..end).collect();
        HttpResponse::from_head(&String::from_utf8_lossy(&head))
    }

    /// Waits for the next frame, of whatever kind.
    #[track_caller]
    pub fn receive_frame(&mut self) -> Frame {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(frame) = Frame::take(&mut self.received) {
                return frame;
            }
            self.read_some("a frame", deadline);
        }
    }

    /// The next frame if it arrives within `limit`.
    #[track_caller]
    pub fn receive_frame_within(&mut self, limit: Duration) -> Option<Frame> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(frame) = Frame::take(&mut self.received) {
                return Some(frame);
            }
            if !matches!(self.read_before(deadline), Progress::Bytes) {
                return None;
            }
        }
    }

    /// Waits for a text message in one frame.
    #[track_caller]
    pub fn receive_text(&mut self) -> String {
        let frame = self.receive_frame();
        assert_eq!(frame.opcode, Opcode::TEXT, "{frame:?}");
        assert!(frame.fin, "{frame:?}");
        note(&frame.payload);
        String::from_utf8(frame.payload).expect("text frames are UTF-8")
    }

    /// Waits for a binary message in one frame.
    #[track_caller]
    pub fn receive_binary(&mut self) -> Vec<u8> {
        let frame = self.receive_frame();
        assert_eq!(frame.opcode, Opcode::BINARY, "{:?}", frame.opcode);
        assert!(frame.fin, "a message in several frames");
        frame.payload
    }

    /// Waits for a close frame and returns its code.
    #[track_caller]
    pub fn receive_close(&mut self) -> u16 {
        let frame = self.receive_frame();
        frame
            .close_code()
            .unwrap_or_else(|| panic!("not a close frame with a code: {frame:?}"))
    }

    /// Waits until the server ends the connection. Panics if bytes come instead.
    #[track_caller]
    pub fn receive_end(&mut self) -> End {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(
                self.received.is_empty(),
                "instead of the end: {:?}",
                String::from_utf8_lossy(&self.received)
            );
            match self.read_before(deadline) {
                Progress::Bytes => {}
                Progress::End(end) => return end,
                Progress::Nothing => panic!("the connection had not ended after {PATIENCE:?}"),
            }
        }
    }

    /// Waits until the server ends the connection, and gives all that came before.
    #[track_caller]
    pub fn receive_all(&mut self) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.read_before(deadline) {
                Progress::Bytes => {}
                Progress::End(_) => return String::from_utf8_lossy(&self.received).into_owned(),
                Progress::Nothing => panic!("the connection had not ended after {PATIENCE:?}"),
            }
        }
    }

    /// Ping and pong: everything that was sent before has been seen by the server afterwards.
    #[track_caller]
    pub fn synchronise(&mut self) {
        self.send_frame(&Frame::ping(b"synchronise"));
        let pong = self.receive_frame();
        assert_eq!(pong, Frame::new(Opcode::PONG, b"synchronise".as_slice()));
    }

    #[track_caller]
    fn read_until(&mut self, what: &str, complete: impl Fn(&[u8]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !complete(&self.received) {
            self.read_some(what, deadline);
        }
    }

    #[track_caller]
    fn read_some(&mut self, what: &str, deadline: Instant) {
        match self.read_before(deadline) {
            Progress::Bytes => {}
            Progress::End(end) => {
                panic!("instead of {what}: {end:?}, {} bytes", self.received.len())
            }
            Progress::Nothing => panic!("no {what} after {PATIENCE:?}"),
        }
    }

    /// Reads once, waiting until `deadline` at most.
    fn read_before(&mut self, deadline: Instant) -> Progress {
        let time_left = deadline.saturating_duration_since(Instant::now());
        if time_left.is_zero() {
            return Progress::Nothing;
        }
        self.stream
            .set_read_timeout(Some(time_left))
            .expect("the time is not zero");
        let mut buffer = vec![0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => Progress::End(End::Closed),
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                Progress::Bytes
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Progress::Nothing,
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Progress::End(End::Reset),
                ErrorKind::Interrupted => Progress::Bytes,
                _ => panic!("reading: {error}"),
            },
        }
    }
}

fn upgrade_request(path: &str, headers: &[(&str, &str)]) -> String {
    let mut request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
    );
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request
}

fn blank_line(bytes: &[u8]) -> Option<usize> {
    let start = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(start + 4)
}
