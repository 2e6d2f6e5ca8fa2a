//! What the jobs do: each is one straight line, collect, deliver, commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Mutex as AsyncMutex, watch};

mod deploys;
mod discovery;
mod endpoint_signals;
mod failures;
mod local_agent;
mod logs;
mod metrics;
mod provision;
mod report;
mod skew;
mod status;
#[cfg(test)]
mod tests;
pub mod totals;

use crate::agent::{Failure, Health, Job, JobKind, Summary};
use crate::client::aws::{Aws, AwsError};
use crate::client::datadog::Client;
use crate::clock::Clock;
use crate::config::Settings;
use crate::model::catalogue::{Metric, Tier};
use crate::model::declared::Deployed;
use crate::model::resource::Scope;
use crate::model::series::{Fate, Series};
use crate::sink::series::{Delivery, Outcome, deliver};
use crate::source::discover::{self, Inventory};
use crate::source::metrics::budget::{self, Demands, Fit};
use crate::source::metrics::rise::Rise;
use crate::source::metrics::units::Units;
use crate::source::metrics::{Checkpoint, Recent};
use crate::state::{Key, StateError, Store};
use crate::telemetry::{Name, Telemetry};
use deploys::Followed;
use report::Reporting;
use totals::Totals;

/// How long a poll waits, in real time, for the first discovery of its account and region.
const FIRST_INVENTORY: Duration = Duration::from_mins(1);

/// Batches of one minute each that may wait for Datadog: an hour's, which is what it takes.
const KEPT: usize = 60;
/// The tag of a failure that is Datadog's.
const DATADOG: &str = "datadog";

/// Everything the jobs of one process work with.
pub struct Jobs {
    settings: Settings,
    clock: Clock,
    store: Store,
    datadog: Client,
    telemetry: Telemetry,
    catalogue: Arc<[Metric]>,
    scopes: BTreeMap<Scope, ScopeJobs>,
    fit: Mutex<Fit>,
    reporting: AsyncMutex<Reporting>,
    /// `None` until it has been loaded.
    followed: AsyncMutex<Option<Followed>>,
    /// What GitHub tells of pipelines' files; `None` until it has been loaded.
    declared: AsyncMutex<Option<Arc<[Deployed]>>>,
    /// Held while our clock is compared with Datadog's: when Datadog was asked for its time in vain.
    comparing: AsyncMutex<Option<std::time::Instant>>,
    totals: Mutex<Totals>,
    /// Names of which points were accepted.
    sent: Mutex<BTreeSet<Arc<str>>>,
    health: Option<Arc<Health>>,
    /// How long a run reads logs.
    log_run: TimeDelta,
    /// Whether a run reads until there is nothing that it has not read.
    logs_whole: bool,
}

/// What the jobs of one account and region share.
struct ScopeJobs {
    aws: Arc<Aws>,
    /// `None` until it has been loaded.
    memory: AsyncMutex<Option<Remembered>>,
    inventory: watch::Sender<Option<Arc<Inventory>>>,
    demands: Mutex<Demands>,
    units: Mutex<Units>,
    /// Held while units are loaded or saved.
    units_loaded: AsyncMutex<bool>,
    recent: Mutex<Recent>,
    hot: AsyncMutex<TierState>,
    warm: AsyncMutex<TierState>,
    /// First minute that is not committed, Unix seconds.
    committed: Mutex<BTreeMap<Tier, i64>>,
    /// States of endpoints that Datadog has not taken yet.
    statuses: AsyncMutex<Vec<Vec<Series>>>,
    /// `None` until it has been loaded.
    logs: AsyncMutex<Option<logs::Followed>>,
    /// Log groups that are followed.
    log_groups: Mutex<u64>,
    /// Failures that polls have seen rise, for the logs job.
    rises: Mutex<Vec<Rise>>,
}

/// What became of batches that were sent one after the other.
#[derive(Default)]
struct Delivered {
    /// Of the points of the batches that were sent; those that wait behind a failure are told when they are.
    fate: Fate,
    failure: Option<Failure>,
}

/// What discovery knows, and what of it is in the state.
struct Remembered {
    memory: discover::Memory,
    stored: discover::Memory,
}

