//! Delivery of series to `POST /api/v2/series`, with an account of every point.
//!
//! Datadog keeps the last point per (name, tags, second), so whole values can be sent again at will: whatever is not
//! known to be accepted or refused for good is pending, and its window is read and sent again.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use chrono::TimeDelta;
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use crate::client::datadog::{Address, Client, SendError};
use crate::clock::Clock;
use crate::config::settings::Datadog;
use crate::model::series::Series;

mod account;
mod encode;
mod screen;

pub use account::{Delivery, Outcome};
pub(super) use screen::MAX_AGE;

use account::Account;
use encode::{Body, Encoder, LIMITS, Next, Piece};

/// Payloads under way at once.
const CONCURRENCY: usize = 4;

/// Waits between attempts, before jitter.
const MIN_BACK_OFF: TimeDelta = TimeDelta::seconds(2);
const MAX_BACK_OFF: TimeDelta = TimeDelta::seconds(64);

/// Ends the retries of one payload where a clock runs so fast that the deadline would not.
const MAX_RETRIES: usize = 20;

/// How often a delivery may halve what Datadog refused. One bad series among 5,000 takes about 13 halvings. What is
/// left then stays pending, and the next delivery goes on with less.
const MAX_SPLITS: u32 = 128;

/// Sends `series` and says what became of every point.
///
/// Never fails: what could not be sent is pending or refused, and [`Delivery::last_error`] says why. The first payload
/// goes alone, so that a bad key or a failing intake is met once and not by all of them.
pub async fn deliver(client: &Client, settings: &Datadog, clock: &Clock, series: &[Series]) -> Delivery {
    let mut account = Account::new(series.len());
    let pieces = screen::screen(series, clock.now().timestamp(), &mut account);
    let run = Run {
        client,
        settings,
        clock,
        encoder: Encoder::new(series, &settings.tags, settings.compression, LIMITS),
        deadline: Instant::now() + settings.deadline,
        shared: Mutex::new(Shared { account, stopped: false, splits: 0 }),
    };
    let mut bodies = run.encoder.split(pieces).filter_map(|next| run.sendable(next));
    if let Some(first) = bodies.next() {
        run.send_all(first).await;
    }
    stream::iter(bodies).map(|body| run.send_all(body)).buffer_unordered(CONCURRENCY).for_each(|()| async {}).await;
    run.shared.into_inner().unwrap_or_else(PoisonError::into_inner).account.close()
}

/// One delivery under way.
struct Run<'a> {
    client: &'a Client,
    settings: &'a Datadog,
    clock: &'a Clock,
    encoder: Encoder<'a>,
    deadline: Instant,
    shared: Mutex<Shared>,
}

/// What its payloads have in common.
struct Shared {
    account: Account,
    /// Something is wrong that every payload would meet: a bad key, a wrong address.
    stopped: bool,
    splits: u32,
}

/// What an answer means for the pieces of a body.
#[derive(Debug, PartialEq)]
enum Verdict {
    Settled(Outcome, Option<&'static str>),
    /// Pending, and so is all that follows.
    Stop,
    Halve,
}

/// `last` says that the body holds one piece, `single` that it holds one point.
fn judge(answer: &Result<(), SendError>, last: bool, single: bool) -> Verdict {
    match answer {
        Ok(()) => Verdict::Settled(Outcome::Accepted, None),
        Err(SendError::BadRequest { .. }) if last => Verdict::Settled(Outcome::Refused, Some("bad_request")),
        Err(SendError::TooLarge) if single => Verdict::Settled(Outcome::Refused, Some("too_large")),
        Err(SendError::BadRequest { .. } | SendError::TooLarge) => Verdict::Halve,
        Err(error) if error.is_retriable() => Verdict::Settled(Outcome::Pending, None),
        // Nothing of it is lost: once the setting is mended, the window is read again.
        Err(_) => Verdict::Stop,
    }
}

impl Run<'_> {
    /// A body to send; what cannot be one is settled here.
    fn sendable(&self, next: Next) -> Option<Body> {
        match next {
            Next::Body(body) => return Some(body),
            Next::TooLarge(piece) => {
                self.with(|shared| shared.account.settle(&[piece], Outcome::Refused, Some("too_large")));
            }
            Next::Failed(pieces, reason) => self.with(|shared| {
                shared.account.error(format!("series cannot be encoded: {reason}"));
                shared.account.settle(&pieces, Outcome::Pending, None);
            }),
        }
        None
    }

