//! Time: wakes that were asked for, and the sweep that watches everything else.
//!
//! A connection that is merely there costs four bytes and no timer: the sweep looks at each
//! connection's deadline about once a second, a part of the table at a time, and asks only those
//! whose deadline has passed. Deadlines are lazy: a frame that comes in does not move them, the
//! sweep finds that the connection was heard meanwhile and moves them then.

use std::time::Duration;

use crate::limits::{Limit, Limits, Value};
use crate::protocol::peer_fault::PeerFault;
use crate::protocol::ws_frame::{Opcode, encode_frame};
use crate::relay::Relay;
use crate::relay::conn_id::ConnId;
use crate::relay::dialect::Terms;
use crate::relay::moment::{Moment, Now, Tick};
use crate::relay::peer::{Open, Stage};
use crate::relay::request::CloseReason;
use crate::relay::timers::Wake;

/// How often a part of the table is swept.
const INTERVAL: Duration = Duration::from_millis(250);

/// Parts that the table is swept in.
const PARTS: usize = 4;

/// Where the sweep is.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    next: Moment,
    position: usize,
}

/// What is due for a connection.
enum Due {
    Nothing,
    Ping,
    Fail(Limit),
    Finish(Limit),
    Die(Limit),
    Idle,
}

impl Relay {
    /// When the next turn has something to do, at the latest; never if there is nobody.
    pub fn next_deadline(&self) -> Option<Moment> {
        let sweep = (!self.peers.is_empty()).then_some(self.sweep.next);
        let drain = self.drain.as_ref().map(super::drain::Drain::next);
        // Connections whose pause is over are to be read at once.
        let resumed = (!self.resumed.is_empty()).then(Moment::default);
        [self.timers.next(), sweep, drain, resumed]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Now) {
        while let Some(wake) = self.timers.pop_due(now.moment) {
            self.wake(wake, now);
        }
        if now.moment >= self.sweep.next {
            self.sweep.next = now.moment + INTERVAL;
            self.sweep_part(now);
        }
        self.continue_drain(now);
    }

    fn wake(&mut self, wake: Wake, now: Now) {
        match wake {
            Wake::Resume(id) => {
                if self.peers.get(id).is_some() {
                    self.resumed.push(id);
                }
            }
            Wake::Connection(id, token) => {
                let peer = self.peers.get(id).filter(|peer| !peer.forgotten);
                let dialect = peer.and_then(|peer| peer.dialect);
                if let Some((service, mut cx)) = dialect.and_then(|id| self.split(id, now)) {
                    service.woken(&mut cx, id, token);
                }
            }
            Wake::Dialect(dialect, token) => {
                if let Some((service, mut cx)) = self.split(dialect, now) {
                    service.tick(&mut cx, token);
                }
            }
        }
    }

    fn sweep_part(&mut self, now: Now) {
        let tick = Tick::of(now.moment);
        let end = self.peers.end();
        if self.sweep.position >= end {
            self.sweep.position = 0;
        }
        let stop = (self.sweep.position + end.div_ceil(PARTS)).min(end);
        for index in self.sweep.position..stop {
            let Some(id) = self.peers.id_at(index) else {
                continue;
            };
            if self.peers.get(id).is_some_and(|peer| peer.deadline <= tick) {
                self.deadline_passed(id, now);
            }
            self.outboxes.watch_link(id, tick);
            let soft_since = self.outboxes.soft_since(id);
            if soft_since != Tick::NEVER {
                let limits = &self.settings.limits;
                let (limit, time) = if self.peers.get(id).is_some_and(|peer| peer.operator) {
                    (
                        Limit::ControlOutputSoftTime,
                        limits.control_output_soft_time,
                    )
                } else {
                    (Limit::OutputSoftTime, limits.output_soft_time)
                };
                if soft_since.after(time) <= tick {
                    self.cut_off(id, limit, now);
                }
            }
        }
        self.sweep.position = stop;
    }

