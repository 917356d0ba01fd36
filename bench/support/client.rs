//! Connects and upgrades, as a browser does.

use super::Outcome;
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, SocketAddrV4, TcpStream};
use std::time::Duration;

/// No answer on loopback takes longer, unless something hangs.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What RFC 6455 section 1.3 answers to the key that all clients here send.
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Topics that the publisher sends into and the receivers listen to.
pub(crate) const PUBLISHER_PATH: &str = "/in/bench";

/// See [`PUBLISHER_PATH`].
pub(crate) const RECEIVER_PATH: &str = "/out/bench";

/// Opens a TCP connection. One address has 28,000 ports to connect from; for more, and since the
/// kernel's search for a free one gets slow, give a source. When the connection is dropped it is
/// reset: closing in an orderly way would use up its port for a minute.
///
/// # Errors
/// If the connection is refused or the machine has no port or descriptor left.
pub(crate) fn connect(address: SocketAddr, source: Option<SocketAddrV4>) -> Outcome<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if let Some(source) = source {
        socket.bind(&SocketAddr::from(source).into())?;
    }
    socket.set_tcp_nodelay(true)?;
    socket.set_linger(Some(Duration::ZERO))?;
    socket.connect_timeout(&address.into(), TIMEOUT)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// Connects and upgrades; the stream is blocking, with timeouts.
///
/// # Errors
/// As [`connect`], or if the server doesn't answer as RFC 6455 section 4.2.2 says.
pub(crate) fn open(
    address: SocketAddr,
    source: Option<SocketAddrV4>,
    path: &str,
) -> Outcome<TcpStream> {
    open_with(address, source, &request(address, path))
}

/// As [`open`], and offers compression.
///
/// # Errors
/// As [`open`].
pub(crate) fn open_compressed(address: SocketAddr, path: &str) -> Outcome<TcpStream> {
    let offer = "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    let request = request(address, path).replacen("\r\n\r\n", offer, 1);
    open_with(address, None, &request)
}

fn open_with(
    address: SocketAddr,
    source: Option<SocketAddrV4>,
    request: &str,
) -> Outcome<TcpStream> {
    let mut stream = connect(address, source)?;
    stream.write_all(request.as_bytes())?;
    read_answer(&mut stream)?;
    Ok(stream)
}

/// A request to upgrade, with the headers of a browser.
pub(crate) fn request(address: SocketAddr, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\n\
         Host: {address}\r\n\
         Connection: Upgrade\r\n\
         Pragma: no-cache\r\n\
         Cache-Control: no-cache\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/140.0.0.0 Safari/537.36\r\n\
         Upgrade: websocket\r\n\
         Origin: http://{address}\r\n\
         Sec-WebSocket-Version: 13\r\n\
         Accept-Encoding: gzip, deflate, br, zstd\r\n\
         Accept-Language: en-US,en;q=0.9\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         \r\n"
    )
}

/// Reads the answer to [`request`] and checks its status and its key.
///
/// # Errors
/// If it is another one, is followed by more, or doesn't come in time.
pub(crate) fn read_answer(stream: &mut TcpStream) -> Outcome<()> {
    let mut buffer = [0; 1024];
    let mut length = 0;
    loop {
        let free = buffer.get_mut(length..).unwrap_or_default();
        let read = stream.read(free)?;
        length += read;
        let answer = buffer.get(..length).unwrap_or_default();
        if answer.ends_with(b"\r\n\r\n") {
            return check_answer(answer);
        }
        if read == 0 {
            let answer = String::from_utf8_lossy(answer);
            return Err(format!("the answer to the handshake isn't whole: {answer:?}").into());
        }
    }
}

fn check_answer(answer: &[u8]) -> Outcome<()> {
    let text = String::from_utf8_lossy(answer);
    let accepts = |line: &str| {
        line.split_once(':').is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("Sec-WebSocket-Accept") && value.trim() == ACCEPT
        })
    };
    if text.starts_with("HTTP/1.1 101 ") && text.lines().any(accepts) {
        return Ok(());
    }
    Err(format!("the handshake is refused: {text:?}").into())
}