/// What a tier knows between polls.
#[derive(Default)]
struct TierState {
    /// `None` until it has been loaded.
    checkpoint: Option<Checkpoint>,
    /// Whether a poll of this process has had every answer and was delivered.
    delivered: bool,
    /// The last poll that succeeded. One that failed is tried again, however much the tier is slowed.
    polled: Option<DateTime<Utc>>,
    /// The last poll that read back as far as the warm tier does, and had every answer.
    read_deep: Option<DateTime<Utc>>,
    /// Endpoints that were not described in the newest poll that was delivered; `None` before the first.
    blind: Option<usize>,
    /// Queries of that poll without a full answer.
    missing: u64,
    /// Queries of that poll that CloudWatch refuses.
    refused: usize,
}

impl Jobs {
    /// Jobs that have done nothing yet. `health` is where they publish the budget and the coverage, if anywhere.
    #[must_use]
    pub fn new(
        settings: Settings,
        clock: Clock,
        store: Store,
        datadog: Client,
        clients: Vec<Arc<Aws>>,
        health: Option<Arc<Health>>,
    ) -> Self {
        let scopes = clients.into_iter().map(|aws| (aws.scope().clone(), ScopeJobs::new(aws))).collect();
        let catalogue = crate::source::metrics::catalogue(&settings.metrics);
        let fit = budget::fit(&Demands::new(), hot_every(&settings), warm_every(&settings), &settings.limits, None);
        let reporting = AsyncMutex::new(Reporting::new(&settings));
        Self {
            settings,
            clock,
            store,
            datadog,
            telemetry: Telemetry::new(),
            catalogue,
            scopes,
            fit: Mutex::new(fit),
            reporting,
            followed: AsyncMutex::default(),
            declared: AsyncMutex::default(),
            comparing: AsyncMutex::default(),
            totals: Mutex::default(),
            sent: Mutex::default(),
            health,
            log_run: logs::RUN,
            logs_whole: false,
        }
    }

    /// Lets a run read all that was written before it, however long that takes, up to an hour.
    pub fn read_logs_whole(&mut self) {
        self.logs_whole = true;
        self.log_run = TimeDelta::hours(1);
    }

    /// Moves the jobs to another clock, from the next run on: a measurement does not wait for minutes to pass.
    pub fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// The table of jobs: three for every account and region, one report, and logs, provisioning and deployments when the
    /// configuration says so.
    #[must_use]
    pub fn table(&self) -> Vec<Job> {
        let schedules = &self.settings.schedules;
        let mut table = vec![Job { kind: JobKind::Report, scope: None, schedule: schedules.report.clone() }];
        if self.settings.provision.auto {
            table.push(Job { kind: JobKind::Provision, scope: None, schedule: schedules.provision.clone() });
        }
        if self.settings.github.is_some() {
            table.push(Job { kind: JobKind::Deploys, scope: None, schedule: schedules.deploys.clone() });
        }
        let logs = self.settings.logs.collect.then_some((JobKind::Logs, &schedules.logs));
        for scope in self.scopes.keys() {
            let always = [
                (JobKind::Discover, &schedules.discover),
                (JobKind::Hot, &schedules.hot),
                (JobKind::Warm, &schedules.warm),
            ];
            for (kind, schedule) in always.into_iter().chain(logs) {
                table.push(Job { kind, scope: Some(scope.clone()), schedule: schedule.clone() });
            }
        }
        table
    }

    /// Runs one job once.
    ///
    /// # Errors
    /// When it did not do all that it should have done; what it did is kept.
    pub async fn work(&self, job: &Job) -> Result<Summary, Failure> {
        let scope = job.scope.as_ref().and_then(|scope| self.scopes.get(scope));
        let started = std::time::Instant::now();
        let clock = Box::pin(self.compare_clocks()).await;
        let result = match (job.kind, scope, clock) {
            // A report is what tells that the clock is wrong.
            (JobKind::Report, _, _) => self.report().await,
            (_, _, Err(failure)) => Err(failure),
            (JobKind::Discover, Some(scope), Ok(())) => self.discover(scope).await,
            (JobKind::Hot, Some(scope), Ok(())) => self.poll(scope, Tier::Hot).await,
            (JobKind::Warm, Some(scope), Ok(())) => self.poll(scope, Tier::Warm).await,
            (JobKind::Logs, Some(scope), Ok(())) => Box::pin(self.logs(scope)).await,
            (JobKind::Provision, _, Ok(())) => Box::pin(self.provision()).await,
            (JobKind::Deploys, _, Ok(())) => Box::pin(self.deploys()).await,
            (_, None, Ok(())) => Ok(Summary::default()),
        };
        let word = job.kind.word();
        let tags = job.scope.as_ref().map_or_else(
            || vec![("job", word)],
            |scope| vec![("job", word), ("aws_account", scope.account.as_str()), ("region", scope.region.as_str())],
        );
        self.telemetry.record(Name::JobDuration, &tags, started.elapsed().as_secs_f64());
        if let Err(failure) = &result {
            let mut tags = tags;
            tags.push(("error", failure.tag));
            self.telemetry.record(Name::JobFailures, &tags, 1.0);
        }
        result
    }

