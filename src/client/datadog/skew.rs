//! How far our clock is from Datadog's, by the `Date` of its answers.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// A clock that is further off writes false data: Datadog takes points that are at most 10 minutes ahead, and AWS
/// refuses signatures that are 5 minutes off.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
pub const MAX_SKEW: TimeDelta = TimeDelta::minutes(5);

/// For so long a measurement holds, by our own clock. A clock that is set while we run makes it look old, or newer than
/// now.
const HOLDS: TimeDelta = TimeDelta::minutes(5);

/// What one answer told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skew {
    /// How far our clock is ahead; negative when it is behind.
    pub ahead: TimeDelta,
    /// By our clock.
    measured_at: DateTime<Utc>,
}

impl Skew {
    /// Whether our clock is more than [`MAX_SKEW`] off.
    #[must_use]
    pub fn is_too_far(&self) -> bool {
        self.ahead.abs() > MAX_SKEW
    }

    /// Whether it still tells something at `now`.
    pub(super) fn holds(&self, now: DateTime<Utc>) -> bool {
        (TimeDelta::zero()..HOLDS).contains(&(now - self.measured_at))
    }

    /// In words, to the minute, for example `1h behind`.
    #[must_use]
    pub fn words(&self) -> String {
        let minutes = (self.ahead.num_seconds().unsigned_abs() + 30) / 60;
        let span = humantime::format_duration(std::time::Duration::from_secs(minutes * 60));
        format!("{span} {}", if self.ahead < TimeDelta::zero() { "behind" } else { "ahead of" })
    }
}

/// The newest measurement, shared by the clones of a client.
#[derive(Debug, Clone, Default)]
pub(super) struct Newest(Arc<Mutex<Option<Skew>>>);

impl Newest {
    pub(super) fn get(&self) -> Option<Skew> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the `Date` of an answer to a request that was sent and answered at these instants of our clock. An answer
    /// without one tells nothing.
    pub(super) fn note(&self, date: Option<&str>, sent: DateTime<Utc>, answered: DateTime<Utc>) {
        let Some(date) = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()) else { return };
        let skew = Skew { ahead: ahead(date.to_utc(), sent, answered), measured_at: answered };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(skew);
    }
}

/// Datadog wrote `date`, in whole seconds, at some instant between `sent` and `answered`: only what lies outside counts,
/// so that neither a slow answer nor a clock that runs fast looks like a wrong one.
fn ahead(date: DateTime<Utc>, sent: DateTime<Utc>, answered: DateTime<Utc>) -> TimeDelta {
    let end_of_second = date + TimeDelta::seconds(1);
    if end_of_second < sent {
        sent - date
    } else if date > answered {
        answered - date
    } else {
        TimeDelta::zero()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    fn measured(date: i64, sent: i64, answered: i64) -> Skew {
        let newest = Newest::default();
        let date = at(date).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        newest.note(Some(&date), at(sent), at(answered));
        newest.get().unwrap()
    }

    #[test]
    fn only_what_lies_outside_of_the_request_counts() {
        assert_eq!(measured(0, 0, 30).ahead, TimeDelta::zero());
        assert_eq!(measured(30, 0, 30).ahead, TimeDelta::zero());
        assert_eq!(measured(0, 3600, 3601).words(), "1h ahead of");
        assert_eq!(measured(3630, 0, 30).words(), "1h behind");
        assert!(measured(3630, 0, 30).is_too_far());
        assert!(!measured(0, 300, 301).is_too_far());
    }

    #[test]
    fn a_clock_that_is_set_makes_what_was_measured_worthless() {
        let skew = measured(0, 0, 0);
        assert!(skew.holds(at(299)));
        assert!(!skew.holds(at(300)));
        assert!(!skew.holds(at(-1)));
    }

    #[test]
    fn an_answer_without_a_date_tells_nothing() {
        let newest = Newest::default();
        newest.note(None, at(0), at(0));
        newest.note(Some("yesterday"), at(0), at(0));
        assert_eq!(newest.get(), None);
    }
}
