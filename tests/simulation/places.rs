//! The topics of the simulation: who gets what is sent to which, written down rather than
//! computed.

use fantail::dialects::topics::settings::PrefixPolicy;
use fantail::relay::output_policy::OutputPolicy;

/// A topic, which is also a channel.
pub(crate) struct Topic {
    /// Its path.
    pub(crate) path: &'static str,
    /// The same path written otherwise.
    pub(crate) spellings: &'static [&'static str],
    /// The topics whose clients get what is sent here.
    pub(crate) sends_to: &'static [usize],
    /// What happens to its slow clients.
    pub(crate) policy: OutputPolicy,
}

const fn topic(
    path: &'static str,
    spellings: &'static [&'static str],
    sends_to: &'static [usize],
    policy: OutputPolicy,
) -> Topic {
    Topic {
        path,
        spellings,
        sends_to,
        policy,
    }
}

use OutputPolicy::{Close, DropNew, DropOld, Latest};

/// All topics; elsewhere a topic is a place in this table.
pub(crate) const TOPICS: [Topic; 9] = [
    topic(
        "/a",
        &["/a/", "//a", "/%61", "/b/../a", "/a?x=/b"],
        &[0],
        Close,
    ),
    topic("/b", &["/./b"], &[1], Close),
    topic("/new", &["/new"], &[2], DropNew),
    topic("/old", &["/old"], &[3], DropOld),
    topic("/latest", &["/latest"], &[4], Latest),
    topic("/in/a", &["/in//a/"], &[5, 6], Close),
    topic("/out/a", &["/out/%61"], &[], Close),
    topic("/in/old", &["/in/old"], &[7, 8], DropOld),
    topic("/out/old", &["/out/old"], &[], DropOld),
];

/// Topics that belong together.
pub(crate) const GROUPS: [&[usize]; 6] = [&[0, 1], &[2], &[3], &[4], &[5, 6], &[7, 8, 3]];

/// The table's policies, as the configuration says them.
pub(crate) fn policies() -> Vec<PrefixPolicy> {
    [
        ("/new", DropNew),
        ("/old", DropOld),
        ("/latest", Latest),
        ("/in/old", DropOld),
        ("/out/old", DropOld),
    ]
    .into_iter()
    .map(|(prefix, policy)| PrefixPolicy {
        prefix: prefix.to_owned(),
        policy,
    })
    .collect()
}

/// What a client connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A topic.
    Topic(usize),
    /// The statistics feed.
    Feed,
    /// The echo.
    Echo,
}