    /// Sends a body; halves what is refused until the bad pieces are alone.
    async fn send_all(&self, body: Body) {
        let mut stack = vec![body];
        while let Some(body) = stack.pop() {
            if self.is_over() {
                self.with(|shared| shared.account.settle(&body.pieces, Outcome::Pending, None));
                continue;
            }
            let answer = self.send(&body).await;
            let single = body.pieces.iter().map(Piece::len).sum::<usize>() == 1;
            match judge(&answer, body.pieces.len() == 1, single) {
                Verdict::Settled(outcome, reason) => {
                    self.with(|shared| shared.account.settle(&body.pieces, outcome, reason));
                }
                Verdict::Stop => self.with(|shared| {
                    shared.stopped = true;
                    shared.account.settle(&body.pieces, Outcome::Pending, None);
                }),
                Verdict::Halve if self.may_split() => {
                    let (left, right) = encode::halve(body.pieces);
                    for half in [right, left] {
                        stack.extend(self.encoder.split(half).filter_map(|next| self.sendable(next)));
                    }
                }
                Verdict::Halve => self.with(|shared| shared.account.settle(&body.pieces, Outcome::Pending, None)),
            }
        }
    }

    /// Sends one body, again and again while that can help.
    async fn send(&self, body: &Body) -> Result<(), SendError> {
        let back_off = ExponentialBuilder::new()
            .with_min_delay(self.clock.real_duration(MIN_BACK_OFF))
            .with_max_delay(self.clock.real_duration(MAX_BACK_OFF))
            .with_max_times(MAX_RETRIES);
        let oldest = self.encoder.oldest(&body.pieces);
        (|| self.attempt(body))
            .retry(back_off)
            .when(SendError::is_retriable)
            .adjust(|error, planned| self.wait(error, planned?, oldest))
            .await
    }

    async fn attempt(&self, body: &Body) -> Result<(), SendError> {
        self.with(|shared| shared.account.request(body.compressed.len()));
        let sending = self.client.send_series(body.compressed.clone(), self.settings.compression);
        let answer = timeout_at(self.deadline, sending).await.unwrap_or_else(|_| {
            Err(SendError::Unreachable {
                base_url: Address::of_api(&self.settings.base_url),
                reason: format!("no answer within the {:?} of `datadog.deadline`", self.settings.deadline),
            })
        });
        if let Err(error) = &answer {
            self.with(|shared| shared.account.error(error.to_string()));
        }
        answer
    }

    /// How long to wait before the next attempt: full jitter, but at least as long as Datadog asked for. `None` gives
    /// up: the deadline would pass, or the oldest point (Unix seconds) would be older than Datadog stores.
    fn wait(&self, error: &SendError, planned: Duration, oldest: i64) -> Option<Duration> {
        let asked = error.retry_after().unwrap_or_default();
        let asked = self.clock.real_duration(TimeDelta::from_std(asked).unwrap_or_default());
        let wait = planned.mul_f64(rand::random::<f64>()).max(asked);
        let stopped = self.with(|shared| shared.stopped);
        let expired = self.clock.now().timestamp() > oldest + screen::MAX_AGE;
        (!stopped && !expired && Instant::now() + wait < self.deadline).then_some(wait)
    }

    /// Whether nothing more is to be sent.
    fn is_over(&self) -> bool {
        let late = Instant::now() >= self.deadline;
        self.with(|shared| {
            if late && !shared.account.has_error() {
                shared.account.error(format!("not sent within the {:?} of `datadog.deadline`", self.settings.deadline));
            }
            late || shared.stopped
        })
    }

    fn may_split(&self) -> bool {
        self.with(|shared| {
            shared.splits += 1;
            shared.splits <= MAX_SPLITS
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut Shared) -> T) -> T {
        change(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests;
