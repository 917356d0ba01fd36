//! What the relay must do with what it was given: compared with what it counted, and kept as what
//! each client is to receive.

use std::rc::Rc;

use fantail::relay::moment::Tick;
use fantail::relay::{Reading, Relay};

use super::client::{Access, Client, Pending, Phase};
use super::places::{Place, TOPICS};
use super::wire::{Message, Sent, Token};
use super::world::World;
use fantail::limits::Limit;

/// What the relay has counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count {
    requests: u64,
    handshakes: u64,
    messages: u64,
    delivered: u64,
    dropped: u64,
    faults: u64,
}

impl Count {
    /// What it has counted by now.
    pub(crate) fn of(relay: &mut Relay) -> Self {
        let dropped = relay.outboxes().dropped();
        let counters = relay.counters();
        Self {
            requests: counters.requests,
            handshakes: counters.handshakes,
            messages: counters.messages_received,
            delivered: counters.messages_delivered,
            dropped,
            faults: counters.peer_faults,
        }
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            requests: self.requests - earlier.requests,
            handshakes: self.handshakes - earlier.handshakes,
            messages: self.messages - earlier.messages,
            delivered: self.delivered - earlier.delivered,
            dropped: self.dropped - earlier.dropped,
            faults: self.faults - earlier.faults,
        }
    }
}

/// What one call has still to explain.
#[derive(Debug)]
struct Call {
    counted: Count,
    /// Frames and requests that the relay takes from a connection in one call.
    budget: usize,
    reading: Reading,
    draining: bool,
    delivered: u64,
    dropped: u64,
    /// Bytes that may still be inflated.
    inflated_budget: usize,
    /// Something was sent to the client itself.
    answered: bool,
}

impl World {
    /// The relay was given input of `client`: all that it counted must be explained by what is
    /// complete in it, in order.
    pub(crate) fn explain(&mut self, client: usize, before: Count, reading: Reading) {
        let counted = Count::of(&mut self.driver.relay).since(before);
        let mut call = Call {
            counted,
            budget: self.driver.relay.settings().limits.frames_per_turn,
            reading,
            draining: self.draining,
            delivered: 0,
            dropped: 0,
            inflated_budget: self.driver.relay.settings().limits.read_per_turn,
            answered: false,
        };
        let now = self.driver.now.moment;
        let id = self.clients[client].id;
        let peer = self.driver.relay.peer(id);
        // Nothing may have been held for a connection that is gone on with.
        if peer.is_some_and(|peer| peer.heard == Tick::of(now)) {
            self.clients[client].heard = now;
        }
        self.take_all(client, &mut call);
        self.check_call(client, &call);
        self.check_waiting(client, &call);
        let client = &mut self.clients[client];
        if client.delivered == client.complete {
            client.incomplete_since = None;
        } else {
            client.incomplete_since.get_or_insert(now);
        }
    }

    /// Takes what is complete and was handled in this call.
    fn take_all(&mut self, index: usize, call: &mut Call) {
        loop {
            let client = &mut self.clients[index];
            let Some((end, sent)) = client.sent.front() else {
                break;
            };
            let handled = *end <= client.delivered
                && client.phase != Phase::Over
                && match sent {
                    Sent::Upgrade(_) | Sent::Plain { .. } | Sent::Post { .. } => {
                        call.counted.requests > 0
                    }
                    Sent::Message(..) => call.counted.messages > 0,
                    Sent::Garbage => false,
                    Sent::Ping(..) | Sent::Pong | Sent::Close(_) => {
                        let stopped = call.reading == Reading::Again && call.budget == 0
                            || call.reading == Reading::Paused && call.counted.messages == 0;
                        !stopped
                    }
                };
            if !handled {
                break;
            }
            let Some((end, sent)) = client.sent.pop_front() else {
                break;
            };
            client.complete = end;
            if !matches!(sent, Sent::Ping(_, true)) {
                client.incomplete_since = None;
            }
            if matches!(sent, Sent::Ping(..) | Sent::Pong) {
                // One of them may have been one too many; then it is not known which.
                client.excuses.control_frames |= call.counted.faults > 0;
            }
            call.budget = call.budget.saturating_sub(1);
            if let Sent::Message(_, _, inflated) = sent {
                match call.inflated_budget.checked_sub(inflated) {
                    Some(left) => call.inflated_budget = left,
                    None => call.budget = 0,
                }
            }
            self.take(index, sent, call);
        }
    }