    /// Whether discovery has found anything out there; without it there is nothing to poll.
    #[must_use]
    pub fn has_discovered(&self, scope: &Scope) -> bool {
        self.scopes.get(scope).is_some_and(|scope| scope.inventory.borrow().is_some())
    }

    /// Where this process counts what it does.
    #[must_use]
    pub fn telemetry(&self) -> Telemetry {
        self.telemetry.clone()
    }

    /// What has been done since the start.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = lock(&self.totals).clone();
        for (scope, jobs) in &self.scopes {
            totals.scope(scope, &jobs.aws.requests(), jobs.inventory.borrow().as_deref());
            totals.logs.groups += *lock(&jobs.log_groups);
        }
        totals.budget(&lock(&self.fit));
        totals
    }

    /// Sends series and counts what became of their points.
    async fn deliver(&self, series: &[Series]) -> Delivery {
        self.deliver_by(&self.clock, series).await
    }

    async fn deliver_by(&self, clock: &Clock, series: &[Series]) -> Delivery {
        let delivery = deliver(&self.datadog, &self.settings.datadog, clock, series).await;
        lock(&self.totals).delivered(&delivery);
        let mut sent = lock(&self.sent);
        for (series, outcome) in series.iter().zip(&delivery.outcomes) {
            if *outcome == Outcome::Accepted && !sent.contains(&series.name) {
                sent.insert(Arc::clone(&series.name));
            }
        }
        drop(sent);
        self.telemetry.record(
            Name::ApiRequests,
            &[("api", "datadog"), ("operation", "series")],
            count(delivery.requests),
        );
        for (reason, points) in &delivery.reasons {
            self.telemetry.record(Name::PointsRefused, &[("reason", reason)], count(*points));
        }
        delivery
    }

    /// Sends what waits and then `newest`, oldest first. What is not taken waits on, so many minutes as Datadog looks
    /// back; `what` it is says the log when that was not enough.
    async fn deliver_in_order(
        &self,
        clock: &Clock,
        what: &str,
        waiting: &mut Vec<Vec<Series>>,
        newest: Vec<Series>,
    ) -> Delivered {
        let mut batches = std::mem::take(waiting);
        batches.push(newest);
        let mut delivered = Delivered::default();
        for batch in batches {
            // What does not take one batch will not take the next: waiting for each would make the job hang.
            if delivered.failure.is_some() {
                waiting.push(batch);
                continue;
            }
            let delivery = self.deliver_by(clock, &batch).await;
            delivered.fate.collected += points(&batch);
            delivered.fate += &delivery.fate;
            if delivery.fate.pending > 0 {
                waiting.push(batch);
                delivered.failure = Some(of_datadog(delivery.last_error));
            }
        }
        let surplus = waiting.len().saturating_sub(KEPT);
        let surplus: u64 = waiting.drain(..surplus).map(|batch| points(&batch)).sum();
        delivered.fate.collected += surplus;
        delivered.fate.too_old += surplus;
        if delivered.fate.too_old > 0 {
            tracing::warn!(
                points = delivered.fate.too_old,
                "{what} were dropped: Datadog has taken none for an hour, and stores none that is older"
            );
        }
        delivered
    }

    /// Loads an object of the state; a corrupt one has been set aside, which is told.
    async fn load<T: serde::de::DeserializeOwned + Default>(&self, key: &Key) -> Result<T, Failure> {
        let loaded = self.store.load(key).await.map_err(|error| of_state(&error))?;
        if let Some(place) = loaded.set_aside {
            tracing::error!(%key, %place, "state was corrupt, it was set aside and is begun anew");
        }
        Ok(loaded.data.unwrap_or_default())
    }

    async fn save<T: serde::Serialize>(&self, key: &Key, data: &T) -> Result<(), Failure> {
        self.store.save(key, data).await.map_err(|error| of_state(&error))
    }

    /// Notes an error of AWS for the summary.
    fn met(&self, error: &AwsError) -> Failure {
        lock(&self.totals).error(&error.to_string());
        of_aws(error)
    }

    /// Demand of all accounts against the limits; what changed is told.
    fn fit_budget(&self) {
        let mut total = Demands::new();
        for scope in self.scopes.values() {
            budget::add(&mut total, &lock(&scope.demands));
        }
        let (hot, warm) = (hot_every(&self.settings), warm_every(&self.settings));
        let mut fit = lock(&self.fit);
        let new = budget::fit(&total, hot, warm, &self.settings.limits, Some(&fit));
        if (new.warm_every, &new.given_up, new.within) != (fit.warm_every, &fit.given_up, fit.within) {
            tracing::warn!(
                warm_every_seconds = new.warm_every,
                given_up = ?new.given_up,
                dollars_a_month = new.dollars,
                series = new.series,
                within = new.within,
                "what is read has been fitted to `limits`"
            );
        }
        if let Some(health) = &self.health {
            health.publish("budget", serde_json::to_value(&new).unwrap_or_default());
        }
        *fit = new;
    }

    fn given_up(&self) -> BTreeSet<String> {
        lock(&self.fit).given_up()
    }
}

