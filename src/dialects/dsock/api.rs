//! The calls of the API.

use crate::dialects::dsock::answer;
use crate::dialects::dsock::claim_request::ClaimRequest;
use crate::dialects::dsock::directory::{LONGEST_NAME, NewClaim, NotCreated};
use crate::dialects::dsock::error::{ApiError, ErrorCode};
use crate::dialects::dsock::settings::ApiVersion;
use crate::dialects::dsock::target::{Selection, Target};
use crate::dialects::dsock::{Dsock, POLICY};
use crate::limits::{Limit, Limits};
use crate::protocol::http_response::Response;
use crate::protocol::query_string::Query;
use crate::protocol::ws_close::CloseCode;
use crate::protocol::ws_frame::MessageType;
use crate::relay::dialect::Cx;

/// Bytes of the id of a claim that is not given one.
const ID_LENGTH: usize = 32;

impl Dsock {
    /// Makes a claim.
    pub(super) fn claim(
        &mut self,
        cx: &mut Cx<'_>,
        query: &Query<'_>,
    ) -> Result<Response, ApiError> {
        let now = cx.now().wall;
        let request = ClaimRequest::read(query, now)?;
        check_lengths(&request, cx.limits())?;
        let made;
        let id = match request.id {
            Some(id) => id,
            None => {
                made = random_id(cx).ok_or(ErrorCode::ErrorCheckingClaim)?;
                &made
            }
        };
        let claim = NewClaim {
            id,
            user: request.user,
            session: request.session,
            channels: &request.channels,
            expires: request.expires,
        };
        let claim = self.directory.create_claim(&claim, cx.limits(), now);
        let answer = answer::created(claim.map_err(|not| match not {
            NotCreated::IdUsed => ErrorCode::ClaimIdAlreadyUsed.into(),
            NotCreated::Impossible => ErrorCode::ErrorCheckingClaim.into(),
            NotCreated::NoRoom(limit) => ApiError::over_limit(ErrorCode::TooManyClaims, limit),
        })?);
        self.watch_claims(cx);
        Ok(answer)
    }

    /// Sends a message.
    pub(super) fn send(
        &mut self,
        cx: &mut Cx<'_>,
        query: &Query<'_>,
        body: &[u8],
    ) -> Result<Response, ApiError> {
        let selection = self.selection(Target::of(query).connections())?;
        let message_type = match query.get("type") {
            Some("text" | "1") => MessageType::Text,
            Some("binary" | "2") => MessageType::Binary,
            _ => return Err(ErrorCode::InvalidMessageType.into()),
        };
        if message_type == MessageType::Text && str::from_utf8(body).is_err() {
            return Err(ApiError::with_message(
                ErrorCode::InvalidMessageType,
                "The text is not UTF-8, send it as binary",
            ));
        }
        cx.count_received(body.len());
        match self.channel_of(cx, selection) {
            Some(channel) => {
                let frame = cx.frame(message_type, body);
                cx.publish(channel, &frame, None);
            }
            None => {
                let receivers = self.receivers(cx, selection);
                if !receivers.is_empty() {
                    let frame = cx.frame(message_type, body);
                    cx.publish_to(receivers.into_iter(), &frame, POLICY);
                }
            }
        }
        Ok(answer::success())
    }

    /// Closes connections and, unless they are to be kept, forgets the claims of the same target.
    pub(super) fn disconnect(
        &mut self,
        cx: &mut Cx<'_>,
        query: &Query<'_>,
    ) -> Result<Response, ApiError> {
        let target = Target::of(query);
        let selection = self.selection(target.connections())?;
        if query.get("keepClaims") != Some("true") {
            self.directory.forget_claims(target.claims(), cx.now().wall);
        }
        for id in self.receivers(cx, selection) {
            // Requests that come before the close is done must not find it any more.
            self.forget(cx, id);
            cx.close(id, CloseCode::NORMAL, "");
        }
        Ok(answer::success())
    }

    /// Tells of claims and connections.
    pub(super) fn info(
        &mut self,
        cx: &mut Cx<'_>,
        query: &Query<'_>,
    ) -> Result<Response, ApiError> {
        let target = Target::of(query);
        let selection = self.selection(target.connections_of_info())?;
        let worker = self.worker(cx);
        let receivers = self.receivers(cx, selection);
        answer::info(
            self.directory.claims(target.claims(), cx.now().wall),
            receivers
                .into_iter()
                .filter_map(|id| self.directory.get(id)),
            worker,
            cx.limits().dsock_info,
        )
    }

    pub(super) fn selection<'a>(
        &self,
        selection: Option<Selection<'a>>,
    ) -> Result<Selection<'a>, ErrorCode> {
        selection.ok_or(match self.settings.api_version {
            ApiVersion::V0_4 => ErrorCode::MissingTarget,
            ApiVersion::V0_2 => ErrorCode::MissingConnectionOrUser,
        })
    }
}

pub(super) fn too_many_channels() -> ApiError {
    ApiError::over_limit(ErrorCode::ErrorBindingQueryParams, Limit::DsockChannels)
}

pub(super) fn too_much_memory() -> ApiError {
    ApiError::over_limit(ErrorCode::TooManyClaims, Limit::DsockClaimsMemory)
}

fn check_lengths(request: &ClaimRequest<'_>, limits: &Limits) -> Result<(), ApiError> {
    let most = limits.dsock_name.min(LONGEST_NAME);
    let id = request.id.unwrap_or_default();
    if [id, request.user, request.session]
        .iter()
        .any(|name| name.len() > most)
    {
        return Err(ApiError::over_limit(
            ErrorCode::ErrorBindingQueryParams,
            Limit::DsockName,
        ));
    }
    check_channels(&request.channels, limits)
}

/// A list of channels is bounded like those of a claim.
pub(super) fn check_channels(names: &[String], limits: &Limits) -> Result<(), ApiError> {
    if names.len() > limits.dsock_channels {
        return Err(too_many_channels());
    }
    if names.iter().any(|name| name.len() > limits.channel_name) {
        return Err(ApiError::over_limit(
            ErrorCode::ErrorBindingQueryParams,
            Limit::ChannelName,
        ));
    }
    Ok(())
}

/// 32 letters and digits that nobody can guess: 190 bits.
fn random_id(cx: &mut Cx<'_>) -> Option<String> {
    const CHARACTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut id = String::with_capacity(ID_LENGTH);
    while id.len() < ID_LENGTH {
        // Bytes that would make some characters likelier than others do not count.
        let bytes = cx.random_bytes::<40>()?;
        let indexes = bytes
            .iter()
            .filter(|byte| **byte < 248)
            .map(|byte| byte % 62);
        let characters = indexes.filter_map(|index| CHARACTERS.get(usize::from(index)));
        let missing = ID_LENGTH - id.len();
        id.extend(characters.take(missing).map(|byte| char::from(*byte)));
    }
    Some(id)
}
