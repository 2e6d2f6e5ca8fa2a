//! Delivery of lines to `POST /api/v2/logs`, with an account of every line.
//!
//! ```text
//! lines, in the order in which they are to arrive
//!   -> screen   what is too old for Datadog is counted and not sent
//!   -> batch    encoded one at a time, into a body within the limits
//!   -> send     one body after another; the first that fails leaves the rest
//! ```
//!
//! A body that is sent twice is there twice, so nothing is sent while the fate of what goes before it is open: at most the
//! body under way comes again after a crash. Each line carries the id of its event, `event_id`, by which people can tell.

use std::io;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use chrono::TimeDelta;
use tokio::time::{Instant, sleep, timeout_at};

use crate::client::datadog::{Address, Client, SendError};
use crate::clock::Clock;
use crate::config::settings::Datadog;
use crate::model::log::Line;

mod account;
mod batch;
mod encode;

pub use account::{Delivery, Outcome};

use account::Account;
use batch::{Batch, Batcher, LIMITS};

/// Milliseconds that a line may be behind: an older one is answered 202 and not kept.
/// <https://docs.datadoghq.com/api/latest/logs/#send-logs>
pub const MAX_AGE: i64 = 18 * 60 * 60 * 1_000;

/// Milliseconds that a line is given to arrive.
const MARGIN: i64 = 60_000;

/// Waits between attempts, before jitter.
const MIN_BACK_OFF: TimeDelta = TimeDelta::seconds(2);
const MAX_BACK_OFF: TimeDelta = TimeDelta::seconds(64);

/// Ends the retries of one body where a clock runs so fast that the deadline would not.
const MAX_RETRIES: usize = 20;

/// How often a delivery may halve what Datadog refused. One bad line in a full body takes about 10 halvings. What is left
/// then stays pending, and the next delivery goes on from there.
const MAX_SPLITS: u32 = 128;

/// Sends `lines` in their order and says what became of each. `datadog.tags` are added to those of every line, and
/// `datadog.deadline` is for all of them together.
///
/// Never fails: what could not be sent is refused, or pending together with all that comes after it, and
/// [`Delivery::error`] says why. Whoever keeps a checkpoint may move it up to the first line that is pending.
pub async fn deliver(client: &Client, settings: &Datadog, clock: &Clock, lines: &[Line]) -> Delivery {
    let mut account = Account::new(lines.len());
    let sendable = screen(lines, clock.now().timestamp_millis(), &mut account);
    let batcher = Batcher::new(lines, &sendable, &settings.tags, LIMITS);
    let deadline = Instant::now() + settings.deadline;
    let mut run = Run { client, settings, clock, batcher, deadline, account };
    run.send_all(0..sendable.len()).await;
    run.account.close()
}

/// The bodies that [`deliver`] sends of `lines`, with `tags` added to each, when all of them are young and all is accepted.
///
/// # Errors
/// Writing to memory has none; there is no other.
pub fn bodies(lines: &[Line], tags: &[String]) -> io::Result<Vec<Bytes>> {
    let all: Vec<usize> = (0..lines.len()).collect();
    let mut batcher = Batcher::new(lines, &all, tags, LIMITS);
    let (mut bodies, mut rest) = (Vec::new(), 0..lines.len());
    while !rest.is_empty() {
        let (batch, further) = batcher.next(rest)?;
        bodies.push(batch.body);
        rest = further;
    }
    bodies.retain(|body| !body.is_empty());
    Ok(bodies)
}

/// The indices of the lines that can be sent at `now` (Unix milliseconds); the others are settled.
fn screen(lines: &[Line], now: i64, account: &mut Account) -> Vec<usize> {
    let mut sendable = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        if now.saturating_sub(line.at) > MAX_AGE - MARGIN {
            account.settle(&[index], Outcome::TooOld, "");
        } else {
            sendable.push(index);
        }
    }
    sendable
}

/// One delivery under way.
struct Run<'a> {
    client: &'a Client,
    settings: &'a Datadog,
    clock: &'a Clock,
    batcher: Batcher<'a>,
    deadline: Instant,
    account: Account,
}

/// What an answer means for the lines of a body.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Accepted,
    /// One line, and who says so.
    Refused(Voice, &'static str),
    Halve,
    /// Pending, and so is all that follows.
    Stop,
}

