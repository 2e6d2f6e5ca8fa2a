//! When a job runs next: pure.

use chrono::{DateTime, TimeDelta, Utc};
use cron::Schedule;

/// The first retry comes after an eighth of the interval, at most after this long.
const FIRST_RETRY: TimeDelta = TimeDelta::seconds(30);
/// Retries of a job that is not due again come at most this far apart.
const LAST_RETRY: TimeDelta = TimeDelta::hours(1);

/// The instant after the one that was `due`, in the future of `now`; `None` when the schedule has ended.
///
/// A timer that fires early must not run the same instant twice, yet a clock that was set back must not stop the job
/// until it has caught up.
pub(super) fn next(schedule: &Schedule, due: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let early = due > now && interval(schedule, now).is_some_and(|interval| due - now < interval);
    schedule.after(if early { &due } else { &now }).next()
}

/// How far the next two instants after `at` are apart.
pub(super) fn interval(schedule: &Schedule, at: DateTime<Utc>) -> Option<TimeDelta> {
    let mut instants = schedule.after(&at);
    let first = instants.next()?;
    Some(instants.next()? - first)
}

/// When to try again after `failures` in a row; `None` when the job is due before that.
///
/// The delay doubles from an eighth of the interval, so a long outage costs three more runs and then only those that
/// the schedule asks for: a run of a metrics job costs money whether it delivers or not. `jitter` is in 0..1 and takes
/// up to half of the delay away, so that jobs that failed together do not all come back together.
pub(super) fn retry_at(
    now: DateTime<Utc>,
    failures: u32,
    next: Option<DateTime<Utc>>,
    interval: Option<TimeDelta>,
    jitter: f64,
) -> Option<DateTime<Utc>> {
    let first = interval.map_or(FIRST_RETRY, |interval| (interval / 8).min(FIRST_RETRY));
    let doubled = first.checked_mul(1 << failures.saturating_sub(1).min(16)).unwrap_or(LAST_RETRY);
    let at = now + doubled.min(LAST_RETRY);
    if next.is_some_and(|next| next <= at) {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "an hour of milliseconds is far below 2^52")]
    #[expect(clippy::cast_possible_truncation, reason = "float to integer casts saturate")]
    let sooner = ((at - now).num_milliseconds() as f64 / 2.0 * jitter) as i64;
    Some(at - TimeDelta::milliseconds(sooner))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::str::FromStr;

    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-01-01T{text}Z").parse().unwrap()
    }

    fn minutely() -> Schedule {
        Schedule::from_str("20 * * * * *").unwrap()
    }

    #[test]
    fn the_next_instant_is_ahead_of_now() {
        let next = |due, now| next(&minutely(), at(due), at(now)).unwrap();
        assert_eq!(next("10:00:20", "10:00:20"), at("10:01:20"));
        assert_eq!(next("10:00:20", "10:05:50"), at("10:06:20"), "what was missed is not made up for");
        assert_eq!(next("10:00:20", "10:00:19"), at("10:01:20"), "the timer fired a second early");
        assert_eq!(next("10:00:20", "09:00:00"), at("09:00:20"), "the clock was set back");
    }

    #[test]
    fn a_schedule_that_has_ended_has_no_next_instant() {
        let ended = Schedule::from_str("0 0 0 1 1 * 2020").unwrap();
        assert_eq!(next(&ended, at("10:00:00"), at("10:00:00")), None);
        assert_eq!(interval(&ended, at("10:00:00")), None);
    }

    #[test]
    fn retries_back_off_and_give_way_to_the_schedule() {
        let retry = |failures, now| {
            retry_at(at(now), failures, Some(at("10:01:20")), Some(TimeDelta::seconds(60)), 0.0)
                .map(|again| (again - at(now)).num_milliseconds())
        };
        assert_eq!(retry(1, "10:00:20"), Some(7_500));
        assert_eq!(retry(2, "10:00:28"), Some(15_000));
        assert_eq!(retry(3, "10:00:43"), Some(30_000));
        assert_eq!(retry(4, "10:01:13"), None);
        assert_eq!(retry(4, "10:00:20"), None);
        let daily = Some(TimeDelta::days(1));
        assert_eq!(retry_at(at("00:00:00"), 1, None, daily, 0.0), Some(at("00:00:30")));
        assert_eq!(retry_at(at("00:00:00"), u32::MAX, None, daily, 0.0), Some(at("01:00:00")));
    }

    proptest! {
        #[test]
        fn for_all_failures_a_retry_lies_between_now_and_the_next_instant(
            failures in 1_u32.., jitter in 0.0..1.0_f64, wait in 1_i64..100_000, interval in 1_i64..100_000
        ) {
            let now = at("10:00:00");
            let next = now + TimeDelta::seconds(wait);
            if let Some(again) = retry_at(now, failures, Some(next), Some(TimeDelta::seconds(interval)), jitter) {
                prop_assert!(now < again && again < next);
            }
        }
    }
}
