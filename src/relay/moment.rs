//! Time as the relay is told it. The relay has no clock of its own; a simulator can hand it any.

use std::ops::Add;
use std::time::Duration;

/// A point on the monotonic clock: nanoseconds since the process (or the simulation) began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// The moment this long after the beginning.
    pub fn since_start(elapsed: Duration) -> Self {
        Self(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The time from the beginning until this moment.
    pub const fn elapsed(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// The time from `earlier` until this moment; zero if it is the other way round.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self::since_start(self.elapsed().saturating_add(duration))
    }
}

/// What the two clocks show at the start of a turn of the loop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock; never goes back.
    pub moment: Moment,
    /// The wall clock: time since 1970-01-01 00:00 UTC. It may jump, in both directions.
    pub wall: Duration,
}

impl Now {
    /// The wall clock in seconds, as tokens use it.
    pub fn epoch_seconds(&self) -> f64 {
        self.wall.as_secs_f64()
    }
}

/// A coarse moment in tenths of a second, in four bytes because every connection has some.
/// It lasts for 13 years.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tick(u32);

impl Tick {
    const LENGTH: Duration = Duration::from_millis(100);

    /// Later than any other.
    pub const NEVER: Self = Self(u32::MAX);

    /// The tick that `moment` falls into.
    pub fn of(moment: Moment) -> Self {
        let ticks = moment.elapsed().as_nanos() / Self::LENGTH.as_nanos();
        Self(u32::try_from(ticks).unwrap_or(u32::MAX))
    }

    /// The first tick that is wholly `duration` later.
    pub fn after(self, duration: Duration) -> Self {
        let ticks = duration.as_nanos().div_ceil(Self::LENGTH.as_nanos());
        Self(
            self.0
                .saturating_add(u32::try_from(ticks).unwrap_or(u32::MAX)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_after_a_duration_is_never_early() {
        let start = Moment::since_start(Duration::from_millis(1_050));
        assert_eq!(Tick::of(start), Tick(10));
        assert_eq!(Tick::of(start).after(Duration::from_millis(1)), Tick(11));
        assert_eq!(Tick::of(start).after(Duration::from_secs(1)), Tick(20));
        assert_eq!(Tick::of(start).after(Duration::MAX), Tick::NEVER);
    }

    #[test]
    fn moments_saturate() {
        let moment = Moment::since_start(Duration::from_secs(1));
        assert_eq!(
            moment.since(moment + Duration::from_secs(1)),
            Duration::ZERO
        );
        assert_eq!(
            (moment + Duration::MAX).elapsed(),
            Duration::from_nanos(u64::MAX)
        );
    }
}
