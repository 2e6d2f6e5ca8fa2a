//! How many requests Datadog still takes, as its answers say.
//!
//! Each answer names its limit and tells what is left of it (<https://docs.datadoghq.com/api/latest/rate-limits/>):
//! `X-RateLimit-Name`, `-Limit`, `-Period`, `-Remaining`, and `-Reset`, the seconds until the next window. Several
//! endpoints may share one limit, so each is known by the name that its answers give; until the first answer nothing
//! waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::time::{Instant, sleep_until};

use crate::client::datadog::error;

/// Two answers of one window may differ by so much in when it ends: `X-RateLimit-Reset` is in whole seconds.
const SAME_WINDOW: Duration = Duration::from_secs(1);

/// What is asked: a method, a path, and whether an id follows it.
pub(super) type Endpoint = (reqwest::Method, &'static str, bool);

/// Shared by the clones of a client.
#[derive(Debug, Clone, Default)]
pub(super) struct Limiter(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// The limit that each endpoint counts against.
    names: HashMap<Endpoint, String>,
    windows: HashMap<String, Window>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    remaining: u64,
    ends: Instant,
}

impl Limiter {
    /// Waits until one more request to `endpoint` is within its limit. `Err` says how long that would take, when it is
    /// longer than `patience`: whoever waits without a word for an hour is taken for dead.
    pub(super) async fn admit(&self, endpoint: &Endpoint, patience: Duration) -> Result<(), Duration> {
        loop {
            let now = Instant::now();
            let Some(until) = self.with(|known| known.admit(endpoint, now)) else { return Ok(()) };
            let wait = until - now;
            if wait > patience {
                return Err(wait);
            }
            sleep_until(until).await;
        }
    }

    /// Notes what an answer told. `real` makes a span of Datadog's time one of the machine's.
    pub(super) fn note(
        &self,
        endpoint: &Endpoint,
        status: u16,
        headers: &HeaderMap,
        real: impl Fn(Duration) -> Duration,
    ) {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        let name = headers.get("x-ratelimit-name").and_then(|name| name.to_str().ok());
        // A refused request tells that nothing is left, whatever else it says.
        let remaining = if status == 429 { Some(0) } else { number("x-ratelimit-remaining") };
        let ends = error::retry_after(headers).map(|reset| Instant::now() + real(reset));
        self.with(|known| {
            let name = name.map_or_else(|| known.name(endpoint), str::to_owned);
            known.names.insert(endpoint.clone(), name.clone());
            if let (Some(remaining), Some(ends)) = (remaining, ends) {
                known.note(name, Window { remaining, ends }, real(SAME_WINDOW));
            }
        });
    }

    fn with<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Known {
    /// Takes one request out of the window, or says when to ask again.
    fn admit(&mut self, endpoint: &Endpoint, now: Instant) -> Option<Instant> {
        let name = self.name(endpoint);
        let window = self.windows.get_mut(&name)?;
        if window.ends <= now {
            self.windows.remove(&name);
            return None;
        }
        match window.remaining.checked_sub(1) {
            Some(left) => {
                window.remaining = left;
                None
            }
            None => Some(window.ends),
        }
    }

    /// An answer may be older than what was taken since: within one window only the lower number counts.
    fn note(&mut self, name: String, told: Window, slack: Duration) {
        let known = self.windows.entry(name).or_insert(told);
        if told.ends <= known.ends + slack {
            *known = Window { remaining: known.remaining.min(told.remaining), ends: known.ends.max(told.ends) };
        } else {
            *known = told;
        }
    }

    /// An endpoint that names no limit has one of its own.
    fn name(&self, endpoint: &Endpoint) -> String {
        let (method, path, id) = endpoint;
        self.names.get(endpoint).cloned().unwrap_or_else(|| format!("{method} {path} {id}"))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use reqwest::Method;

    use super::*;

    const WRITE: Endpoint = (Method::PUT, "/api/v1/slo", true);
    const CREATE: Endpoint = (Method::POST, "/api/v1/slo", false);
    const READ: Endpoint = (Method::GET, "/api/v1/slo", true);

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn note(limiter: &Limiter, endpoint: &Endpoint, status: u16, name: &str, remaining: &str, reset: &str) {
        let told = [("x-ratelimit-name", name), ("x-ratelimit-remaining", remaining), ("x-ratelimit-reset", reset)];
        limiter.note(endpoint, status, &headers(&told), |span| span);
    }

    fn waits(limiter: &Limiter, endpoint: &Endpoint, after: Duration) -> bool {
        limiter.with(|known| known.admit(endpoint, Instant::now() + after)).is_some()
    }

    #[test]
    fn what_is_left_is_used_and_no_more_until_the_window_ends() {
        let limiter = Limiter::default();
        assert!(!waits(&limiter, &WRITE, Duration::ZERO));
        note(&limiter, &WRITE, 200, "slo_write", "2", "10");
        assert!(!waits(&limiter, &WRITE, Duration::ZERO));
        assert!(!waits(&limiter, &WRITE, Duration::ZERO));
        assert!(waits(&limiter, &WRITE, Duration::ZERO));
        assert!(!waits(&limiter, &READ, Duration::ZERO), "another limit");
        assert!(!waits(&limiter, &WRITE, Duration::from_secs(11)));
    }

    #[test]
    fn endpoints_of_one_name_share_its_limit() {
        let limiter = Limiter::default();
        note(&limiter, &CREATE, 200, "slo_write", "5", "10");
        note(&limiter, &WRITE, 200, "slo_write", "0", "10");
        assert!(waits(&limiter, &CREATE, Duration::ZERO));
    }

    #[test]
    fn an_answer_that_was_overtaken_gives_nothing_back() {
        let limiter = Limiter::default();
        note(&limiter, &WRITE, 200, "slo_write", "1", "10");
        assert!(!waits(&limiter, &WRITE, Duration::ZERO));
        note(&limiter, &WRITE, 200, "slo_write", "3", "10");
        assert!(waits(&limiter, &WRITE, Duration::ZERO));
        note(&limiter, &WRITE, 200, "slo_write", "3", "60");
        assert!(!waits(&limiter, &WRITE, Duration::ZERO), "the next window");
    }

    #[test]
    fn a_refusal_waits_even_without_a_name_or_a_count() {
        let limiter = Limiter::default();
        limiter.note(&WRITE, 429, &headers(&[("retry-after", "7")]), |span| span);
        assert!(waits(&limiter, &WRITE, Duration::from_secs(6)));
        assert!(!waits(&limiter, &WRITE, Duration::from_secs(8)));
        assert!(!waits(&limiter, &READ, Duration::ZERO));
    }

    #[tokio::test]
    async fn admission_comes_when_the_window_ends_by_a_clock_that_may_run_fast() {
        let limiter = Limiter::default();
        let told = headers(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "10")]);
        let start = Instant::now();
        limiter.note(&WRITE, 200, &told, |span| span / 100);
        assert!(!limiter.admit(&WRITE, Duration::ZERO).await.unwrap_err().is_zero(), "nobody waits longer than that");
        limiter.admit(&WRITE, Duration::MAX).await.unwrap();
        assert!((100..5_000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    }
}
