//! A clock that is wrong asks for wrong minutes, fills in zeros that are not true and commits what was never read. So no
//! job starts before our clock has been compared with Datadog's.

use std::time::{Duration, Instant};

use super::{Failure, Jobs};
use crate::client::datadog::Skew;
use crate::clock::Clock;
use crate::telemetry::Name;

/// No job waits longer than this for Datadog's time.
const PATIENCE: Duration = Duration::from_secs(5);
/// While Datadog does not answer, it is asked so seldom, or every job of every account would wait in turn.
const PAUSE: Duration = Duration::from_secs(30);

impl Jobs {
    /// Fails while our clock is known to be wrong. Asks Datadog when nothing is known, or what is known is bad or old;
    /// when Datadog cannot be asked, its silence is met again at the delivery, and nothing is committed either.
    pub(super) async fn compare_clocks(&self) -> Result<(), Failure> {
        let mut unanswered = self.comparing.lock().await;
        let again = unanswered.is_none_or(|asked| asked.elapsed() > PAUSE);
        if again && (!self.datadog.skew_holds() || self.clock_is_right().is_err()) {
            let tags = [("api", "datadog"), ("operation", "validate")];
            self.telemetry.record(Name::ApiRequests, &tags, 1.0);
            match tokio::time::timeout(PATIENCE, self.datadog.validate()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "asked for the time"),
                Err(_) => tracing::debug!("asked for the time, no answer"),
            }
            *unanswered = (!self.datadog.skew_holds()).then(Instant::now);
        }
        self.clock_is_right()
    }

    /// Our clock; while it is known to be wrong, set to Datadog's. Only what this program says about itself is sent by
    /// it, so that somebody sees it.
    pub(super) fn corrected_clock(&self) -> Clock {
        let skew = self.datadog.skew().filter(Skew::is_too_far);
        skew.map_or(self.clock, |skew| self.clock.shifted(-skew.ahead))
    }

    /// Fails when the newest answer of Datadog said that our clock is wrong.
    pub(super) fn clock_is_right(&self) -> Result<(), Failure> {
        match self.datadog.skew().filter(Skew::is_too_far) {
            None => Ok(()),
            Some(skew) => Err(Failure {
                message: format!(
                    "this machine's clock is {} Datadog's; correct it (NTP): nothing is read or committed meanwhile",
                    skew.words()
                ),
                tag: "clock",
                retriable: true,
                fatal: false,
            }),
        }
    }
}