    fn deadline_passed(&mut self, id: ConnId, now: Now) {
        let terms = self.terms_of(id);
        let limits = &self.settings.limits;
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        let due = match &peer.stage {
            Stage::Http(input) if input.as_ref().is_some_and(|input| input.has_head()) => {
                Due::Die(Limit::MessageTime)
            }
            Stage::Http(Some(_)) => Due::Die(Limit::HandshakeTime),
            Stage::Http(None) => Due::Idle,
            Stage::Verdict(_) => Due::Die(Limit::AuthenticationTime),
            Stage::Control(_) => return self.control_deadline_passed(id, now),
            Stage::Open(open) => {
                let ping_after = ping_after(id, limits, terms);
                let pong_wait = period(limits, terms.pong_wait);
                due_when_open(open, peer.heard, ping_after, pong_wait, limits, now)
                    .unwrap_or(Due::Finish(terms.pong_wait))
            }
            Stage::CloseSent(_) => Due::Finish(Limit::CloseTime),
            Stage::Finishing => Due::Die(Limit::CloseTime),
            Stage::Lingering => Due::Die(Limit::LingerTime),
            Stage::Dead => Due::Nothing,
        };
        match due {
            Due::Nothing => self.schedule(id),
            Due::Ping => {
                self.counters.count_limit(terms.ping_after);
                let payload = now.wall.as_secs().to_string();
                let ping = self
                    .outboxes
                    .frame(encode_frame(Opcode::Ping, payload.as_bytes()));
                self.outboxes.push(id, ping);
                if let Some(Stage::Open(open)) = self.peers.get_mut(id).map(|p| &mut p.stage) {
                    open.pinged = Tick::of(now.moment);
                }
                self.schedule(id);
            }
            Due::Idle => {
                self.counters.idle_closed += 1;
                self.die(id, CloseReason::without_code("no request came"));
            }
            Due::Fail(limit) => self.fail(id, PeerFault::limit(limit), now),
            Due::Finish(Limit::CloseTime) => {
                self.counters.count_limit(Limit::CloseTime);
                self.finish(id, CloseReason::limit(Limit::CloseTime), now);
            }
            Due::Finish(limit) => self.fail(id, PeerFault::limit(limit), now),
            Due::Die(limit) => {
                if self.peers.get(id).is_some_and(|peer| peer.forgotten) {
                    self.counters.count_limit(limit);
                }
                self.die(id, CloseReason::limit(limit));
            }
        }
    }

    /// Sets the next deadline of an open WebSocket.
    pub(super) fn schedule(&mut self, id: ConnId) {
        let terms = self.terms_of(id);
        let limits = &self.settings.limits;
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        let Stage::Open(open) = &peer.stage else {
            return;
        };
        let silence = if open.pinged == Tick::NEVER {
            peer.heard.after(ping_after(id, limits, terms))
        } else {
            open.pinged.after(period(limits, terms.pong_wait))
        };
        let message = match open.message_since {
            Tick::NEVER => Tick::NEVER,
            since => since.after(limits.message_time),
        };
        peer.deadline = silence.min(message);
    }
}

/// What is due for an open WebSocket; none: it did not answer a ping.
fn due_when_open(
    open: &Open,
    heard: Tick,
    ping_after: Duration,
    pong_wait: Duration,
    limits: &Limits,
    now: Now,
) -> Option<Due> {
    let tick = Tick::of(now.moment);
    let passed = |since: Tick, time| since != Tick::NEVER && since.after(time) <= tick;
    if passed(open.message_since, limits.message_time) {
        Some(Due::Fail(Limit::MessageTime))
    } else if passed(open.pinged, pong_wait) {
        None
    } else if open.pinged == Tick::NEVER && passed(heard, ping_after) {
        Some(Due::Ping)
    } else {
        Some(Due::Nothing)
    }
}

fn period(limits: &Limits, limit: Limit) -> Duration {
    match limits.get(limit) {
        Value::Period(period) => period,
        Value::Bytes(_) | Value::Count(_) => Duration::MAX,
    }
}

/// The time of silence before a ping, up to a fifth more or less by connection: those that came
/// together are not pinged together for ever.
fn ping_after(id: ConnId, limits: &Limits, terms: Terms) -> Duration {
    if !terms.scattered_pings {
        return period(limits, terms.ping_after);
    }
    let scattered = (id.index() as u32)
        .wrapping_add(id.generation())
        .wrapping_mul(0x9e37_79b9);
    let fraction = 0.8 + 0.4 * f64::from(scattered) / f64::from(u32::MAX);
    period(limits, terms.ping_after).mul_f64(fraction)
}
