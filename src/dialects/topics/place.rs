//! What a path means: which topic, and which way messages go.

use crate::protocol::request_path::{PathFault, normalise};

/// Which way messages go between a client and its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Sends to and receives from the topic.
    Both,
    /// `/out/X`: receives only.
    Receive,
    /// `/in/X`: sends to `/out/X`, and receives what other senders send.
    Send,
}

/// A path of this dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `/stats`: the statistics page.
    StatisticsPage,
    /// `/ws`: the feed behind the page.
    StatisticsFeed,
    /// Every other path.
    Topic(Topic),
}

/// A topic as one of its clients sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic {
    /// The normalised path, which tokens name, too.
    pub path: String,
    /// Which way messages go.
    pub direction: Direction,
}

impl Place {
    /// Reads a request's path.
    ///
    /// # Errors
    /// If it is not the encoding of UTF-8 text.
    pub fn parse(raw_path: &str) -> Result<Self, PathFault> {
        let normal = normalise(raw_path)?;
        Ok(match normal.path.as_str() {
            "/stats" if !normal.trailing_slash => Self::StatisticsPage,
            "/ws" if !normal.trailing_slash => Self::StatisticsFeed,
            _ => Self::Topic(Topic::new(normal.path)),
        })
    }
}

impl Topic {
    fn new(path: String) -> Self {
        let begins = |prefix: &str| path.len() > prefix.len() && path.starts_with(prefix);
        let direction = if begins("/in/") {
            Direction::Send
        } else if begins("/out/") {
            Direction::Receive
        } else {
            Direction::Both
        };
        Self { path, direction }
    }

    /// The topic that messages end up in: for `/in/X` it is `/out/X`.
    pub fn output(&self) -> String {
        match (self.direction, self.path.strip_prefix("/in/")) {
            (Direction::Send, Some(rest)) => format!("/out/{rest}"),
            _ => self.path.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        use Direction::{Both, Receive, Send};
        let cases = [
            ("/", "/", Both, "/"),
            ("/demo", "/demo", Both, "/demo"),
            ("/demo/", "/demo", Both, "/demo"),
            ("/EXPT", "/EXPT", Both, "/EXPT"),
            ("/ex%70t", "/expt", Both, "/expt"),
            ("//a", "/a", Both, "/a"),
            ("/a/../b", "/b", Both, "/b"),
            ("/foo//", "/foo", Both, "/foo"),
            ("/in", "/in", Both, "/in"),
            ("/in/", "/in", Both, "/in"),
            ("/out/", "/out", Both, "/out"),
            ("/in/demo", "/in/demo", Send, "/out/demo"),
            ("/out/demo/", "/out/demo", Receive, "/out/demo"),
            ("/in/a/in/b", "/in/a/in/b", Send, "/out/a/in/b"),
            ("/inside/x", "/inside/x", Both, "/inside/x"),
            ("/ws/", "/ws", Both, "/ws"),
            ("/stats/", "/stats", Both, "/stats"),
            ("/stats/x", "/stats/x", Both, "/stats/x"),
        ];
        for (raw, path, direction, output) in cases {
            let Place::Topic(topic) = Place::parse(raw).unwrap() else {
                panic!("{raw} is no topic");
            };
            assert_eq!(
                (topic.path.as_str(), topic.direction),
                (path, direction),
                "{raw}"
            );
            assert_eq!(topic.output(), output, "{raw}");
        }
        assert_eq!(Place::parse("/stats"), Ok(Place::StatisticsPage));
        assert_eq!(Place::parse("/ws"), Ok(Place::StatisticsFeed));
        assert!(Place::parse("/%ff").is_err());
    }
}
