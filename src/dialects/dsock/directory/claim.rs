//! A claim: the right to connect once as a user. Compact, since there may be a million of them:
//! all its texts are one allocation.

use std::time::Duration;

/// Bytes of an id, a user or a session, whatever the configuration says.
pub const LONGEST_NAME: usize = u16::MAX as usize;

/// What a claim says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewClaim<'a> {
    /// What it is called by whoever redeems it; at most [`LONGEST_NAME`] bytes, as user and session.
    pub id: &'a str,
    /// Whose connection it makes.
    pub user: &'a str,
    /// The session of that user; empty for none.
    pub session: &'a str,
    /// The channels of the connection; none empty, none twice, none with a comma.
    pub channels: &'a [String],
    /// When it ends, as time since 1970-01-01 00:00 UTC; it counts to the millisecond.
    pub expires: Duration,
}

impl NewClaim<'_> {
    /// Bytes that it will take, as [`Claim::memory`].
    pub fn memory(&self) -> usize {
        let channels: usize = self.channels.iter().map(|name| name.len() + 1).sum();
        let text = self.id.len() + self.user.len() + self.session.len();
        let sessions = usize::from(!self.session.is_empty());
        let keys = 2 + sessions + self.channels.len();
        memory(text + channels.saturating_sub(1), keys)
    }
}

/// A claim that is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    /// Id, user, session and channels, one behind the other; commas between the channels.
    text: Box<str>,
    /// Milliseconds since 1970.
    expires: u64,
    id: u16,
    user: u16,
    session: u16,
}

const _: () = assert!(size_of::<Claim>() <= 32, "a claim grew");

impl Claim {
    /// Nothing if a name is longer than [`LONGEST_NAME`].
    pub(super) fn new(new: &NewClaim<'_>) -> Option<Self> {
        let length = |name: &str| u16::try_from(name.len()).ok();
        let (id, user, session) = (length(new.id)?, length(new.user)?, length(new.session)?);
        let channels = new.channels.join(",");
        Some(Self {
            text: [new.id, new.user, new.session, &channels].concat().into(),
            expires: milliseconds(new.expires),
            id,
            user,
            session,
        })
    }

    /// What it is called by whoever redeems it.
    pub fn id(&self) -> &str {
        self.part(0, self.id.into())
    }

    /// Whose connection it makes.
    pub fn user(&self) -> &str {
        self.part(self.id.into(), self.user.into())
    }

    /// The session of that user; empty for none.
    pub fn session(&self) -> &str {
        let start = usize::from(self.id) + usize::from(self.user);
        self.part(start, self.session.into())
    }

    /// The channels of the connection.
    pub fn channels(&self) -> impl Iterator<Item = &str> + Clone {
        let channels = self.text.get(self.names()..).unwrap_or_default();
        channels.split(',').filter(|channel| !channel.is_empty())
    }

    /// When it ends, in whole seconds since 1970.
    pub fn expiration(&self) -> u64 {
        self.expires / 1_000
    }

    /// When it ends, in milliseconds since 1970.
    pub(super) fn expires(&self) -> u64 {
        self.expires
    }

    /// Bytes that it takes, its places in the indexes with it: about what was measured.
    pub fn memory(&self) -> usize {
        let session = usize::from(self.session > 0);
        memory(self.text.len(), 2 + session + self.channels().count())
    }

    pub(super) fn is_expired(&self, now: Duration) -> bool {
        self.expires <= milliseconds(now)
    }

    pub(super) fn add_channels(&mut self, channels: &[&str]) {
        let separator = if self.text.len() > self.names() {
            ","
        } else {
            ""
        };
        self.text = [&self.text, separator, &channels.join(",")].concat().into();
    }

    pub(super) fn retain_channels(&mut self, keep: impl Fn(&str) -> bool) {
        let names = self.text.get(..self.names()).unwrap_or_default();
        let kept: Vec<&str> = self.channels().filter(|channel| keep(channel)).collect();
        self.text = [names, &kept.join(",")].concat().into();
    }

    /// Bytes in front of the channels.
    fn names(&self) -> usize {
        usize::from(self.id) + usize::from(self.user) + usize::from(self.session)
    }

    fn part(&self, start: usize, length: usize) -> &str {
        self.text.get(start..start + length).unwrap_or_default()
    }
}

/// Bytes that a claim takes besides its text: its row, its end and the pieces of memory they are in.
const ROW: usize = 104;

/// Bytes that each thing takes by which a claim is found.
pub(super) const KEY: usize = 16;

fn memory(text: usize, keys: usize) -> usize {
    ROW + text + keys * KEY
}

/// Whoever knows the id can connect, so it is not shown.
impl std::fmt::Debug for Claim {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Claim(..)")
    }
}

pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
