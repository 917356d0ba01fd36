//! What the dialect knows of a connection. Kept small, since there is one per client: what many
//! clients have in common (topic, user agent) is described once for all of them.

use std::collections::HashSet;
use std::rc::Rc;

use crate::dialects::topics::place::Topic;
use crate::relay::hub::ChannelId;
use crate::relay::moment::Moment;
use crate::relay::outbox::Traffic;

/// Bytes of a user agent or forwarded address that are kept.
const LONGEST_TEXT: usize = 200;

/// What a client said of itself.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Description {
    /// Its topic; none for a client of the statistics feed.
    pub topic: Option<Topic>,
    /// Its `User-Agent`.
    pub user_agent: String,
    /// The `X-Forwarded-For` of the proxy that it came through.
    pub forwarded_for: String,
}

impl Description {
    /// A description; texts are cut to 200 bytes.
    pub fn new(topic: Option<Topic>, user_agent: &str, forwarded_for: &str) -> Self {
        let cut = |text: &str| text[..text.floor_char_boundary(LONGEST_TEXT)].to_owned();
        Self {
            topic,
            user_agent: cut(user_agent),
            forwarded_for: cut(forwarded_for),
        }
    }
}

/// What a client may do in its topic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Access {
    /// Nothing, until its first message has proved who it is.
    Unproven,
    /// What its path says, until `expires` (seconds since 1970; infinite without tokens).
    Granted {
        /// When the token ends.
        expires: f64,
        /// The channel that it is in.
        channel: ChannelId,
        /// For a sender: the channel of the receivers, held for it.
        output: Option<ChannelId>,
    },
    /// Nothing any more.
    Ended,
}

/// A client.
#[derive(Debug)]
pub struct Client {
    /// What it said of itself.
    pub description: Rc<Description>,
    /// What it may do.
    pub access: Access,
    /// When it connected.
    pub connected: Moment,
    /// What it sent.
    pub sent: Traffic,
}

const _: () = assert!(
    size_of::<Client>() <= 72,
    "a client grew: see docs/performance.md"
);

/// The descriptions of all clients, each once.
#[derive(Debug, Default)]
pub struct Descriptions(HashSet<Rc<Description>>);

impl Descriptions {
    /// The shared form of a description.
    pub fn share(&mut self, description: Description) -> Rc<Description> {
        if let Some(shared) = self.0.get(&description) {
            return Rc::clone(shared);
        }
        let shared = Rc::new(description);
        self.0.insert(Rc::clone(&shared));
        shared
    }

    /// Forgets a description if no other client has it.
    pub fn give_back(&mut self, description: &Rc<Description>) {
        // The set's and the caller's.
        if Rc::strong_count(description) <= 2 {
            self.0.remove(&**description);
        }
    }

    /// How many topics have clients; those that send to a topic and those that receive from it
    /// are in the same.
    pub fn topics(&self) -> usize {
        let topics = self
            .0
            .iter()
            .filter_map(|description| description.topic.as_ref());
        topics.map(Topic::output).collect::<HashSet<_>>().len()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_shared_and_goes_with_its_last_client() {
        let mut all = Descriptions::default();
        let describe = |agent| Description::new(None, agent, "");
        let first = all.share(describe("a"));
        let second = all.share(describe("a"));
        let other = all.share(describe("b"));
        assert!(Rc::ptr_eq(&first, &second) && all.len() == 2);
        all.give_back(&first);
        drop(first);
        assert_eq!(all.len(), 2);
        all.give_back(&second);
        drop(second);
        all.give_back(&other);
        drop(other);
        assert!(all.is_empty());
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let description = Description::new(None, &"é".repeat(150), &"x".repeat(1000));
        assert_eq!(description.user_agent.len(), 200);
        assert_eq!(description.forwarded_for.len(), 200);
    }
}
