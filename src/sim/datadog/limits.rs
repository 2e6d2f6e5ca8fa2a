//! How many requests an operation may get in a window of time.
//!
//! Every answer tells it: <https://docs.datadoghq.com/api/latest/rate-limits/>.

use std::collections::BTreeMap;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::super::{RateLimit, Shared};

/// Requests by operation in the window that they came in, which is told by its number.
pub(in crate::sim) type Used = BTreeMap<String, (i64, u64)>;

/// How an operation stands with its limit after one more request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    limit: RateLimit,
    used: u64,
    /// Seconds until the next window.
    reset: i64,
}

impl Standing {
    /// Counts a request that comes at `now`, Unix milliseconds.
    fn after_one_more(used: &mut Used, operation: &str, limit: RateLimit, now: i64) -> Self {
        let length = i64::from(limit.seconds.max(1)) * 1_000;
        let window = now.div_euclid(length);
        let (since, count) = used.entry(operation.to_owned()).or_default();
        if *since != window {
            (*since, *count) = (window, 0);
        }
        *count += 1;
        // Rounded up: who comes back after so many seconds finds a new window.
        Self { limit, used: *count, reset: ((window + 1) * length - now + 999) / 1_000 }
    }

    pub(super) fn over(&self) -> bool {
        self.used > self.limit.requests
    }

    pub(super) fn headers(&self, operation: &str) -> [(&'static str, String); 5] {
        [
            ("X-RateLimit-Limit", self.limit.requests.to_string()),
            ("X-RateLimit-Period", self.limit.seconds.to_string()),
            ("X-RateLimit-Remaining", self.limit.requests.saturating_sub(self.used).to_string()),
            ("X-RateLimit-Reset", self.reset.to_string()),
            ("X-RateLimit-Name", operation.to_owned()),
        ]
    }
}

impl Shared {
    /// Counts a request to `operation` of another service, and says whether it is over that one's limit.
    pub(in crate::sim) fn exceeds(&self, operation: &str, limit: RateLimit) -> bool {
        let now = self.options.clock.now().timestamp_millis();
        Standing::after_one_more(&mut self.limits(), operation, limit, now).over()
    }

    /// Counts a request to `operation`.
    pub(super) fn standing(&self, operation: &str) -> Standing {
        let (limit, now) = (self.options.rate_limit, self.options.clock.now().timestamp_millis());
        Standing::after_one_more(&mut self.limits(), operation, limit, now)
    }
}

/// The refusal that a fault asks for.
pub(super) fn refusal(operation: &str) -> Response {
    let limit = RateLimit { requests: 100, seconds: 60 };
    let standing = Standing { limit, used: limit.requests + 1, reset: 1 };
    let refusal = super::refuse(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded");
    (standing.headers(operation), refusal).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_used_up_and_the_next_one_is_new() {
        let (mut used, limit) = (Used::new(), RateLimit { requests: 2, seconds: 10 });
        let mut at = |now, operation: &str| {
            let standing = Standing::after_one_more(&mut used, operation, limit, now);
            (standing.over(), standing.headers(operation)[2].1.clone(), standing.reset)
        };
        assert_eq!(at(20_000, "a"), (false, "1".to_owned(), 10));
        assert_eq!(at(29_001, "a"), (false, "0".to_owned(), 1));
        assert_eq!(at(29_999, "a"), (true, "0".to_owned(), 1));
        assert_eq!(at(29_999, "b"), (false, "1".to_owned(), 1), "each operation has its own");
        assert_eq!(at(30_000, "a"), (false, "1".to_owned(), 10));
    }
}
