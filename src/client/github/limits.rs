//! GitHub's two limits, and how long to wait for them.
//!
//! <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit>

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::error::Limit;

/// "Wait for at least one minute before retrying", then for exponentially longer.
const UNTOLD_SECONDS: i64 = 60;

/// What is waited at least where GitHub says until when: its clock is not ours.
const LEAST_SECONDS: i64 = 1;

/// The most that a doubled wait grows to.
const MOST_DOUBLINGS: u32 = 6;

/// How the hour stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Requests that are left.
    pub remaining: u64,
    /// When there are all of them again.
    pub reset: DateTime<Utc>,
}

impl Quota {
    /// As any answer tells it.
    pub(super) fn told(headers: &HeaderMap) -> Option<Self> {
        let remaining = number(headers, "x-ratelimit-remaining")?;
        let reset = DateTime::from_timestamp(number(headers, "x-ratelimit-reset")?, 0)?;
        Some(Self { remaining: u64::try_from(remaining).ok()?, reset })
    }
}

/// A time until which GitHub wants to be left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closed {
    pub(super) limit: Limit,
    pub(super) until: DateTime<Utc>,
}

/// What a 403 or a 429 says of the limits; nothing when it is about something else. `refusals` were there in a row before.
pub(super) fn refusal(
    status: u16,
    headers: &HeaderMap,
    answer: &str,
    now: DateTime<Utc>,
    refusals: u32,
) -> Option<Closed> {
    if !matches!(status, 403 | 429) {
        return None;
    }
    let after = |seconds: i64| now + TimeDelta::seconds(seconds << refusals.min(MOST_DOUBLINGS));
    if let Some(seconds) = number(headers, RETRY_AFTER.as_str()).filter(|seconds| (0..=86_400).contains(seconds)) {
        let until = (now + TimeDelta::seconds(seconds)).max(after(LEAST_SECONDS));
        return Some(Closed { limit: Limit::Secondary, until });
    }
    if let Some(quota) = Quota::told(headers).filter(|quota| quota.remaining == 0) {
        return Some(Closed { limit: Limit::Primary, until: quota.reset.max(after(LEAST_SECONDS)) });
    }
    let says_so = answer.to_ascii_lowercase().contains("secondary rate limit");
    (status == 429 || says_so).then(|| Closed { limit: Limit::Secondary, until: after(UNTOLD_SECONDS) })
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn closed(status: u16, pairs: &[(&str, i64)], answer: &str, refusals: u32) -> Option<(Limit, i64)> {
        let pair = |(name, value): &(&str, i64)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from(*value));
        let headers: HeaderMap = pairs.iter().map(pair).collect();
        let now = DateTime::from_timestamp(NOW, 0).unwrap();
        refusal(status, &headers, answer, now, refusals)
            .map(|closed| (closed.limit, (closed.until - now).num_seconds()))
    }

    #[test]
    fn each_form_of_a_refusal_is_told_from_a_missing_permission() {
        let (left, reset) = ("x-ratelimit-remaining", "x-ratelimit-reset");
        assert_eq!(closed(403, &[(left, 0), (reset, NOW + 1_800)], "", 0), Some((Limit::Primary, 1_800)));
        assert_eq!(
            closed(429, &[("retry-after", 7), (left, 4_000), (reset, NOW + 9)], "", 0),
            Some((Limit::Secondary, 7))
        );
        let secondary = "You have exceeded a secondary rate limit.";
        assert_eq!(closed(403, &[(left, 4_000), (reset, NOW + 9)], secondary, 0), Some((Limit::Secondary, 60)));
        assert_eq!(closed(429, &[], "", 2), Some((Limit::Secondary, 240)));
        assert_eq!(closed(403, &[(left, 4_000), (reset, NOW + 9)], "Resource not accessible", 0), None);
        assert_eq!(closed(500, &[("retry-after", 7)], "", 0), None);
    }

    #[test]
    fn a_clock_that_differs_makes_no_busy_loop() {
        let headers = [("x-ratelimit-remaining", 0), ("x-ratelimit-reset", NOW - 5)];
        let waits: Vec<_> = (0..3).map(|refusals| closed(403, &headers, "", refusals).unwrap().1).collect();
        assert_eq!(waits, [1, 2, 4]);
    }
}
