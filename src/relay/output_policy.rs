//! What happens to a client that reads more slowly than messages arrive for it.

use std::fmt;
use std::str::FromStr;

/// The policy of a channel towards a client whose output limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputPolicy {
    /// The client is closed with 1008: it would otherwise miss messages without knowing.
    #[default]
    Close,
    /// New messages are dropped until there is room.
    DropNew,
    /// The oldest waiting messages make room for the new one.
    DropOld,
    /// Only the newest message waits: for states and live pictures.
    Latest,
}

impl OutputPolicy {
    /// All policies, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Close, Self::DropNew, Self::DropOld, Self::Latest];

    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::DropNew => "drop-new",
            Self::DropOld => "drop-old",
            Self::Latest => "latest",
        }
    }
}

impl fmt::Display for OutputPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for OutputPolicy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|policy| policy.name() == text)
            .ok_or(())
    }
}
