//! The daemon's frame: a table of jobs on cron schedules. What a job does is the caller's; when it runs, what becomes
//! of a failure, and how everything stops, is decided here.
//!
//! Every job runs once at the start and then by its schedule, each in a task of its own, so that the failure of one
//! account never stops another's. Two processes on one state are not told apart here: the state notices the second
//! writer.

pub mod deploys;
pub mod health;
pub mod http;
pub mod jobs;
mod provisioning;
mod schedule;
pub mod shutdown;
mod task;
#[cfg(test)]
mod tests;
pub mod webhook;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use cron::Schedule;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::config::settings;
use crate::model::resource::Scope;

pub use health::Health;
pub use provisioning::known_metrics;
pub use shutdown::Shutdown;

use webhook::Hinted;

/// What there is to do. Jobs start in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Finds resources; once per scope.
    Discover,
    /// Reads the hot tier; once per scope.
    Hot,
    /// Reads the warm tier; once per scope.
    Warm,
    /// Follows log groups; once per scope.
    Logs,
    /// Keeps dashboards, monitors and SLOs in step; once for all scopes.
    Provision,
    /// Follows deploy workflows; once for all scopes.
    Deploys,
    /// Tells about this program itself; once for all scopes.
    Report,
}

impl JobKind {
    /// One lower-case word, as in `/status` and in the keys of the state.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Hot => "hot",
            Self::Warm => "warm",
            Self::Logs => "logs",
            Self::Provision => "provision",
            Self::Deploys => "deploys",
            Self::Report => "report",
        }
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A line of the table. Kind and scope together are unique in it.
#[derive(Debug, Clone)]
pub struct Job {
    /// What to do.
    pub kind: JobKind,
    /// For whom; `None` for [`JobKind::Provision`], [`JobKind::Deploys`] and [`JobKind::Report`].
    pub scope: Option<Scope>,
    /// When, in UTC.
    pub schedule: Schedule,
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Some(scope) => write!(f, "{} {scope}", self.kind),
            None => write!(f, "{}", self.kind),
        }
    }
}

/// What a job that succeeded says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Everything before this instant is done; `None` for jobs without a window.
    pub watermark: Option<DateTime<Utc>>,
    /// One line for a person.
    pub note: String,
}

/// What a job that failed says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A lowercase fragment that names what to change.
    pub message: String,
    /// One word of a class, for example `access_denied`.
    pub tag: &'static str,
    /// Whether to try again before the next time due.
    pub retriable: bool,
    /// Whether the process has to end, since no job can go on.
    pub fatal: bool,
}

/// Why the daemon ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Exit {
    /// All that ran has finished.
    #[error("stopped")]
    Clean,
    /// Jobs still ran at the deadline and were dropped; their windows are read again after the next start.
    #[error("stopped with jobs still running after `agent.shutdown_deadline`")]
    DeadlinePassed,
    /// A second SIGINT; jobs that ran were dropped.
    #[error("stopped at once, as asked")]
    Forced,
    /// A job panicked as many times in a row as `agent.unready_after` says.
    #[error("job {job} keeps dying; this is a defect, please report it with the log")]
    JobKeepsDying {
        /// Its kind and scope.
        job: String,
    },
    /// A job said that nothing can go on.
    #[error("job {job}: {message}")]
    Fatal {
        /// Its kind and scope.
        job: String,
        /// Its words.
        message: String,
    },
}

impl Exit {
    /// The exit code of the process: 0 clean, 1 deadline passed or forced, 3 a job keeps dying, 4 a fatal failure.
    /// 2 is left to a wrong command line.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::DeadlinePassed | Self::Forced => 1,
            Self::JobKeepsDying { .. } => 3,
            Self::Fatal { .. } => 4,
        }
    }
}

/// Runs the table until `shutdown` drains or a job ends the daemon; then starts nothing new and gives what still runs
/// `agent.shutdown_deadline` to finish.
///
/// `work` does one run of a job. Its second argument is the instant at which the run was due, the same again in a
/// retry. It is never called twice at once for one job. A panic in it is caught and counts as a failure. `hinted` makes
/// [`JobKind::Deploys`] due before its time.
pub async fn run<F, Fut>(
    mut jobs: Vec<Job>,
    clock: Clock,
    health: Arc<Health>,
    settings: &settings::Agent,
    shutdown: Shutdown,
    hinted: Option<Hinted>,
    work: F,
) -> Exit
where
    F: Fn(Job, DateTime<Utc>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Summary, Failure>> + Send + 'static,
{
    jobs.sort_by_key(|job| job.kind);
    health.register(&jobs);
    let unready_after = settings.unready_after.max(1);
    let frame = Arc::new(task::Frame { clock, health, unready_after, shutdown: shutdown.clone(), work });
    let mut tasks = JoinSet::new();
    let mut hinted = hinted;
    for job in jobs {
        let hinted = if job.kind == JobKind::Deploys { hinted.take() } else { None };
        tasks.spawn(task::keep(job, hinted, Arc::clone(&frame)));
    }
    let mut exit = None;
    tokio::select! {
        () = shutdown.draining() => {}
        () = until_first_reason(&mut tasks, &mut exit) => {}
    }
    if let Some(exit) = &exit {
        tracing::error!(%exit, "stopping");
    }
    shutdown.drain();
    // The deadline is real time whatever the clock: what kills us after it lives in real time.
    let last = tokio::select! {
        biased;
        () = until_all_ended(&mut tasks, &mut exit) => Exit::Clean,
        () = shutdown.forced() => Exit::Forced,
        () = tokio::time::sleep(settings.shutdown_deadline) => Exit::DeadlinePassed,
    };
    exit.unwrap_or(last)
}

async fn until_first_reason(tasks: &mut JoinSet<Option<Exit>>, exit: &mut Option<Exit>) {
    while exit.is_none() && !tasks.is_empty() {
        one_ended(tasks, exit).await;
    }
}

async fn until_all_ended(tasks: &mut JoinSet<Option<Exit>>, exit: &mut Option<Exit>) {
    while !tasks.is_empty() {
        one_ended(tasks, exit).await;
    }
}

/// The first reason to stop is the one that is told.
async fn one_ended(tasks: &mut JoinSet<Option<Exit>>, exit: &mut Option<Exit>) {
    let reason = match tasks.join_next().await {
        None => None,
        Some(Ok(reason)) => reason,
        Some(Err(error)) => Some(Exit::JobKeepsDying { job: error.to_string() }),
    };
    if exit.is_none() {
        *exit = reason;
    }
}
