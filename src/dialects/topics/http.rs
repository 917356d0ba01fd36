//! Requests to topics: upgrades, the statistics page, and messages by POST.

use std::net::IpAddr;

use crate::dialects::topics::Topics;
use crate::dialects::topics::authentication::authenticate;
use crate::dialects::topics::go_text::quote;
use crate::dialects::topics::place::{Direction, Place, Topic};
use crate::dialects::topics::settings::StatisticsAccess;
use crate::dialects::topics::statistics;
use crate::dialects::topics::wish::Wish;
use crate::limits::Limit;
use crate::protocol::http_request::{Method, Request};
use crate::protocol::http_response::{Refusal, Response};
use crate::protocol::ws_frame::MessageType;
use crate::protocol::ws_handshake::{Handshake, is_requested, offered_subprotocols};
use crate::relay::dialect::{Answer, Client as Connection, Cx};

/// The subprotocol that Chrome needs to be answered if it is offered.
const NULL_SUBPROTOCOL: &str = "null";

/// What a topic's path answers to.
const TOPIC_METHODS: &str = "GET, POST, OPTIONS";

impl Topics {
    /// Answers a request.
    ///
    /// # Errors
    /// An answer that says what is wrong with it.
    pub(super) fn serve(
        &mut self,
        cx: &mut Cx<'_>,
        connection: Connection<'_>,
        request: &Request,
        body: &[u8],
    ) -> Result<Answer, Refusal> {
        let place = Place::parse(request.path())
            .map_err(|fault| Refusal::bad_request(format!("path: {fault}")))?;
        match place {
            Place::StatisticsPage => {
                self.check_statistics_access(connection)?;
                statistics_page(cx, self.descriptions.topics(), request)
            }
            Place::StatisticsFeed => {
                self.check_statistics_access(connection)?;
                self.check_origin_of_feed(request)?;
                self.upgrade(cx, connection, request, None)
            }
            Place::Topic(topic) => {
                if topic.path.len() > cx.limits().channel_name {
                    return Err(Refusal::over_limit(Limit::ChannelName));
                }
                match request.method() {
                    Method::Options => Ok(Answer::Respond(
                        Response::new(204).with_header("Allow", TOPIC_METHODS),
                    )),
                    Method::Post if !is_requested(request) => {
                        self.post(cx, connection, request, body, &topic)
                    }
                    Method::Get | Method::Head => {
                        self.upgrade(cx, connection, request, Some(topic))
                    }
                    _ => Err(Refusal::method_not_allowed(TOPIC_METHODS)),
                }
            }
        }
    }

    fn upgrade(
        &mut self,
        cx: &Cx<'_>,
        connection: Connection<'_>,
        request: &Request,
        topic: Option<Topic>,
    ) -> Result<Answer, Refusal> {
        let handshake = Handshake::check(request).map_err(|fault| {
            Refusal::bad_request(format!("Bad Request: {fault}"))
                .with_header("Sec-WebSocket-Version", "13")
        })?;
        self.check_origin(request)?;
        let wish = match &topic {
            Some(topic) => self.wish(topic, request.query().unwrap_or_default())?,
            None => Wish::default(),
        };
        let null = offered_subprotocols(request).find(|name| *name == NULL_SUBPROTOCOL);
        self.admit(cx, connection, request, topic);
        if !wish.is_nothing() {
            self.readers.ask(connection.id, wish);
        }
        Ok(Answer::Upgrade(handshake.answer(null)))
    }

    /// What a client asks for. Where a topic is not kept, a query has no other meaning than it
    /// ever had; but ids there are.
    fn wish(&self, topic: &Topic, query: &str) -> Result<Wish, Refusal> {
        let wish = Wish::parse(query);
        if !self.is_kept(topic) {
            let ids = wish.is_ok_and(|wish| wish.ids);
            return Ok(Wish { ids, replay: None });
        }
        let wish = wish.map_err(Refusal::bad_request)?;
        if wish.replay.is_some() && topic.direction == Direction::Send {
            let (path, output) = (&topic.path, topic.output());
            let reason = format!("{path} is there to send; what was kept is at {output}");
            return Err(Refusal::bad_request(reason));
        }
        Ok(wish)
    }

