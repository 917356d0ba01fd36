//! What the letters do.

use crate::protocol::ws_close::CloseCode;
use crate::protocol::ws_frame::MessageType;
use crate::relay::Relay;
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::DialectId;
use crate::relay::moment::Now;
use crate::relay::operator::Order;
use crate::relay::operator::browser_command::{Acknowledgement, BrowserCommand};
use crate::relay::operator::command::{Command, LETTERS, Target, quote};
use crate::relay::peer::Stage;
use crate::relay::request::{CloseReason, Request};

/// How it goes on after a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// With the next.
    Continue,
    /// It was the last.
    Quit,
    /// It was no command, or may not be given: why, for the log.
    Malformed(String),
}

impl Relay {
    /// Does what a control connection says.
    pub(super) fn execute(
        &mut self,
        id: ConnId,
        command: &Command<'_>,
        authorised: &mut bool,
        now: Now,
    ) -> Outcome {
        if let Command::Hello(secret) = command {
            return self.greet(id, secret, authorised);
        }
        if !*authorised {
            return Outcome::Malformed("the secret is missing".to_owned());
        }
        match command {
            Command::Hello(_) | Command::Pong => {}
            Command::Browser(command) => return self.command_browsers(id, command, now),
            Command::LeastLoaded => {
                let least = self.least_loaded().to_owned();
                self.answer_control(id, b'M', least.as_bytes());
            }
            Command::Ping => self.answer_control(id, b'P', b""),
            Command::Quit => return Outcome::Quit,
            Command::Status => {
                let status = self.status(now);
                self.answer_control(id, b'G', status.as_bytes());
            }
            Command::Who(filter) => {
                let lines = self.who(filter, now);
                self.answer_control(id, b'W', lines.as_bytes());
            }
            Command::Kick(target) => {
                let done = self.kick(target);
                self.acknowledge(id, done);
            }
            Command::Publish {
                message_type,
                channel,
                payload,
            } => match self.publish_for_operator(*message_type, channel, payload, now) {
                Ok(receivers) => {
                    self.answer_control(id, b'a', receivers.to_string().as_bytes());
                }
                Err(reason) => self.answer_control(id, b'n', reason.as_bytes()),
            },
            Command::Events(Ok(selection)) => {
                self.events.subscribe(id, *selection);
                self.acknowledge(id, true);
            }
            Command::Events(Err(unknown)) => {
                self.answer_control(id, b'n', unknown.to_string().as_bytes());
            }
            Command::Reload => self.orders.push_back(Order::Reload(id)),
            Command::Drain => {
                self.acknowledge(id, true);
                self.orders.push_back(Order::Stop);
            }
            Command::Letters(asked) => {
                let known: Vec<u8> = if asked.is_empty() {
                    LETTERS.to_vec()
                } else {
                    asked
                        .iter()
                        .copied()
                        .filter(|letter| LETTERS.contains(letter))
                        .collect()
                };
                self.answer_control(id, b'Z', &known);
            }
        }
        Outcome::Continue
    }

    fn acknowledge(&mut self, id: ConnId, done: bool) {
        self.answer_control(id, if done { b'a' } else { b'n' }, b"");
    }

    fn greet(&mut self, id: ConnId, secret: &[u8], authorised: &mut bool) -> Outcome {
        if !*authorised {
            let expected = &self.settings.control_secret;
            if expected.is_empty() || !expected.matches(secret) {
                self.counters.failed_logins += 1;
                return Outcome::Malformed("the secret is wrong".to_owned());
            }
            *authorised = true;
            self.schedule_authorised(id);
        }
        self.acknowledge(id, true);
        Outcome::Continue
    }

    fn command_browsers(&mut self, id: ConnId, command: &BrowserCommand<'_>, now: Now) -> Outcome {
        let answer =
            self.first_dialect(now, |service, cx| service.browser_command(cx, id, command));
        match answer.unwrap_or_else(|| nobody_there(command)) {
            Acknowledgement::Unasked => {}
            Acknowledgement::Token(token, reached) => {
                self.answer_control(id, if reached { b'A' } else { b'N' }, &token);
            }
            Acknowledgement::Plain(done) => self.acknowledge(id, done),
            Acknowledgement::Refused => {
                return Outcome::Malformed("a message is not valid UTF-8".to_owned());
            }
        }
        Outcome::Continue
    }

    fn kick(&mut self, target: &Target<'_>) -> bool {
        let id = match target {
            Target::Connection(id) => Some(*id),
            Target::Token(token) => self
                .dialects
                .iter()
                .find_map(|dialect| dialect.find_token(token)),
        };
        let Some(id) = id.filter(|id| {
            self.peers
                .get(*id)
                .is_some_and(|p| matches!(p.stage, Stage::Open(_)))
        }) else {
            return false;
        };
        let reason = CloseReason::with_code(CloseCode::POLICY, "disconnected by the operator");
        self.requests.push_back(Request::Close(id, reason));
        true
    }

    fn publish_for_operator(
        &mut self,
        message_type: MessageType,
        channel: &str,
        payload: &[u8],
        now: Now,
    ) -> Result<usize, String> {
        if message_type == MessageType::Text && str::from_utf8(payload).is_err() {
            return Err("text is not valid UTF-8".to_owned());
        }
        self.first_dialect(now, |service, cx| {
            service.operator_publish(cx, channel, message_type, payload)
        })
        .unwrap_or_else(|| Err(format!("no dialect has a channel named {}", quote(channel))))
    }

    /// Asks the dialects in turn until one has an answer.
    fn first_dialect<T>(
        &mut self,
        now: Now,
        mut ask: impl FnMut(
            &mut dyn crate::relay::dialect::Dialect,
            &mut crate::relay::dialect::Cx<'_>,
        ) -> Option<T>,
    ) -> Option<T> {
        (0..self.dialects.len()).find_map(|index| {
            let (service, mut cx) = self.split(DialectId::new(index as u8), now)?;
            ask(service, &mut cx)
        })
    }
}

/// The answer where no dialect has browsers.
fn nobody_there(command: &BrowserCommand<'_>) -> Acknowledgement {
    match *command {
        BrowserCommand::Broadcast { .. } => Acknowledgement::Unasked,
        BrowserCommand::Send { confirm: false, .. } => Acknowledgement::Unasked,
        BrowserCommand::Send { token, .. } | BrowserCommand::Lock { token } => {
            Acknowledgement::Token(*token, false)
        }
        BrowserCommand::Fragment { .. } => Acknowledgement::Plain(false),
    }
}