    fn take(&mut self, index: usize, sent: Sent, call: &mut Call) {
        match sent {
            Sent::Upgrade(place) => self.take_upgrade(index, place, call),
            Sent::Plain {
                statuses,
                head_only,
                last,
            } => {
                call.counted.requests -= 1;
                self.answer(index, call, statuses, None);
                let client = &mut self.clients[index];
                if let Some(answer) = client.answers.back_mut() {
                    answer.head_only = head_only;
                }
                if last {
                    client.excuses.last_answer = true;
                    client.phase = Phase::Over;
                }
            }
            Sent::Post {
                topic,
                message,
                token,
            } => self.take_post(index, topic, &message, token, call),
            Sent::Message(message, token, _) => {
                call.counted.messages -= 1;
                self.take_message(index, &message, token, call);
            }
            Sent::Ping(payload, _) => {
                let client = &mut self.clients[index];
                if !client.refusing {
                    client.pongs.push_back(payload);
                    call.answered = true;
                }
            }
            Sent::Pong => {}
            Sent::Close(code) => {
                let client = &mut self.clients[index];
                client.phase = Phase::Over;
                client.excuses.close = Some(code);
            }
            Sent::Garbage => {}
        }
    }

    /// An answer is due that leaves the connection open, unless the server stops.
    fn answer(
        &mut self,
        index: usize,
        call: &mut Call,
        statuses: &'static [u16],
        body: Option<String>,
    ) {
        let client = &mut self.clients[index];
        client.progress = self.driver.now.moment;
        client.expect(statuses, false, body);
        call.answered = true;
        if call.draining {
            client.excuses.last_answer = true;
            client.phase = Phase::Over;
        }
    }

    fn take_upgrade(&mut self, index: usize, place: Place, call: &mut Call) {
        call.counted.requests -= 1;
        call.answered = true;
        let client = &mut self.clients[index];
        client.progress = self.driver.now.moment;
        if call.counted.handshakes == 0 {
            client.phase = Phase::Over;
            client.excuses.last_answer = true;
            return client.expect(&[429], false, None);
        }
        call.counted.handshakes -= 1;
        client.expect(&[101], false, None);
        client.phase = Phase::Open(place);
        if !self.with_tokens {
            client.access = Access::Granted(f64::INFINITY);
        }
    }

    fn take_post(
        &mut self,
        index: usize,
        topic: usize,
        message: &Rc<Message>,
        token: Option<Token>,
        call: &mut Call,
    ) {
        call.counted.requests -= 1;
        if TOPICS[topic].sends_to.is_empty() {
            return self.answer(index, call, &[403, 429], None);
        }
        let valid = match token {
            _ if !self.with_tokens => true,
            Some(Token::Valid(expires)) => self.driver.now.epoch_seconds() < expires as f64,
            Some(Token::Invalid) | None => false,
        };
        if !valid {
            return self.answer(index, call, &[401, 429], None);
        }
        if call.counted.messages == 0 {
            // Refused, since its address failed to log in too often.
            return self.answer(index, call, &[429], None);
        }
        call.counted.messages -= 1;
        let receivers = self.publish(None, topic, message, call);
        let body = format!("{{\"receivers\":{receivers}}}");
        self.answer(index, call, &[200], Some(body));
    }

    fn take_message(
        &mut self,
        index: usize,
        message: &Rc<Message>,
        token: Option<Token>,
        call: &mut Call,
    ) {
        let now = self.driver.now.epoch_seconds();
        let client = &mut self.clients[index];
        match (client.phase, client.access) {
            (Phase::Open(Place::Echo), _) => {
                client.expect_reply(Pending::Message(Rc::clone(message)));
                call.answered = true;
            }
            (Phase::Open(Place::Feed), _) => {
                client.reports = true;
                call.answered = true;
            }
            (Phase::Open(Place::Topic(topic)), Access::Unproven) => {
                call.answered = true;
                client.progress = self.driver.now.moment;
                match token {
                    Some(Token::Valid(expires)) if now < expires as f64 => {
                        let text = String::from_utf8_lossy(&message.payload);
                        let path = TOPICS[topic].path;
                        client.expect_reply(Pending::Granted(format!(
                            "{{\"topic\":\"{path}\",\"token\":\"{text}\",\
                             \"authorised\":true,\"reason\":\"ok\"}}"
                        )));
                        client.access = Access::Granted(expires as f64);
                    }
                    _ => {
                        client.expect_reply(Pending::Denied);
                        client.access = Access::Ended;
                        client.excuses.token = true;
                    }
                }
            }
            (Phase::Open(Place::Topic(topic)), Access::Granted(expires)) if now < expires => {
                self.publish(Some(index), topic, message, call);
            }
            _ => {}
        }
    }

