//! What is kept of the samples of a minute, and the statistics it gives.

use super::Metric;

/// What `CloudWatch` keeps of the samples of a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::sim) struct Summary {
    count: f64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Summary {
    pub(super) fn new(count: f64, average: f64, spread: f64) -> Self {
        let sum = (count * average * 1000.0).round() / 1000.0;
        Self {
            count,
            sum,
            min: (average * (1.0 - spread) * 1000.0).round() / 1000.0,
            max: (average * (1.0 + 2.0 * spread) * 1000.0).round() / 1000.0,
        }
    }

    /// `count` samples, `ones` of them 1 and the others 0.
    pub(super) fn of_ones(count: f64, ones: f64) -> Self {
        Self { count, sum: ones, min: if ones < count { 0.0 } else { 1.0 }, max: if ones > 0.0 { 1.0 } else { 0.0 } }
    }

    /// What one sample says.
    pub(in crate::sim) fn of_one(value: f64) -> Self {
        Self { count: 1.0, sum: value, min: value, max: value }
    }

    /// Two spans of time as one.
    pub(in crate::sim) fn with(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }

    /// What is shown while some samples are missing: fewer, and a lower sum.
    pub(in crate::sim) fn provisional(self) -> Self {
        if !self.changes() {
            return self;
        }
        let sum = (self.sum * 0.6).floor();
        Self { count: (self.count * 0.6).floor().max(1.0), sum, min: self.min.min(sum), ..self }
    }

    /// Does the provisional summary differ from this one?
    pub(in crate::sim) fn changes(self) -> bool {
        self.sum > 0.0
    }

    /// `None` for a statistic that the metric does not have.
    pub(in crate::sim) fn statistic(self, name: &str, metric: &Metric) -> Option<f64> {
        let value = match name {
            "Sum" => self.sum,
            "Average" => self.sum / self.count,
            "Minimum" => self.min,
            "Maximum" => self.max,
            "SampleCount" => self.count,
            _ if metric.percentiles => {
                let rank: f64 = name.strip_prefix('p')?.parse().ok()?;
                let share = (rank / 100.0).clamp(0.0, 1.0);
                self.min + (self.max - self.min) * share * share
            }
            _ => return None,
        };
        Some((value * 1000.0).round() / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Summary;

    #[test]
    fn a_provisional_sum_is_lower() {
        for done in [1.0, 2.0, 7.0, 40.0] {
            let last = Summary::of_ones(done, done);
            assert!(last.provisional().sum < last.sum);
            assert!(last.provisional().count >= 1.0);
        }
        let nothing = Summary::of_ones(3.0, 0.0);
        assert_eq!(nothing.provisional(), nothing);
    }

    #[test]
    fn spans_add_up() {
        let both = Summary::new(2.0, 10.0, 0.1).with(Summary::new(1.0, 40.0, 0.0));
        assert_eq!((both.count, both.sum, both.min, both.max), (3.0, 60.0, 9.0, 40.0));
    }
}
