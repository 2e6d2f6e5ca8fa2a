//! What became of every job: readiness, liveness, `/status`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::Value;

use super::{Failure, Job, JobKind, Summary, schedule};
use crate::clock::Clock;
use crate::config::settings;
use crate::model::resource::Scope;

/// A run that takes this many intervals hangs.
const HANGS_AFTER: i32 = 10;

/// The daemon's state of health, shared by its jobs and its HTTP server.
#[derive(Debug)]
pub struct Health {
    clock: Clock,
    started_at: DateTime<Utc>,
    unready_after: u32,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    jobs: BTreeMap<(JobKind, Option<Scope>), Record>,
    extra: BTreeMap<String, Value>,
}

#[derive(Debug, Default)]
struct Record {
    name: String,
    interval: Option<TimeDelta>,
    running_since: Option<DateTime<Utc>>,
    last_start: Option<DateTime<Utc>>,
    last_success: Option<DateTime<Utc>>,
    last_error: Option<LastError>,
    next_run: Option<DateTime<Utc>>,
    watermark: Option<DateTime<Utc>>,
    note: String,
    consecutive_failures: u32,
    runs: u64,
    failures: u64,
    overruns: u64,
}

/// The body of `/status`. Instants are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// 1; raised when a field is renamed, removed or changes its meaning, not when one is added.
    pub version: u32,
    /// As `/readyz` says.
    pub ready: bool,
    /// Why not ready, a line each.
    pub unready: Vec<String>,
    /// Why `/livez` fails, a line each.
    pub hanging: Vec<String>,
    /// Start of the daemon.
    pub started_at: DateTime<Utc>,
    /// When this was written.
    pub now: DateTime<Utc>,
    /// Every job, by kind, account and region.
    pub jobs: Vec<JobStatus>,
    /// What others have published, by name.
    pub extra: BTreeMap<String, Value>,
}

/// One job of `/status`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobStatus {
    /// `discover`, `hot`, `warm`, `provision`, `deploys` or `report`.
    pub job: JobKind,
    /// Null for a job of no account.
    pub account: Option<String>,
    /// Null for a job of no account.
    pub region: Option<String>,
    /// Start of the run under way, null between runs.
    pub running_since: Option<DateTime<Utc>>,
    /// Start of the last run, under way or not.
    pub last_start: Option<DateTime<Utc>>,
    /// End of the last run that succeeded.
    pub last_success: Option<DateTime<Utc>>,
    /// The last failure, also when later runs succeeded.
    pub last_error: Option<LastError>,
    /// Failures since the last success.
    pub consecutive_failures: u32,
    /// When it runs next, by schedule or as a retry; null when its schedule has ended.
    pub next_run: Option<DateTime<Utc>>,
    /// Seconds between now and the job's watermark; null for a job without one.
    pub lag_seconds: Option<i64>,
    /// What the last run that succeeded said.
    pub note: String,
    /// Runs that ended, retries included.
    pub runs: u64,
    /// Runs that failed.
    pub failures: u64,
    /// Times at which it was due and still ran.
    pub overruns: u64,
}

impl JobStatus {
    /// Its tags: job, account, region.
    #[must_use]
    pub fn tags(&self) -> Vec<(&'static str, &str)> {
        let mut tags = vec![("job", self.job.word())];
        tags.extend(self.account.as_deref().map(|account| ("aws_account", account)));
        tags.extend(self.region.as_deref().map(|region| ("region", region)));
        tags
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.job.word())?;
        match (&self.account, &self.region) {
            (Some(account), Some(region)) => write!(f, " {account}/{region}"),
            _ => Ok(()),
        }
    }
}

/// A failure as `/status` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastError {
    /// The words.
    pub message: String,
    /// The class.
    pub tag: &'static str,
    /// When the run ended.
    pub at: DateTime<Utc>,
}

impl Health {
    /// Of a daemon that starts now.
    #[must_use]
    pub fn new(clock: Clock, settings: &settings::Agent) -> Self {
        let unready_after = settings.unready_after.max(1);
        Self { clock, started_at: clock.now(), unready_after, inner: Mutex::default() }
    }

    /// Puts a value into `extra` of `/status`, in place of the last one of that name.
    pub fn publish(&self, name: &str, value: Value) {
        self.inner().extra.insert(name.to_owned(), value);
    }