    /// A message for all clients of the topics that `topic` sends to; for how many.
    fn publish(
        &mut self,
        sender: Option<usize>,
        topic: usize,
        message: &Rc<Message>,
        call: &mut Call,
    ) -> u64 {
        let limits = &self.driver.relay.settings().limits;
        let bounds = (limits.output_soft, limits.output);
        let mut receivers = 0;
        for channel in TOPICS[topic].sends_to {
            for (index, client) in self.clients.iter_mut().enumerate() {
                if Some(index) != sender && client.member_of() == Some(*channel) {
                    let behind = self
                        .driver
                        .socket(client.id)
                        .is_some_and(|socket| socket.would_block);
                    let offered = client.offer(*channel, message, bounds, behind);
                    receivers += u64::from(offered.received);
                    call.dropped += offered.dropped;
                }
            }
        }
        call.delivered += receivers;
        self.published += receivers;
        receivers
    }

    fn check_call(&mut self, index: usize, call: &Call) {
        let client = &mut self.clients[index];
        let counted = call.counted;
        assert_eq!(
            (counted.requests, counted.handshakes, counted.messages),
            (0, 0, 0),
            "{}: requests, handshakes, messages that were not sent",
            client.id
        );
        assert_eq!(
            (counted.delivered, counted.dropped),
            (call.delivered, call.dropped),
            "messages delivered, dropped"
        );
        let next = client
            .sent
            .front()
            .filter(|(end, _)| *end <= client.delivered);
        match call.reading {
            Reading::Continue => {
                let left = next.filter(|(_, sent)| !matches!(sent, Sent::Garbage));
                assert!(
                    left.is_none() || client.phase == Phase::Over,
                    "{}: not handled: {left:?}",
                    client.id
                );
            }
            Reading::Again => assert_eq!(call.budget, 0, "{}: budget", client.id),
            Reading::Paused => {}
            Reading::Over if client.phase != Phase::Over => {
                let garbage = client
                    .sent
                    .iter()
                    .any(|(_, sent)| matches!(sent, Sent::Garbage));
                client.excuses.garbage |= garbage;
                let refused = client
                    .answers
                    .back()
                    .is_some_and(|answer| answer.statuses.contains(&429) && !client.trusted);
                client.excuses.last_answer |= refused;
                assert!(
                    garbage || client.excuses.control_frames || refused || client.refusing,
                    "{}: closed for nothing: {client:?}",
                    client.id
                );
                client.phase = Phase::Over;
            }
            Reading::Over => {}
        }
    }

    /// The outboxes hold what the model says.
    fn check_waiting(&mut self, sender: usize, call: &Call) {
        let outboxes = self.driver.relay.outboxes();
        for (index, client) in self.clients.iter_mut().enumerate() {
            let waiting = outboxes
                .get(client.id)
                .map_or(0, fantail::relay::outbox::Outbox::waiting);
            if index == sender {
                client.waiting = waiting;
                if !outboxes.is_open(client.id) && client.phase != Phase::Over {
                    assert!(call.answered || client.refusing, "{}: shut", client.id);
                    client.excuses.unread_answers |= !client.refusing;
                    client.refusing = true;
                }
            } else if client.member_of().is_some() {
                assert_eq!(waiting, client.waiting, "{}: bytes waiting", client.id);
            }
            client.refusing |= client.phase == Phase::Over;
        }
    }

    /// Whether a client that is no longer open may not be.
    pub(crate) fn may_have_ended(&self, client: &Client) -> bool {
        let excuses = &client.excuses;
        let relay = &self.driver.relay;
        let limits = &relay.settings().limits;
        let now = self.driver.now.moment;
        let (ping_after, pong_wait) = match client.phase {
            Phase::Open(Place::Echo) => (limits.ping_after, limits.pong_wait),
            _ => (limits.topics_ping_after, limits.topics_pong_wait),
        };
        let silence = now.since(client.heard) + COARSE >= ping_after.mul_f64(0.8) + pong_wait;
        let incomplete = client
            .incomplete_since
            .is_some_and(|since| now.since(since) + COARSE >= limits.message_time);
        let without_progress = now.since(client.progress) + COARSE;
        let timed_out = match client.phase {
            Phase::Http => without_progress >= limits.handshake_time,
            Phase::Open(Place::Topic(_)) if client.access == Access::Unproven => {
                without_progress >= limits.authentication_time
            }
            Phase::Open(_) => silence || incomplete,
            Phase::Over => true,
        };
        let expired = matches!(client.access, Access::Granted(expires)
            if self.driver.now.epoch_seconds() >= expires);
        timed_out
            || silence
            || incomplete
            || expired
            || excuses.garbage
            || excuses.control_frames
            || excuses.end_of_input
            || excuses.reset
            || excuses.overflow
            || excuses.unread_answers
            || excuses.soft
            || excuses.token
            || self.draining
            || relay.counters().limit(Limit::Memory) > self.memory_cuts
    }
}

/// The relay's clock for deadlines is coarse.
const COARSE: std::time::Duration = std::time::Duration::from_millis(200);
