//! How many requests an hour GitHub answers, and its refusals.
//!
//! <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};

use super::{RateLimit, refuse};

type Headers = [(&'static str, String); 5];

/// Requests in the window that they came in, which is told by its number.
#[derive(Debug, Default)]
pub(super) struct Used {
    window: i64,
    count: u64,
}

impl Used {
    fn turn(&mut self, limit: RateLimit, now: DateTime<Utc>) -> i64 {
        let length = i64::from(limit.seconds.max(1));
        let window = now.timestamp().div_euclid(length);
        if window != self.window {
            *self = Self { window, count: 0 };
        }
        (window + 1) * length
    }

    /// What is said when the hour is used up.
    pub(super) fn refusal(&mut self, limit: RateLimit, now: DateTime<Utc>) -> Option<Response> {
        let reset = self.turn(limit, now);
        (self.count >= limit.requests).then(|| used_up(limit, now, u64::try_from(reset - now.timestamp()).unwrap_or(0)))
    }

    /// Counts an answer, unless it was free, and says how things stand.
    pub(super) fn count(&mut self, limit: RateLimit, now: DateTime<Utc>, free: bool) -> Headers {
        let reset = self.turn(limit, now);
        self.count += u64::from(!free);
        headers(limit, self.count, reset)
    }
}

fn headers(limit: RateLimit, used: u64, reset: i64) -> Headers {
    [
        ("x-ratelimit-limit", limit.requests.to_string()),
        ("x-ratelimit-remaining", limit.requests.saturating_sub(used).to_string()),
        ("x-ratelimit-used", used.to_string()),
        ("x-ratelimit-reset", reset.to_string()),
        ("x-ratelimit-resource", "core".to_owned()),
    ]
}

/// The refusal of an hour that is used up and begins anew after `seconds`.
pub(super) fn used_up(limit: RateLimit, now: DateTime<Utc>, seconds: u64) -> Response {
    let reset = now.timestamp() + i64::try_from(seconds).unwrap_or(0);
    let refusal = refuse(StatusCode::FORBIDDEN, "API rate limit exceeded for user ID 501.");
    (headers(limit, limit.requests, reset), refusal).into_response()
}

/// The refusal of a burst, with or without a hint.
pub(super) fn burst(status: StatusCode, after: Option<u64>) -> Response {
    let refusal =
        refuse(status, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.");
    match after {
        Some(seconds) => ([("retry-after", seconds.to_string())], refusal).into_response(),
        None => refusal,
    }
}
