//! What clients of DRC send. A server has one channel here, and so it is number 1.

use crate::support::numbered::Numbered;

/// Where DRC is.
pub(crate) const PATH: &str = "/drc";

/// In what way a client is in the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// By a grant that lets it only receive (mode 0). It knows of authorities.
    Receiver,
    /// By a grant that lets it send to all (mode 2). It knows of everybody.
    Sender,
    /// By its address. It knows of everybody, and everybody knows of it.
    Authority,
}

impl Role {
    /// What tables call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Receiver => "receiver",
            Self::Sender => "sender",
            Self::Authority => "authority",
        }
    }

    /// Whether it is told of everybody.
    pub(crate) fn knows_all(self) -> bool {
        self != Self::Receiver
    }
}

/// Asks for a token for such a client.
pub(crate) fn grant(role: Role) -> String {
    let mode = if role == Role::Receiver { 0 } else { 2 };
    format!(
        r#"{{"cmd":"GRANT","channel":"bench","protocol":"bench","clientmode":{mode},"extra":[]}}"#
    )
}

/// Joins the channel: by address, or by a token and not by address.
pub(crate) fn join(token: Option<&str>) -> String {
    let right = token.map_or_else(String::new, |token| {
        format!(r#","ipauth":false,"token":"{token}""#)
    });
    format!(r#"{{"cmd":"JOIN","channel":"bench","protocol":"bench"{right}}}"#)
}

/// A message to all.
pub(crate) const BROADCAST: &str = r#"{"cmd":"TICK","channel":1,"to":-1,"number":0}"#;

/// What follows the number of a message: a filling of letters, so that all is JSON.
fn ending(filling: usize) -> String {
    format!(r#"","filling":"{}"}}"#, "x".repeat(filling))
}

/// A message to all that arrives with `length` bytes, as it is sent and as client `from` makes it
/// arrive; none if it cannot be so short.
pub(crate) fn numbered_broadcast(from: u64, length: u16) -> Option<(Numbered, Numbered)> {
    let sent = r#"{"cmd":"TICK","channel":1,"to":-1,"number":""#;
    let arriving = format!(r#"{{"channel":1,"success":true,"from":{from},"cmd":"TICK","number":""#);
    let shortest = Numbered::new(arriving.as_bytes(), ending(0).as_bytes()).length();
    let ending = ending(length.checked_sub(shortest)?.into());
    let message = |start: &str| Numbered::new(start.as_bytes(), ending.as_bytes());
    Some((message(sent), message(&arriving)))
}
