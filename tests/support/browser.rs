//! Clients of ws(s)on with their cookies, made apart from the crate's own code.

use super::{RawClient, Server};
use md5::{Digest, Md5};
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// What a browser shows to get in, and where it goes.
#[derive(Debug, Clone)]
pub struct Browser {
    /// 32 characters.
    pub token: String,
    /// Whose it is.
    pub user: Option<String>,
}

impl Browser {
    /// The secret of [`Browser::SETTINGS`].
    pub const SECRET: &str = "a secret of the tests";

    /// A server with ws(s)on on `/wson` and topics on all other paths.
    pub const SETTINGS: [(&str, &str); 2] = [
        ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=wson+topics"),
        ("FANTAIL_WSON_SECRET", Self::SECRET),
    ];

    /// A browser whose token is 32 times `letter`.
    pub fn new(letter: char) -> Self {
        Self {
            token: letter.to_string().repeat(32),
            user: None,
        }
    }

    /// The same with a user.
    pub fn of_user(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// The value of the `Cookie` field, from now on good for a day.
    pub fn cookies(&self) -> String {
        let time = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("it is later than 1970")
            .as_secs();
        let user = self.user.as_deref().unwrap_or_default();
        let signed = format!("{}{user}{}{time}", Self::SECRET, self.token);
        let digest = Md5::digest(signed.as_bytes());
        let digest = digest.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        let mut cookies = format!("token={}; time={time}; digest={digest}", self.token);
        if let Some(user) = &self.user {
            let _ = write!(cookies, "; user={user}");
        }
        cookies
    }

    /// Opens a WebSocket.
    #[track_caller]
    pub fn connect(&self, server: &Server) -> RawClient {
        Self::connect_with(server, &self.cookies())
    }

    /// Opens a WebSocket with cookies of other people's making.
    #[track_caller]
    pub fn connect_with(server: &Server, cookies: &str) -> RawClient {
        let headers = [("Cookie", cookies), ("Origin", "http://127.0.0.1")];
        RawClient::upgrade_with(server.address(), "/wson", &headers)
    }
}
