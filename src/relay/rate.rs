//! A rate limit with a burst, in one number: the generic cell rate algorithm.

use std::time::Duration;

use crate::relay::moment::Moment;

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    interval: Duration,
    burst: u32,
}

impl Rate {
    /// `per_second` events a second in the long run, `burst` at once. Zero counts as one.
    pub fn new(per_second: usize, burst: usize) -> Self {
        let per_second = u32::try_from(per_second).unwrap_or(u32::MAX).max(1);
        let burst = u32::try_from(burst).unwrap_or(u32::MAX).max(1);
        Self {
            interval: Duration::from_secs(1) / per_second,
            burst,
        }
    }

    fn tolerance(self) -> Duration {
        self.interval.saturating_mul(self.burst - 1)
    }
}

/// When the next event would be due if events came evenly; what is ahead of now is burst used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateState(Moment);

impl RateState {
    /// Counts one event. False: it is one too many, and was not counted.
    pub fn admit(&mut self, rate: Rate, now: Moment) -> bool {
        let due = self.0.max(now);
        if due.since(now) > rate.tolerance() {
            return false;
        }
        self.0 = due + rate.interval;
        true
    }

    /// Counts one event that has happened and cannot be refused; the moment from which the rate
    /// is kept again if nothing happens until then.
    pub fn charge(&mut self, rate: Rate, now: Moment) -> Moment {
        let due = self.0.max(now) + rate.interval;
        self.0 = due;
        Moment::since_start(due.elapsed().saturating_sub(rate.tolerance()))
    }

    /// True if nothing of the burst is used.
    pub fn is_idle(self, now: Moment) -> bool {
        self.0 <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Moment {
        Moment::since_start(Duration::from_millis(milliseconds))
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let rate = Rate::new(10, 20);
        let mut state = RateState::default();
        assert_eq!((0..100).filter(|_| state.admit(rate, at(5000))).count(), 20);
        assert!(!state.admit(rate, at(5099)));
        assert!(state.admit(rate, at(5100)));
        assert!(!state.admit(rate, at(5100)));
        assert_eq!((0..100).filter(|_| state.admit(rate, at(9000))).count(), 20);
        assert!(!state.is_idle(at(9000)));
        assert!(state.is_idle(at(11_000)));
    }

    #[test]
    fn a_charge_tells_when_the_rate_is_kept_again() {
        let rate = Rate::new(10, 1);
        let mut state = RateState::default();
        assert_eq!(state.charge(rate, at(1000)), at(1100));
        assert_eq!(state.charge(rate, at(1000)), at(1200));
        assert_eq!(state.charge(rate, at(2000)), at(2100));
    }
}
