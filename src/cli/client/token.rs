//! The token of the client commands.

use super::PATIENCE;
use super::connection::Connection;
use super::incoming::Received;
use crate::cli::Failure;
use crate::config::TOKEN_VARIABLE;
use crate::protocol::ws_frame::Opcode;
use clap::Args;
use serde_json::Value;
use std::path::PathBuf;
use std::{env, fs};

/// The arguments for the token.
#[derive(Debug, Clone, Default, Args)]
#[group(skip)]
pub(in crate::cli) struct Arguments {
    /// The token to send first, if the server wants one; other users of this machine can see it
    /// [default: the variable FANTAIL_TOKEN]
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file")]
    token: Option<String>,

    /// A file with the token
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
}

impl Arguments {
    /// The token, if there is one.
    ///
    /// # Errors
    /// If its file cannot be read, or the variable is not text.
    fn read(&self) -> Result<Option<String>, Failure> {
        if let Some(path) = &self.token_file {
            return fs::read_to_string(path)
                .map(|text| Some(text.trim().to_owned()))
                .map_err(|error| {
                    Failure::Runtime(format!(
                        "cannot read the token: {}: {error}",
                        path.display()
                    ))
                });
        }
        if self.token.is_some() {
            return Ok(self.token.clone());
        }
        match env::var(TOKEN_VARIABLE) {
            Ok(token) if !token.is_empty() => Ok(Some(token)),
            Ok(_) | Err(env::VarError::NotPresent) => Ok(None),
            Err(env::VarError::NotUnicode(_)) => Err(Failure::Runtime(format!(
                "the variable {TOKEN_VARIABLE} is not UTF-8"
            ))),
        }
    }

    /// Sends the token, if there is one, and waits for the server's word.
    ///
    /// # Errors
    /// If the server refuses it, or asks for none: then it would be a message to everybody.
    pub(in crate::cli) fn present(&self, connection: &mut Connection) -> Result<(), Failure> {
        let Some(token) = self.read()? else {
            return Ok(());
        };
        connection.sender.send(Opcode::Text, token.as_bytes())?;
        connection.incoming.set_patience(PATIENCE)?;
        loop {
            match connection.incoming.next()? {
                Received::Message(_, payload) => return judge(&payload),
                Received::Ping(payload) => connection.sender.send(Opcode::Pong, &payload)?,
                Received::Pong => {}
                Received::End(ending) => return Err(ending.into()),
                Received::Silence => {
                    return Err(Failure::Runtime(
                        "the server does not answer the token; perhaps it wants none".to_owned(),
                    ));
                }
            }
        }
    }
}

fn judge(answer: &[u8]) -> Result<(), Failure> {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    match answer.get("authorised").and_then(Value::as_bool) {
        Some(true) => Ok(()),
        Some(false) => {
            let reason = answer.get("reason").and_then(Value::as_str).unwrap_or("");
            Err(Failure::Runtime(format!(
                "the server refuses the token: {}",
                reason.escape_debug()
            )))
        }
        None => Err(Failure::Runtime(
            "the server sends something else than an answer to the token; perhaps it wants none"
                .to_owned(),
        )),
    }
}
