//! Units, as CloudWatch names them and as Datadog does.

use serde::{Deserialize, Serialize};

/// A unit of measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A number without a unit; also what `CloudWatch` says when nobody set one.
    None,
    /// Things.
    Count,
    /// Of 100.
    Percent,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Thousandths of a second.
    Milliseconds,
    /// Millionths of a second.
    Microseconds,
}

impl Unit {
    /// The unit that a `StandardUnit` of `CloudWatch` names; `None` for one that this program does not use.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>
    #[must_use]
    pub fn from_cloudwatch(name: &str) -> Option<Self> {
        Some(match name {
            "None" => Self::None,
            "Count" => Self::Count,
            "Percent" => Self::Percent,
            "Bytes" => Self::Bytes,
            "Seconds" => Self::Seconds,
            "Milliseconds" => Self::Milliseconds,
            "Microseconds" => Self::Microseconds,
            _ => return None,
        })
    }

    /// What a value in `self` is multiplied with to be in `to`; `None` when the two measure different things.
    #[must_use]
    pub fn factor_to(self, to: Self) -> Option<f64> {
        if self == to {
            return Some(1.0);
        }
        Some(self.seconds()? / to.seconds()?)
    }

    fn seconds(self) -> Option<f64> {
        match self {
            Self::Seconds => Some(1.0),
            Self::Milliseconds => Some(1e-3),
            Self::Microseconds => Some(1e-6),
            Self::None | Self::Count | Self::Percent | Self::Bytes => None,
        }
    }

    /// Whether AWS has been seen to change this unit under a metric's name: all times.
    #[must_use]
    pub fn drifts(self) -> bool {
        self.seconds().is_some()
    }
}

impl std::fmt::Display for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Count => "count",
            Self::Percent => "percent",
            Self::Bytes => "bytes",
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_convert_and_other_things_do_not() {
        assert_eq!(Unit::Milliseconds.factor_to(Unit::Seconds), Some(1e-3));
        assert_eq!(Unit::Count.factor_to(Unit::Count), Some(1.0));
        assert_eq!(Unit::Count.factor_to(Unit::Seconds), None);
        assert_eq!(Unit::Seconds.factor_to(Unit::Percent), None);
    }
}
