//! Processor time divided by what was done in it.

use super::statistics::summary;
use std::ops::AddAssign;
use std::time::Duration;

/// What a server has done, and the processor time that it took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    /// Deliveries, or handshakes.
    pub(crate) units: u64,
    pub(crate) processor_time: Duration,
}

impl Cost {
    /// Processor time for one unit, in microseconds.
    pub(crate) fn microseconds(&self) -> f64 {
        self.processor_time.as_secs_f64() * 1e6 / self.units.max(1) as f64
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.units += other.units;
        self.processor_time += other.processor_time;
    }
}

/// The median of some costs in microseconds, for a table.
pub(crate) fn median(costs: &[Cost]) -> String {
    let summary = summary(costs.iter().map(Cost::microseconds));
    format!("{:.3}", summary.median)
}
