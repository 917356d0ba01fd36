//! `publish`: a message to a channel of any dialect.

use super::acknowledgement::{Members, acknowledged, conclude};
use super::arguments::Connecting;
use super::format::Format;
use super::link::Link;
use super::message::Message;
use crate::cli::{Failure, output};
use clap::Args;

/// The arguments of `publish`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// A topic such as /demo, or drc:<protocol>/<name>, dsock:<channel>, mq:<channel>
    #[arg(value_parser = channel)]
    channel: String,

    #[command(flatten)]
    message: Message,
}

fn channel(text: &str) -> Result<String, String> {
    if text.contains('\n') {
        return Err("the name of a channel has no line break".to_owned());
    }
    Ok(text.to_owned())
}

impl Arguments {
    /// Publishes, and tells how many receive it.
    ///
    /// # Errors
    /// Why it was not published.
    pub(super) fn run(&self, connecting: &Connecting, format: Format) -> Result<(), Failure> {
        let message = self.message.read()?;
        let link = Link::open(connecting)?;
        let payload = [self.channel.as_bytes(), b"\n", &message].concat();
        let answer = link.request(self.message.letter(b't'), &payload)?;
        let said = answer.text();
        let receivers = match (answer.letter, said.parse::<u64>()) {
            (b'a', Ok(receivers)) => receivers,
            _ => {
                let reason = "the server gives no reason";
                return conclude(&answer, (0, b'n'), reason, format);
            }
        };
        match format {
            Format::Json => {
                let mut members = Members::new();
                members.insert("receivers".to_owned(), receivers.into());
                acknowledged(format, members)
            }
            Format::Plain => output::print(&format!("{receivers}\n")),
            Format::Table if receivers == 1 => output::print("1 receiver\n"),
            Format::Table => output::print(&format!("{receivers} receivers\n")),
        }
    }
}
