//! The statistics: a report per client for the feed, and the totals of the server.

use std::time::Duration;

use crate::dialects::topics::client::Client;
use crate::dialects::topics::go_text::{duration, quote, time};
use crate::dialects::topics::place::Direction;
use crate::limits::{Consequence, Limit};
use crate::relay::dialect::Cx;
use crate::relay::moment::{Moment, Now};
use crate::relay::outbox::Traffic;

/// The page: one file, no other resource.
pub const PAGE: &str = include_str!("statistics_page.html");

/// The report of one client, or nothing if it is not at a topic. `received` is what it was sent.
pub fn report(client: &Client, received: Traffic, now: Now) -> Option<String> {
    let description = &client.description;
    let topic = description.topic.as_ref()?;
    let wall = now.wall.saturating_sub(now.moment.since(client.connected));
    Some(format!(
        "{{\"topic\":{},\"broadcaster\":{},\"connected\":{},\"remoteAddr\":{},\"userAgent\":{},\
         \"stats\":{{\"tx\":{},\"rx\":{}}}}}",
        quote(&topic.output()),
        topic.direction != Direction::Receive,
        quote(&time(wall, client.connected.elapsed())),
        quote(&description.forwarded_for),
        quote(&description.user_agent),
        rates(client.sent, client.connected, now),
        rates(received, client.connected, now),
    ))
}

/// When the last message was, the mean size, and one over the mean time between messages, the
/// first counted from the connection.
fn rates(traffic: Traffic, connected: Moment, now: Now) -> String {
    if traffic.messages == 0 {
        return "{\"last\":\"Never\",\"size\":0,\"fps\":0}".to_owned();
    }
    let last = duration(now.moment.since(traffic.last));
    let size = traffic.bytes as f64 / traffic.messages as f64;
    let span = traffic.last.since(connected).max(Duration::from_nanos(1));
    let per_second = traffic.messages as f64 / span.as_secs_f64();
    format!(
        "{{\"last\":{},\"size\":{size},\"fps\":{per_second}}}",
        quote(&last)
    )
}

/// Members of a JSON object: how often each limit was passed.
fn counts(limits: &[(Limit, u64)]) -> String {
    let members: Vec<_> = limits
        .iter()
        .map(|(limit, count)| format!("{}:{count}", quote(limit.reason())))
        .collect();
    members.join(",")
}

/// The totals of the server, as JSON. `topics` is how many have clients. Limits that only make
/// something wait are apart from those that end something: passing them is everyday.
pub fn totals(cx: &Cx<'_>, topics: usize) -> String {
    let counters = cx.counters();
    let mut text = format!(
        "{{\"version\":{},\"uptime\":{:.3},\"connections\":{},\"topics\":{},\
         \"accepted\":{},\"requests\":{},\"handshakes\":{},\
         \"received\":{{\"messages\":{},\"bytes\":{}}},\
         \"delivered\":{{\"messages\":{},\"bytes\":{}}},\"dropped\":{},\
         \"peer_faults\":{},\"idle_closed\":{},\"failed_logins\":{},\
         \"memory\":{{\"buffers\":{},\"limit\":{}}},\"limits\":{{",
        quote(env!("CARGO_PKG_VERSION")),
        cx.now().moment.elapsed().as_secs_f64(),
        cx.connections(),
        topics,
        counters.accepted,
        counters.requests,
        counters.handshakes,
        counters.messages_received,
        counters.bytes_received,
        counters.messages_delivered,
        counters.bytes_delivered,
        cx.dropped(),
        counters.peer_faults,
        counters.idle_closed,
        counters.failed_logins,
        cx.memory(),
        cx.limits().memory,
    );
    let (pauses, limits): (Vec<_>, Vec<_>) = counters
        .limits()
        .partition(|(limit, _)| limit.row().consequence == Consequence::Pause);
    text.push_str(&counts(&limits));
    text.push_str("},\"pauses\":{");
    text.push_str(&counts(&pauses));
    text.push_str("}}\n");
    text
}