    /// Whether every job has run and none keeps failing.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.unready().is_empty()
    }

    /// Why the daemon is not ready, a line each.
    #[must_use]
    pub fn unready(&self) -> Vec<String> {
        self.inner().unready(self.unready_after)
    }

    /// Jobs that run, or are overdue, by more than ten of their intervals, a line each.
    #[must_use]
    pub fn hanging(&self) -> Vec<String> {
        self.inner().hanging(self.clock.now())
    }

    /// Everything that is known.
    #[must_use]
    pub fn status(&self) -> Status {
        let now = self.clock.now();
        let inner = self.inner();
        let unready = inner.unready(self.unready_after);
        Status {
            version: 1,
            ready: unready.is_empty(),
            unready,
            hanging: inner.hanging(now),
            started_at: self.started_at,
            now,
            jobs: inner.jobs.iter().map(|((kind, scope), record)| record.status(*kind, scope.as_ref(), now)).collect(),
            extra: inner.extra.clone(),
        }
    }

    pub(super) fn register(&self, jobs: &[Job]) {
        for job in jobs {
            self.record(job, |_| ());
        }
    }

    pub(super) fn started(&self, job: &Job, now: DateTime<Utc>, next: Option<DateTime<Utc>>) {
        let interval = schedule::interval(&job.schedule, now);
        self.record(job, |record| {
            record.running_since = Some(now);
            record.last_start = Some(now);
            record.interval = interval;
            record.next_run = next;
        });
    }

    pub(super) fn overrun(&self, job: &Job, next: Option<DateTime<Utc>>) {
        self.record(job, |record| {
            record.overruns += 1;
            record.next_run = next;
        });
    }

    /// Takes the end of a run down and says how many have failed in a row.
    pub(super) fn finished(&self, job: &Job, now: DateTime<Utc>, outcome: &Result<Summary, Failure>) -> u32 {
        self.record(job, |record| {
            record.running_since = None;
            record.runs += 1;
            match outcome {
                Ok(Summary { watermark, note }) => {
                    record.last_success = Some(now);
                    record.watermark = watermark.or(record.watermark);
                    record.note.clone_from(note);
                    record.consecutive_failures = 0;
                }
                Err(Failure { message, tag, .. }) => {
                    record.last_error = Some(LastError { message: message.clone(), tag, at: now });
                    record.consecutive_failures = record.consecutive_failures.saturating_add(1);
                    record.failures += 1;
                }
            }
            record.consecutive_failures
        })
    }

    pub(super) fn waiting(&self, job: &Job, next: Option<DateTime<Utc>>) {
        self.record(job, |record| record.next_run = next);
    }

    fn record<T>(&self, job: &Job, change: impl FnOnce(&mut Record) -> T) -> T {
        let mut inner = self.inner();
        let record = inner
            .jobs
            .entry((job.kind, job.scope.clone()))
            .or_insert_with(|| Record { name: job.to_string(), ..Record::default() });
        change(record)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn unready(&self, unready_after: u32) -> Vec<String> {
        if self.jobs.is_empty() {
            return vec!["no job has been started yet".into()];
        }
        self.jobs.values().filter_map(|record| record.unready(unready_after)).collect()
    }

    fn hanging(&self, now: DateTime<Utc>) -> Vec<String> {
        self.jobs.values().filter_map(|record| record.hanging(now)).collect()
    }
}

impl Record {
    fn unready(&self, unready_after: u32) -> Option<String> {
        if self.runs == 0 {
            return Some(format!("{} has not run yet", self.name));
        }
        if self.consecutive_failures < unready_after {
            return None;
        }
        let last = self.last_error.as_ref().map_or("", |error| error.message.as_str());
        Some(format!("{} has failed {} times in a row: {last}", self.name, self.consecutive_failures))
    }

    fn hanging(&self, now: DateTime<Utc>) -> Option<String> {
        let patience = self.interval? * HANGS_AFTER;
        match (self.running_since, self.next_run) {
            (Some(since), _) if now - since > patience => Some(format!("{} has been running since {since}", self.name)),
            (None, Some(next)) if now - next > patience => Some(format!("{} should have run at {next}", self.name)),
            _ => None,
        }
    }

    fn status(&self, job: JobKind, scope: Option<&Scope>, now: DateTime<Utc>) -> JobStatus {
        JobStatus {
            job,
            account: scope.map(|scope| scope.account.clone()),
            region: scope.map(|scope| scope.region.clone()),
            running_since: self.running_since,
            last_start: self.last_start,
            last_success: self.last_success,
            last_error: self.last_error.clone(),
            consecutive_failures: self.consecutive_failures,
            next_run: self.next_run,
            lag_seconds: self.watermark.map(|watermark| (now - watermark).num_seconds()),
            note: self.note.clone(),
            runs: self.runs,
            failures: self.failures,
            overruns: self.overruns,
        }
    }
}
