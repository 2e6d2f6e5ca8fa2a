//! Asks again what may be asked again, until it is answered or time is up.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use chrono::TimeDelta;
use tokio::time::{Instant, timeout_at};

use crate::client::datadog::{Address, Client, SendError};
use crate::clock::Clock;
use crate::config::settings::Datadog;

/// Waits between attempts, before jitter.
const MIN_BACK_OFF: TimeDelta = TimeDelta::seconds(1);
const MAX_BACK_OFF: TimeDelta = TimeDelta::seconds(30);

/// Ends the attempts where a clock runs so fast that the deadline would not.
const MAX_RETRIES: usize = 20;

/// So many requests are sent for a person before it is told that nobody answers: most likely the address is wrong.
const FIRST_ATTEMPTS: usize = 4;

/// Whom we talk to, and until when. One request has the client's own time-out beside that.
#[derive(Debug, Clone, Copy)]
pub struct Session<'a> {
    pub(super) client: &'a Client,
    pub(super) settings: &'a Datadog,
    pub(super) clock: Clock,
    deadline: Instant,
    within: Duration,
    patient: bool,
}

impl<'a> Session<'a> {
    /// A session that ends `within` that time.
    #[must_use]
    pub fn new(client: &'a Client, settings: &'a Datadog, clock: Clock, within: Duration) -> Self {
        Self { client, settings, clock, deadline: Instant::now() + within, within, patient: true }
    }

    /// The same session for a person who waits: while there has been no answer at all, few attempts are made.
    #[must_use]
    pub fn for_a_person(self) -> Self {
        Self { patient: false, ..self }
    }

    /// Sends again what may have failed for a moment: nothing but requests that are the same when they come twice.
    pub(super) async fn persist<T, F>(&self, send: impl Fn() -> F) -> Result<T, SendError>
    where
        F: Future<Output = Result<T, SendError>>,
    {
        let mut attempts = 0;
        let answer = (|| self.once(send()))
            .retry(self.back_off())
            .when(SendError::is_retriable)
            .adjust(|error, planned| {
                attempts += 1;
                let in_vain = attempts >= FIRST_ATTEMPTS && self.may_be_misaddressed(error);
                if in_vain { None } else { self.pause(error, planned?) }
            })
            .await;
        answer.map_err(|error| match error {
            SendError::Unreachable { base_url, reason } if attempts == FIRST_ATTEMPTS && !self.patient => {
                SendError::Unreachable { base_url, reason: format!("{reason}, {attempts} times of {attempts}") }
            }
            error => error,
        })
    }

    /// Whether the error may be one of the address.
    fn may_be_misaddressed(&self, error: &SendError) -> bool {
        !self.patient && !self.client.has_been_answered() && matches!(error, SendError::Unreachable { .. })
    }

    /// One request, given up when time is up.
    pub(super) async fn once<T>(&self, sent: impl Future<Output = Result<T, SendError>>) -> Result<T, SendError> {
        timeout_at(self.deadline, sent).await.unwrap_or_else(|_| {
            let base_url = Address::of_api(&self.settings.base_url);
            let reason = format!("no answer before the {} were over", humantime::format_duration(self.within));
            Err(SendError::Unreachable { base_url, reason })
        })
    }

    pub(super) fn back_off(&self) -> ExponentialBuilder {
        ExponentialBuilder::new()
            .with_min_delay(self.clock.real_duration(MIN_BACK_OFF))
            .with_max_delay(self.clock.real_duration(MAX_BACK_OFF))
            .with_max_times(MAX_RETRIES)
    }

    /// How long to wait before the next attempt: at least as long as Datadog asked for. `None` gives up: time would be
    /// up.
    pub(super) fn pause(&self, error: &SendError, planned: Duration) -> Option<Duration> {
        let asked = error.retry_after().and_then(|asked| TimeDelta::from_std(asked).ok()).unwrap_or_default();
        let jitter = 0.5 + rand::random::<f64>() / 2.0;
        let wait = planned.mul_f64(jitter).max(self.clock.real_duration(asked));
        (Instant::now() + wait < self.deadline).then_some(wait)
    }

    /// Words for time being up, when it is.
    pub(super) fn over(&self) -> Option<String> {
        (Instant::now() >= self.deadline)
            .then(|| format!("the {} it was given were over", humantime::format_duration(self.within)))
    }
}
