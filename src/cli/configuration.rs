//! The arguments that say what the configuration is; several commands have them.

use crate::config::Sources;
use clap::Args;
use std::path::PathBuf;

/// Where the configuration comes from, and what stands above it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Configuration")]
#[group(skip)]
pub struct Arguments {
    /// The configuration file [default: ./fantail.toml, ~/.config/fantail/fantail.toml or
    /// /etc/fantail/fantail.toml, whichever exists]
    #[arg(short, long, value_name = "PATH")]
    config: Option<PathBuf>,

    /// Where to listen and what to serve there, such as tcp://0.0.0.0:80=topics or
    /// unix:///run/fantail.sock; may be repeated
    #[arg(short, long, value_name = "ADDRESS[=NAME+NAME]")]
    listen: Vec<String>,

    /// A file with the secret of the tokens for topics
    #[arg(long, value_name = "PATH")]
    secret_file: Option<String>,

    /// What precedes the topic in a token's "aud"
    #[arg(long, value_name = "TEXT")]
    audience: Option<String>,

    /// How much to log: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,

    /// How to log: auto, text or json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,

    /// Any other key, such as limits.message=2MiB; may be repeated
    #[arg(short, long, value_name = "SECTION.KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.trim().to_owned(), value.to_owned()))
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(|| "expected a key, an equals sign and a value".to_owned())
}

impl Arguments {
    /// The sources of the configuration, with these arguments on top.
    pub fn into_sources(self) -> Sources {
        let single = [
            ("topics.secret_file", self.secret_file),
            ("topics.audience", self.audience),
            ("log.level", self.log_level),
            ("log.format", self.log_format),
        ];
        let named = |key: &str, value| (key.to_owned(), value);
        let listen = self.listen.into_iter().map(|value| named("listen", value));
        let single = single
            .into_iter()
            .filter_map(|(key, value)| Some(named(key, value?)));
        let flags = listen.chain(single).chain(self.set).collect();
        Sources::of_process(self.config, flags)
    }
}
