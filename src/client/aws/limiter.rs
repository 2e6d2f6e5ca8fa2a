//! The quota of one account in one region, shared by every job that asks it.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::config::settings::Limits;

/// Requests and points a second. Every attempt passes, retries too.
pub(super) struct Limiter {
    requests: DefaultDirectRateLimiter,
    points: DefaultDirectRateLimiter,
    points_burst: NonZeroU32,
}

impl Limiter {
    pub(super) fn new(limits: &Limits) -> Self {
        let per_second = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let points_burst = per_second(limits.points_per_second);
        Self {
            requests: RateLimiter::direct(Quota::per_second(per_second(limits.requests_per_second))),
            points: RateLimiter::direct(Quota::per_second(points_burst)),
            points_burst,
        }
    }

    /// Waits until one more request for `points` points is within the quota.
    pub(super) async fn admit(&self, points: u32) {
        if let Some(points) = NonZeroU32::new(points) {
            // A request beyond the burst could never pass; it waits for the whole burst instead. That cannot fail.
            let _admitted = self.points.until_n_ready(points.min(self.points_burst)).await;
        }
        self.requests.until_ready().await;
    }
}
