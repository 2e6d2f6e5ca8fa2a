//! A clock that can run fast, and that another process can follow.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderValue, header::DATE},
    response::Response,
};
use chrono::{DateTime, Utc};

use super::Shared;

/// A moment of real time, a moment of simulated time, and how many simulated seconds pass in a real one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    /// Real origin, Unix milliseconds.
    real: i64,
    /// Simulated origin, Unix milliseconds.
    simulated: i64,
    rate: f64,
}

impl Clock {
    /// The machine's own time.
    #[must_use]
    pub fn real() -> Self {
        Self { real: 0, simulated: 0, rate: 1.0 }
    }

    /// Starts at `origin` now and runs `rate` times as fast as the machine's time.
    #[must_use]
    pub fn scaled(origin: DateTime<Utc>, rate: f64) -> Self {
        Self { real: Utc::now().timestamp_millis(), simulated: origin.timestamp_millis(), rate }
    }

    /// The simulated time, to the millisecond.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.at(Utc::now())
    }

    /// The simulated time at the real time `real`.
    #[must_use]
    pub fn at(&self, real: DateTime<Utc>) -> DateTime<Utc> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "milliseconds of a few thousand years fit the 52 bits of a double"
        )]
        let passed = ((real.timestamp_millis() - self.real) as f64 * self.rate) as i64;
        DateTime::from_timestamp_millis(self.simulated + passed).unwrap_or(real)
    }

    /// `REAL_MS:SIM_MS:RATE`: what the variable `DDSYNC_CLOCK` holds for a child process that follows this clock.
    #[must_use]
    pub fn to_env(&self) -> String {
        format!("{}:{}:{}", self.real, self.simulated, self.rate)
    }
}

/// Says the simulated time on an answer, as every server does with its own.
pub(super) async fn date(State(shared): State<Arc<Shared>>, mut answer: Response) -> Response {
    let now = shared.options.clock.now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(now) = HeaderValue::try_from(now) {
        answer.headers_mut().insert(DATE, now);
    }
    answer
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn runs_at_its_rate_from_its_origin() {
        let origin = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let clock = Clock::scaled(origin, 60.0);
        let start = DateTime::from_timestamp_millis(clock.real).unwrap();
        assert_eq!(clock.at(start), origin);
        let later = clock.at(start + chrono::TimeDelta::seconds(2));
        assert_eq!((later - origin).num_seconds(), 120);
    }

    #[test]
    fn the_real_clock_is_the_machines() {
        let now = Utc::now();
        assert_eq!(Clock::real().at(now).timestamp_millis(), now.timestamp_millis());
        assert_eq!(Clock::real().to_env(), "0:0:1");
    }
}
