//! The one clock: real time, or a pretend company's time that runs faster.
//!
//! Time is an argument everywhere; only this module asks the machine for it. A child process follows the simulator's
//! clock through the environment variable [`ENV`].

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Holds `REAL_MS:SIM_MS:RATE`: at the real instant `REAL_MS` (Unix milliseconds) the simulated time was `SIM_MS`, and
/// it advances `RATE` times as fast.
pub const ENV: &str = "DDSYNC_CLOCK";

/// Where "now" comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Clock {
    /// The machine's clock.
    Real,
    /// A clock that runs at a multiple of real time.
    Scaled {
        /// Real instant at which the two clocks were tied together, Unix milliseconds.
        real_origin_ms: i64,
        /// Simulated instant of that moment, Unix milliseconds.
        sim_origin_ms: i64,
        /// Simulated seconds per real second, above zero.
        rate: f64,
    },
}

/// The value of [`ENV`] is not `REAL_MS:SIM_MS:RATE`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{ENV} holds {0:?}; it takes REAL_MS:SIM_MS:RATE, for example 1700000000000:1700000000000:60")]
pub struct ClockError(String);

impl Clock {
    /// Reads the form that [`ENV`] holds.
    ///
    /// # Errors
    /// When the text is not `REAL_MS:SIM_MS:RATE` with a positive, finite rate.
    pub fn parse(text: &str) -> Result<Self, ClockError> {
        let refuse = || ClockError(text.to_owned());
        let parts: Vec<&str> = text.split(':').collect();
        let &[real, sim, rate] = parts.as_slice() else {
            return Err(refuse());
        };
        let rate: f64 = rate.parse().map_err(|_| refuse())?;
        if !(rate.is_finite() && rate > 0.0) {
            return Err(refuse());
        }
        Ok(Self::Scaled {
            real_origin_ms: real.parse().map_err(|_| refuse())?,
            sim_origin_ms: sim.parse().map_err(|_| refuse())?,
            rate,
        })
    }

    /// The current instant.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.at(Utc::now())
    }

    /// What this clock shows when the machine's clock shows `real`.
    #[must_use]
    pub fn at(&self, real: DateTime<Utc>) -> DateTime<Utc> {
        match *self {
            Self::Real => real,
            Self::Scaled { real_origin_ms, sim_origin_ms, rate } => {
                #[expect(clippy::cast_precision_loss, reason = "a span of milliseconds is far below 2^52")]
                let elapsed = (real.timestamp_millis() - real_origin_ms) as f64 * rate;
                #[expect(clippy::cast_possible_truncation, reason = "float to integer casts saturate")]
                let millis = sim_origin_ms.saturating_add(elapsed as i64);
                DateTime::from_timestamp_millis(millis).unwrap_or(real)
            }
        }
    }

    /// This clock, set ahead by `by`, or back when that is negative.
    #[must_use]
    pub fn shifted(self, by: TimeDelta) -> Self {
        let by = by.num_milliseconds();
        match self {
            Self::Real => Self::Scaled { real_origin_ms: 0, sim_origin_ms: by, rate: 1.0 },
            Self::Scaled { real_origin_ms, sim_origin_ms, rate } => {
                Self::Scaled { real_origin_ms, sim_origin_ms: sim_origin_ms.saturating_add(by), rate }
            }
        }
    }

    /// How long the machine has to wait for `span` of this clock's time.
    #[must_use]
    pub fn real_duration(&self, span: TimeDelta) -> Duration {
        let span = span.to_std().unwrap_or(Duration::ZERO);
        match *self {
            Self::Real => span,
            Self::Scaled { rate, .. } => span.div_f64(rate),
        }
    }

    /// Sleeps until this clock shows `instant`; returns at once when it already does.
    pub async fn sleep_until(&self, instant: DateTime<Utc>) {
        tokio::time::sleep(self.real_duration(instant - self.now())).await;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_scaled_clock_runs_at_its_rate() {
        let clock = Clock::parse("1000:500000:60").unwrap();
        let real = DateTime::from_timestamp_millis(3000).unwrap();
        assert_eq!(clock.at(real).timestamp_millis(), 500_000 + 2_000 * 60);
        assert_eq!(clock.real_duration(TimeDelta::seconds(60)), Duration::from_secs(1));
    }

    #[test]
    fn a_shifted_clock_keeps_its_pace() {
        let real = DateTime::from_timestamp_millis(1_700_000_000_123).unwrap();
        let hour = TimeDelta::hours(1);
        assert_eq!(Clock::Real.shifted(-hour).at(real), real - hour);
        let fast = Clock::parse("1000:500000:60").unwrap();
        assert_eq!(fast.shifted(hour).at(real), fast.at(real) + hour);
    }

    #[test]
    fn a_clock_that_would_stand_still_is_refused() {
        for text in ["", "1:2", "1:2:0", "1:2:-1", "1:2:inf", "a:2:1", "1:2:3:4"] {
            assert!(Clock::parse(text).is_err(), "{text}");
        }
    }
}