impl ScopeJobs {
    fn new(aws: Arc<Aws>) -> Self {
        Self {
            aws,
            memory: AsyncMutex::default(),
            inventory: watch::Sender::new(None),
            demands: Mutex::default(),
            units: Mutex::default(),
            units_loaded: AsyncMutex::default(),
            recent: Mutex::default(),
            hot: AsyncMutex::default(),
            warm: AsyncMutex::default(),
            committed: Mutex::default(),
            statuses: AsyncMutex::default(),
            logs: AsyncMutex::default(),
            log_groups: Mutex::default(),
            rises: Mutex::default(),
        }
    }

    fn key(&self, job: &'static str) -> Key {
        Key::scoped(job, self.aws.scope().clone())
    }

    /// The newest inventory; waits for the first one.
    async fn inventory(&self) -> Result<Arc<Inventory>, Failure> {
        let mut inventories = self.inventory.subscribe();
        let first = inventories.wait_for(Option::is_some);
        match tokio::time::timeout(FIRST_INVENTORY, first).await {
            Ok(Ok(inventory)) => inventory.clone().ok_or_else(no_inventory),
            _ => Err(no_inventory()),
        }
    }
}

fn no_inventory() -> Failure {
    Failure {
        message: "nothing has been discovered yet; the discover job says why".to_owned(),
        tag: "no_inventory",
        retriable: true,
        fatal: false,
    }
}

fn of_aws(error: &AwsError) -> Failure {
    Failure { message: error.without_scope(), tag: error.class.tag(), retriable: error.class.retriable(), fatal: false }
}

/// What was sent to Datadog did not all arrive; `error` is the last that was met.
fn of_datadog(error: Option<String>) -> Failure {
    let message = error.unwrap_or_else(|| "datadog did not take every point".to_owned());
    Failure { message, tag: DATADOG, retriable: true, fatal: false }
}

/// A second writer would overwrite ours: nothing may go on.
fn of_state(error: &StateError) -> Failure {
    let fatal = matches!(error, StateError::SecondWriter { .. } | StateError::Future { .. });
    Failure { message: error.to_string(), tag: error.tag(), retriable: error.retriable(), fatal }
}

/// The time between two polls of the hot tier, by its schedule.
#[must_use]
pub fn hot_every(settings: &Settings) -> Duration {
    interval(&settings.schedules.hot)
}

/// The time between two polls of the warm tier, by its schedule.
#[must_use]
pub fn warm_every(settings: &Settings) -> Duration {
    interval(&settings.schedules.warm)
}

/// The shortest time between two of the next runs of a schedule.
fn interval(schedule: &cron::Schedule) -> Duration {
    let runs: Vec<_> = schedule.after(&DateTime::<Utc>::UNIX_EPOCH).take(16).collect();
    let gaps = runs.windows(2).filter_map(|pair| (pair[1] - pair[0]).to_std().ok());
    gaps.min().unwrap_or(Duration::from_mins(1))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn points(batch: &[Series]) -> u64 {
    batch.iter().map(|series| series.points.len() as u64).sum()
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn count(n: u64) -> f64 {
    n as f64
}
