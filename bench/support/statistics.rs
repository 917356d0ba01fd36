//! Medians, percentiles and ranges.

/// The middle one of some values, with the smallest and the largest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) smallest: f64,
    pub(crate) largest: f64,
}

/// Sums up some values; all zero if there are none.
pub(crate) fn summary(values: impl IntoIterator<Item = f64>) -> Summary {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or_default();
    let last = values.len().saturating_sub(1);
    Summary {
        median: f64::midpoint(at(last / 2), at(values.len() / 2)),
        smallest: at(0),
        largest: at(last),
    }
}

/// The value below which `percent` percent of the sorted values lie; 0 if there are none.
pub(crate) fn percentile(sorted: &[u32], percent: usize) -> u32 {
    let index = sorted.len() * percent / 100;
    let last = sorted.len().saturating_sub(1);
    sorted.get(index.min(last)).copied().unwrap_or_default()
}

#[cfg(test)]
#[allow(
    unused,
    reason = "only tests/bench_smoke.rs has a harness that runs these"
)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        let odd = summary([3.0, 1.0, 2.0]);
        assert_eq!((odd.smallest, odd.median, odd.largest), (1.0, 2.0, 3.0));
        let even = summary([4.0, 1.0, 2.0, 3.0]);
        assert_eq!((even.smallest, even.median, even.largest), (1.0, 2.5, 4.0));
        assert_eq!(summary([]).median, 0.0);
    }

    #[test]
    fn a_percentile_stays_within_the_values() {
        let values: Vec<u32> = (0..200).collect();
        assert_eq!(percentile(&values, 50), 100);
        assert_eq!(percentile(&values, 99), 198);
        assert_eq!(percentile(&values, 100), 199);
        assert_eq!(percentile(&[], 99), 0);
    }
}
