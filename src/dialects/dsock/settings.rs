//! What the configuration says about dSock.

pub use crate::dialects::dsock::names::split as channel_names;
use crate::secret::Secret;

/// Which version of dSock's HTTP API is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ApiVersion {
    /// 0.4 and 0.3: a missing target is `MISSING_TARGET`.
    #[default]
    V0_4,
    /// 0.2: it is `MISSING_CONNECTION_OR_USER`.
    V0_2,
}

/// The `[dsock]` section, less its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What the API is called with. Where it is empty, the API is off.
    pub token: Secret,
    /// The secret of the JWTs. Where it is empty, nobody connects with one.
    pub jwt_secret: Secret,
    /// Channels that every connection is in; none empty, none twice, none with a comma.
    pub default_channels: Vec<String>,
    /// Which version of the API is spoken.
    pub api_version: ApiVersion,
    /// Whether messages are compressed for the clients that offer it.
    pub compression: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            token: Secret::default(),
            jwt_secret: Secret::default(),
            default_channels: Vec::new(),
            api_version: ApiVersion::default(),
            compression: true,
        }
    }
}
