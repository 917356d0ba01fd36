//! Whom a call is for. Each call looks at the parameters in an order of its own, and so do claims;
//! the orders are the original's.

use crate::dialects::dsock::directory::ClaimKey;
use crate::protocol::query_string::Query;

/// The parameters of a target; none of them is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    id: Option<&'a str>,
    user: Option<&'a str>,
    session: Option<&'a str>,
    channel: Option<&'a str>,
}

/// Which connections are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection<'a> {
    /// The connection that the API calls so.
    Id(&'a str),
    /// Those in a channel; with a session, only those of a session of that name.
    Channel(&'a str, Option<&'a str>),
    /// Those of a user; with a session, only those of that session.
    User(&'a str, Option<&'a str>),
}

impl<'a> Target<'a> {
    /// Takes the parameters out of a query.
    pub fn of(query: &'a Query<'_>) -> Self {
        Self {
            id: query.filled("id"),
            user: query.filled("user"),
            session: query.filled("session"),
            channel: query.filled("channel"),
        }
    }

    /// Which connections a call acts on: by id, else by channel, else by user. Nothing if there is
    /// no target; a session alone is none.
    pub fn connections(self) -> Option<Selection<'a>> {
        let Self { session, .. } = self;
        let channel = || Some(Selection::Channel(self.channel?, session));
        let user = || Some(Selection::User(self.user?, session));
        self.id.map(Selection::Id).or_else(channel).or_else(user)
    }

    /// Which connections `/info` tells of: by id, else by user, else by channel.
    pub fn connections_of_info(self) -> Option<Selection<'a>> {
        let user = || Some(Selection::User(self.user?, self.session));
        let channel = || Some(Selection::Channel(self.channel?, self.session));
        self.id.map(Selection::Id).or_else(user).or_else(channel)
    }

    /// Which claims are meant: by user and session, else by channel (with a session, only those of
    /// sessions of that name), else by user. None for an id or a session alone.
    pub fn claims(self) -> Option<ClaimKey<'a>> {
        match (self.user, self.session, self.channel) {
            (Some(user), Some(session), _) => Some(ClaimKey::Session(user, session)),
            (_, Some(session), Some(channel)) => Some(ClaimKey::ChannelSession(channel, session)),
            (_, None, Some(channel)) => Some(ClaimKey::Channel(channel)),
            (Some(user), None, None) => Some(ClaimKey::User(user)),
            (None, _, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_original_counts() {
        use Selection::{Channel, Id, User};
        for (query, connections, info, claims) in [
            ("", None, None, None),
            ("id=&user=&channel=", None, None, None),
            ("session=s", None, None, None),
            ("id=i", Some(Id("i")), Some(Id("i")), None),
            (
                "id=i&channel=c&user=u",
                Some(Id("i")),
                Some(Id("i")),
                Some(ClaimKey::Channel("c")),
            ),
            (
                "channel=c&user=u",
                Some(Channel("c", None)),
                Some(User("u", None)),
                Some(ClaimKey::Channel("c")),
            ),
            (
                "channel=c&session=s",
                Some(Channel("c", Some("s"))),
                Some(Channel("c", Some("s"))),
                Some(ClaimKey::ChannelSession("c", "s")),
            ),
            (
                "user=u&session=s",
                Some(User("u", Some("s"))),
                Some(User("u", Some("s"))),
                Some(ClaimKey::Session("u", "s")),
            ),
            (
                "user=u&session=s&channel=c",
                Some(Channel("c", Some("s"))),
                Some(User("u", Some("s"))),
                Some(ClaimKey::Session("u", "s")),
            ),
            (
                "user=u",
                Some(User("u", None)),
                Some(User("u", None)),
                Some(ClaimKey::User("u")),
            ),
        ] {
            let parsed = Query::parse(query);
            let target = Target::of(&parsed);
            assert_eq!(target.connections(), connections, "{query}");
            assert_eq!(target.connections_of_info(), info, "{query}");
            assert_eq!(target.claims(), claims, "{query}");
        }
    }
}
