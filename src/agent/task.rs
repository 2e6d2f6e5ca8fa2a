//! One job from the start of the daemon to its stop.

use std::any::Any;
use std::future::{Future, pending};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument;

use super::webhook::Hinted;
use super::{Exit, Failure, Health, Job, Shutdown, Summary, schedule};
use crate::clock::Clock;

/// The tag of a failure that is a defect of this program.
const PANIC: &str = "panic";

/// What all jobs share.
pub(super) struct Frame<F> {
    pub(super) clock: Clock,
    pub(super) health: Arc<Health>,
    pub(super) unready_after: u32,
    pub(super) shutdown: Shutdown,
    pub(super) work: F,
}

/// Runs the job now, then by its schedule, and when there is a hint. `None` when the daemon stops, else the reason why it has to.
pub(super) async fn keep<F, Fut>(job: Job, mut hinted: Option<Hinted>, frame: Arc<Frame<F>>) -> Option<Exit>
where
    F: Fn(Job, DateTime<Utc>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Summary, Failure>> + Send + 'static,
{
    let mut due = frame.clock.now();
    let (mut failures, mut panics) = (0, 0);
    while !frame.shutdown.is_draining() {
        let (outcome, next) = attempt(&job, due, &frame).await;
        let now = frame.clock.now();
        if outcome.is_ok() && failures > 0 {
            tracing::info!(%job, failures, "recovered");
        }
        failures = frame.health.finished(&job, now, &outcome);
        tell(&job, &outcome, failures, frame.unready_after);
        let mut retry = None;
        if let Err(failure) = outcome {
            panics = if failure.tag == PANIC { panics + 1 } else { 0 };
            if failure.fatal {
                return Some(Exit::Fatal { job: job.to_string(), message: failure.message });
            }
            if panics >= frame.unready_after {
                return Some(Exit::JobKeepsDying { job: job.to_string() });
            }
            if failure.retriable {
                let interval = schedule::interval(&job.schedule, now);
                retry = schedule::retry_at(now, failures, next, interval, rand::random());
            }
        } else {
            panics = 0;
        }
        frame.health.waiting(&job, retry.or(next));
        tokio::select! {
            biased;
            () = frame.shutdown.draining() => {}
            () = until(frame.clock, retry.or(next)) => {
                if retry.is_none() {
                    due = next.unwrap_or(due);
                }
            }
            () = hint(hinted.as_mut(), frame.clock) => tracing::debug!(%job, "due by a hint"),
        }
    }
    None
}

/// One run, and the next instant at which the job is due. Instants that pass meanwhile are skipped and counted.
async fn attempt<F, Fut>(
    job: &Job,
    due: DateTime<Utc>,
    frame: &Arc<Frame<F>>,
) -> (Result<Summary, Failure>, Option<DateTime<Utc>>)
where
    F: Fn(Job, DateTime<Utc>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Summary, Failure>> + Send + 'static,
{
    let started = frame.clock.now();
    let mut next = schedule::next(&job.schedule, due, started);
    frame.health.started(job, started, next);
    // A task of its own, so that a panic ends only this run; a set of one, so that it ends with us.
    let mut running = JoinSet::new();
    let span = tracing::info_span!("job", %job, due = %due.format("%FT%TZ"));
    let (work, own) = (Arc::clone(frame), job.clone());
    running.spawn(async move { (work.work)(own, due).await }.instrument(span));
    loop {
        tokio::select! {
            biased;
            Some(ended) = running.join_next() => return (ended.unwrap_or_else(|error| Err(died(error))), next),
            () = until(frame.clock, next) => {
                tracing::warn!(%job, "still running when due again; this time is skipped");
                next = next.and_then(|passed| schedule::next(&job.schedule, passed, frame.clock.now()));
                frame.health.overrun(job, next);
            }
        }
    }
}

async fn until(clock: Clock, instant: Option<DateTime<Utc>>) {
    match instant {
        Some(instant) => clock.sleep_until(instant).await,
        None => pending().await,
    }
}

/// Never without anybody who could give one.
async fn hint(hinted: Option<&mut Hinted>, clock: Clock) {
    match hinted {
        Some(hinted) => hinted.due(clock).await,
        None => pending().await,
    }
}

fn died(error: JoinError) -> Failure {
    let message = match error.try_into_panic() {
        Ok(payload) => format!("panicked: {}", words(payload.as_ref())),
        Err(error) => error.to_string(),
    };
    Failure { message, tag: PANIC, retriable: true, fatal: false }
}

fn words(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without words")
}

/// ERROR asks a person to act, WARN is something that the next run may repair.
fn tell(job: &Job, outcome: &Result<Summary, Failure>, failures: u32, unready_after: u32) {
    match outcome {
        Ok(Summary { note, .. }) => tracing::debug!(%job, "{note}"),
        Err(Failure { message, tag, .. }) if failures >= unready_after || *tag == PANIC => {
            tracing::error!(%job, tag, failures, "{message}");
        }
        Err(Failure { message, tag, .. }) => tracing::warn!(%job, tag, failures, "{message}"),
    }
}