    /// A message by POST: text, or binary if its content type says so.
    fn post(
        &mut self,
        cx: &mut Cx<'_>,
        connection: Connection<'_>,
        request: &Request,
        body: &[u8],
        topic: &Topic,
    ) -> Result<Answer, Refusal> {
        if topic.direction == Direction::Receive {
            let path = &topic.path;
            let input = path.replacen("/out/", "/in/", 1);
            let reason = format!("{path} only receives; post to {input}");
            return Err(Refusal::new(403, reason));
        }
        self.check_origin(request)?;
        if self.wants_tokens()
            && let Some(denial) = self.check_token(cx, connection, request, topic)
        {
            return Ok(denial);
        }
        if body.len() > cx.limits().topics_message {
            cx.count_limit(Limit::TopicsMessage);
            return Err(Refusal::new(413, Limit::TopicsMessage.reason()));
        }
        let media_type = request.header("Content-Type").unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        let message_type = if media_type.eq_ignore_ascii_case("application/octet-stream") {
            MessageType::Binary
        } else if str::from_utf8(body).is_ok() {
            MessageType::Text
        } else {
            return Err(Refusal::bad_request(
                "the body is not valid UTF-8; send other bytes with Content-Type: \
                 application/octet-stream",
            ));
        };
        cx.count_received(body.len());
        let frame = cx.frame(message_type, body);
        let receivers = self.publish(cx, topic, &frame);
        Ok(Answer::Respond(Response::json(
            200,
            format!("{{\"receivers\":{receivers}}}"),
        )))
    }

    /// Nothing if the request shows a token for the topic, else the answer that denies it.
    fn check_token(
        &self,
        cx: &mut Cx<'_>,
        connection: Connection<'_>,
        request: &Request,
        topic: &Topic,
    ) -> Option<Answer> {
        let header = request.header("Authorization").unwrap_or_default().trim();
        let token = match header.split_at_checked(7) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer ") => rest,
            _ => header,
        };
        let now = cx.now();
        let reason = match authenticate(&self.settings, &topic.path, token, now) {
            Ok(grant) if grant.expires > now.epoch_seconds() => return None,
            Ok(_) => "Error reading token Token is expired".to_owned(),
            Err(reason) => reason,
        };
        cx.failed_login(connection.address);
        let body = format!(
            "{{\"topic\":{},\"authorised\":false,\"reason\":{}}}",
            quote(&topic.path),
            quote(&reason)
        );
        let response = Response::json(401, body).with_header("WWW-Authenticate", "Bearer");
        Some(Answer::Respond(response))
    }

    fn check_origin(&self, request: &Request) -> Result<(), Refusal> {
        match request.header("Origin") {
            Some(origin) if !self.settings.allows_origin(origin) => Err(Refusal::new(
                403,
                format!("origin {origin} is not in topics.origins"),
            )),
            _ => Ok(()),
        }
    }

    /// A browser on this machine opens a WebSocket for any page of the web that asks for one; what
    /// is for this machine only is not for such a page.
    fn check_origin_of_feed(&self, request: &Request) -> Result<(), Refusal> {
        match request.header("Origin") {
            Some(origin)
                if self.settings.statistics == StatisticsAccess::Loopback
                    && !is_local_origin(origin) =>
            {
                Err(Refusal::new(
                    403,
                    format!(
                        "the statistics are not for pages of {origin} (topics.stats = \"loopback\")"
                    ),
                ))
            }
            _ => Ok(()),
        }
    }

    fn check_statistics_access(&self, connection: Connection<'_>) -> Result<(), Refusal> {
        let reason = match self.settings.statistics {
            StatisticsAccess::Open => return Ok(()),
            StatisticsAccess::Loopback if connection.address.is_local() => return Ok(()),
            StatisticsAccess::Loopback => {
                "the statistics are for this machine only (topics.stats = \"loopback\")"
            }
            StatisticsAccess::Off => "the statistics are off (topics.stats = \"off\")",
        };
        Err(Refusal::new(403, reason))
    }
}

/// The page, or the totals for a program that asks for JSON.
fn statistics_page(cx: &Cx<'_>, topics: usize, request: &Request) -> Result<Answer, Refusal> {
    if request.method() != Method::Get {
        return Err(Refusal::method_not_allowed("GET"));
    }
    let accept = request.header("Accept").unwrap_or_default();
    let response = if accept.contains("application/json") {
        Response::json(200, statistics::totals(cx, topics))
    } else {
        Response::with_body(200, "text/html; charset=utf-8", statistics::PAGE.as_bytes())
            .with_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    };
    let response = response.with_header("Cache-Control", "no-store");
    Ok(Answer::Respond(response.with_header("Vary", "Accept")))
}

/// The page needs nothing but itself and its feed.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
     script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

/// True for the origin of a page that came from this machine, on any port.
fn is_local_origin(origin: &str) -> bool {
    let Some((_, authority)) = origin.split_once("://") else {
        return false;
    };
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let literal = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    host.eq_ignore_ascii_case("localhost")
        || literal
            .unwrap_or(host)
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_this_machine_are_told_from_others() {
        for (origin, local) in [
            ("http://127.0.0.1:7328", true),
            ("http://localhost", true),
            ("https://LOCALHOST:8443", true),
            ("http://[::1]:7328", true),
            ("http://[::1]", true),
            ("https://www.example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("http://localhost.example.com:80", false),
            ("http://192.0.2.1", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(is_local_origin(origin), local, "{origin}");
        }
    }
}
