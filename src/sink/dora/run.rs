//! Requests of one delivery: many at once, each tried again as long as that is harmless, and none once all would fail.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use chrono::TimeDelta;
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use crate::client::datadog::{Address, Client, SendError};
use crate::clock::Clock;

/// Requests under way at once.
const CONCURRENCY: usize = 8;

/// Waits between attempts, before jitter.
const MIN_BACK_OFF: TimeDelta = TimeDelta::seconds(2);
const MAX_BACK_OFF: TimeDelta = TimeDelta::seconds(64);

/// Ends the retries of one request where a clock runs so fast that the deadline would not.
const MAX_RETRIES: usize = 8;

/// So many failures of the server in a row, and the rest waits for the next delivery.
const MAX_FAILURES: usize = 4;

/// What an error means for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    /// This one is wrong, and stays so.
    One,
    /// The server, this time.
    Passing,
    /// Everything of this kind meets it, for example a scope that the key lacks.
    Kind,
    /// Everything meets it: a bad key, a wrong address, a page that is not Datadog's.
    All,
}

/// Whose fault an error is.
pub(super) fn blame(error: &SendError) -> Blame {
    match error {
        SendError::BadRequest { .. }
        | SendError::Conflict { .. }
        | SendError::Duplicate { .. }
        | SendError::TooLarge
        | SendError::NotFound { .. } => Blame::One,
        SendError::RateLimited { .. } | SendError::Server { .. } => Blame::Passing,
        SendError::Forbidden { .. } | SendError::TooLong { .. } => Blame::Kind,
        SendError::BadKey { .. }
        | SendError::NoAppKey
        | SendError::Misdirected { .. }
        | SendError::Unreachable { .. } => Blame::All,
    }
}

/// Whether a request may be made again at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// Done twice is done once.
    Always,
    /// It makes something: only when it has surely made nothing.
    WhenRefused,
}

impl Again {
    fn allows(self, error: &SendError) -> bool {
        error.is_retriable() && (self == Self::Always || !error.may_have_landed())
    }
}

/// One delivery under way.
pub(super) struct Run<'a> {
    pub(super) client: &'a Client,
    clock: &'a Clock,
    deadline: Instant,
    pub(super) requests: AtomicU64,
    failures: AtomicUsize,
    over: AtomicBool,
}

impl<'a> Run<'a> {
    pub(super) fn new(client: &'a Client, clock: &'a Clock, deadline: Duration) -> Self {
        Self {
            client,
            clock,
            deadline: Instant::now() + deadline,
            requests: AtomicU64::new(0),
            failures: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        }
    }

    pub(super) fn now(&self) -> i64 {
        self.clock.now().timestamp()
    }

    /// Whether nothing more is to be asked.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }

    /// One request, again while that can help.
    pub(super) async fn ask<T, F>(&self, again: Again, request: impl Fn() -> F) -> Result<T, SendError>
    where
        F: Future<Output = Result<T, SendError>>,
    {
        let back_off = ExponentialBuilder::new()
            .with_min_delay(self.clock.real_duration(MIN_BACK_OFF))
            .with_max_delay(self.clock.real_duration(MAX_BACK_OFF))
            .with_max_times(MAX_RETRIES);
        let attempt = || async {
            self.requests.fetch_add(1, Ordering::Relaxed);
            let late = |_| SendError::Unreachable {
                base_url: Address::of_api("datadog"),
                reason: "no answer, or no request allowed, before the deadline".to_owned(),
            };
            timeout_at(self.deadline, request()).await.unwrap_or_else(|elapsed| Err(late(elapsed)))
        };
        let answer = attempt
            .retry(back_off)
            .when(|error| again.allows(error))
            .adjust(|error, planned| self.wait(error, planned?))
            .await;
        self.note(answer.as_ref().err());
        answer
    }

    /// Full jitter, but at least as long as Datadog asked for; `None` gives up, since the deadline would pass.
    fn wait(&self, error: &SendError, planned: Duration) -> Option<Duration> {
        let asked = TimeDelta::from_std(error.retry_after().unwrap_or_default()).unwrap_or_default();
        let wait = planned.mul_f64(rand::random::<f64>()).max(self.clock.real_duration(asked));
        (!self.is_over() && Instant::now() + wait < self.deadline).then_some(wait)
    }

    fn note(&self, error: Option<&SendError>) {
        match error.map(blame) {
            None | Some(Blame::One) => self.failures.store(0, Ordering::Relaxed),
            Some(Blame::Kind) => {}
            Some(Blame::All) => self.over.store(true, Ordering::Relaxed),
            Some(Blame::Passing) => {
                if self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_FAILURES {
                    self.over.store(true, Ordering::Relaxed);
                }
            }
        }
    }

    /// Does `work` to every item, some at once, the first one alone: what all would meet is met once. `None` for what was
    /// not begun.
    pub(super) fn each<T, R, F>(
        &self,
        items: Vec<T>,
        work: impl Fn(&T) -> F,
    ) -> impl Stream<Item = (T, Option<Result<R, SendError>>)>
    where
        F: Future<Output = Result<R, SendError>>,
    {
        let barred = AtomicBool::new(false);
        let mut items = items.into_iter();
        let first = items.next();
        let (work, barred) = (std::sync::Arc::new(work), std::sync::Arc::new(barred));
        let one = move |item: T| {
            let (work, barred) = (std::sync::Arc::clone(&work), std::sync::Arc::clone(&barred));
            async move {
                if self.is_over() || barred.load(Ordering::Relaxed) {
                    return (item, None);
                }
                let answer = work(&item).await;
                if answer.as_ref().is_err_and(|error| blame(error) == Blame::Kind) {
                    barred.store(true, Ordering::Relaxed);
                }
                (item, Some(answer))
            }
        };
        let alone = stream::iter(first).then(one.clone());
        alone.chain(stream::iter(items).map(one).buffer_unordered(CONCURRENCY))
    }
}