/// Who refuses a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Voice {
    /// Datadog, in its own JSON.
    Datadog,
    /// A proxy or a firewall on the way. It may refuse one line, or a size, or everything.
    Stranger,
}

/// `single` says that the body holds one line.
fn judge(answer: &Result<(), SendError>, single: bool) -> Verdict {
    match answer {
        Ok(()) => Verdict::Accepted,
        Err(SendError::BadRequest { .. }) if single => Verdict::Refused(Voice::Datadog, "bad_request"),
        Err(SendError::TooLarge) if single => Verdict::Refused(Voice::Datadog, "too_large"),
        Err(SendError::Misdirected { status: 400 | 422, .. }) if single => {
            Verdict::Refused(Voice::Stranger, "bad_request")
        }
        Err(SendError::Misdirected { status: 413, .. }) if single => Verdict::Refused(Voice::Stranger, "too_large"),
        Err(
            SendError::BadRequest { .. } | SendError::TooLarge | SendError::Misdirected { status: 400 | 413 | 422, .. },
        ) => Verdict::Halve,
        Err(_) => Verdict::Stop,
    }
}

impl Run<'_> {
    /// Sends what can be sent; halves what is refused until the bad lines are alone. What is not settled at the end is
    /// pending.
    async fn send_all(&mut self, all: Range<usize>) {
        let mut splits = 0;
        let mut todo = vec![all];
        while let Some(range) = todo.pop() {
            if range.is_empty() {
                continue;
            }
            if Instant::now() >= self.deadline {
                return self.account.error(self.late());
            }
            let (batch, rest) = match self.batcher.next(range) {
                Ok(next) => next,
                Err(error) => return self.account.error(self.unsent(format!("a line cannot be encoded: {error}"))),
            };
            todo.push(rest);
            for (index, reason) in &batch.refused {
                self.account.settle(&[*index], Outcome::Refused, reason);
            }
            if batch.lines.is_empty() {
                continue;
            }
            let answer = self.send(&batch).await;
            match judge(&answer, batch.lines.len() == 1) {
                Verdict::Accepted => self.account.settle(&batch.lines, Outcome::Accepted, ""),
                Verdict::Refused(voice, reason) => {
                    self.account.refuse(&batch.lines, voice, reason);
                    if self.account.meets_a_wall() {
                        return;
                    }
                }
                Verdict::Halve if splits < MAX_SPLITS => {
                    splits += 1;
                    let middle = batch.range.start.midpoint(batch.range.end);
                    todo.push(middle..batch.range.end);
                    todo.push(batch.range.start..middle);
                }
                Verdict::Halve | Verdict::Stop => return,
            }
        }
    }

    /// Sends one body, again and again while that can help.
    async fn send(&mut self, batch: &Batch) -> Result<(), SendError> {
        let mut planned = MIN_BACK_OFF;
        let mut attempts = 0;
        loop {
            attempts += 1;
            self.account.request(batch.body.len());
            let sending = self.client.send_logs(batch.body.clone());
            let answer = timeout_at(self.deadline, sending).await.unwrap_or_else(|_| Err(self.late()));
            let Err(error) = &answer else { return answer };
            self.account.error(error.clone());
            let wait = self.wait(error, planned).filter(|_| error.is_retriable() && attempts <= MAX_RETRIES);
            let Some(wait) = wait else { return answer };
            sleep(wait).await;
            planned = MAX_BACK_OFF.min(planned * 2);
        }
    }

    /// How long to wait before the next attempt: full jitter, but at least as long as Datadog asked for. `None` gives
    /// up, since the deadline would pass.
    fn wait(&self, error: &SendError, planned: TimeDelta) -> Option<Duration> {
        let asked = TimeDelta::from_std(error.retry_after().unwrap_or_default()).unwrap_or_default();
        let [planned, asked] = [planned, asked].map(|span| self.clock.real_duration(span));
        let wait = planned.mul_f64(rand::random::<f64>()).max(asked);
        (Instant::now() + wait < self.deadline).then_some(wait)
    }

    fn late(&self) -> SendError {
        self.unsent(format!("no answer within the {:?} of `datadog.deadline`", self.settings.deadline))
    }

    fn unsent(&self, reason: String) -> SendError {
        SendError::Unreachable { base_url: Address::of_logs(&self.settings.logs_url), reason }
    }
}

#[cfg(test)]
mod tests;
