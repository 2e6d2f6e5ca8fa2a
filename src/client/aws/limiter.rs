//! The quota of one account in one region, shared by every job that asks it.

use std::num::NonZeroU32;
use std::time::Duration;

use chrono::TimeDelta;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::clock::Clock;
use crate::config::settings::{Limits, Logs};

/// Requests and points a second, and `FilterLogEvents` by itself. Every attempt passes, retries too.
pub(super) struct Limiter {
    requests: DefaultDirectRateLimiter,
    points: DefaultDirectRateLimiter,
    points_burst: NonZeroU32,
    events: DefaultDirectRateLimiter,
}

impl Limiter {
    pub(super) fn new(limits: &Limits, logs: &Logs, clock: Clock) -> Self {
        let per_second = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let points_burst = per_second(limits.points_per_second);
        Self {
            requests: RateLimiter::direct(Quota::per_second(per_second(limits.requests_per_second))),
            points: RateLimiter::direct(Quota::per_second(points_burst)),
            points_burst,
            events: RateLimiter::direct(one_by_one(logs.requests_per_second, clock)),
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

    /// Waits until one more `FilterLogEvents` is within the quota.
    pub(super) async fn admit_events(&self) {
        self.events.until_ready().await;
    }
}

/// So many a second of `clock`, at even distances: with a burst, the first second would have nearly twice as many.
fn one_by_one(per_second: u32, clock: Clock) -> Quota {
    let distance = TimeDelta::seconds(1) / i32::try_from(per_second.max(1)).unwrap_or(i32::MAX);
    let distance = clock.real_duration(distance).max(Duration::from_nanos(1));
    let quota = Quota::with_period(distance).unwrap_or(Quota::per_second(NonZeroU32::MIN));
    quota.allow_burst(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_for_events_keep_their_distance_by_the_clock() {
        let scaled = Clock::Scaled { real_origin_ms: 0, sim_origin_ms: 0, rate: 100.0 };
        for (per_second, clock, millis) in [(3, Clock::Real, 333.0), (0, Clock::Real, 1_000.0), (5, scaled, 2.0)] {
            let quota = one_by_one(per_second, clock);
            let distance = quota.replenish_interval().as_secs_f64() * 1_000.0;
            assert!((distance - millis).abs() < 1.0, "{per_second}: {distance} ms");
            assert_eq!(quota.burst_size(), NonZeroU32::MIN);
        }
    }
}
