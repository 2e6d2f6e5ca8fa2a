//! The report job: what this program says about itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::local_agent::LocalAgent;
use super::{Failure, Jobs, Summary, count, lock, warm_every};
use crate::agent::health::JobStatus;
use crate::client::aws::Api;
use crate::config::Settings;
use crate::model::catalogue::{DERIVED, DeployMetric, LogMetric};
use crate::model::resource::Scope;
use crate::model::series::{Kind, Series};
use crate::sink::about_ourselves;
use crate::sink::metadata::{Description, describe};
use crate::telemetry::Name;

/// How long a process that stops waits for its last report, in real time, and then for the local Agent.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// Seconds that a report stands for.
const INTERVAL: u32 = 60;

/// What the report job knows between runs.
pub(super) struct Reporting {
    agent: Option<LocalAgent>,
    /// Overruns that have been reported, by job.
    overruns: BTreeMap<String, u64>,
    /// Series of reports that Datadog has not taken yet.
    unsent: Vec<Vec<Series>>,
    /// Requests that have been reported, by account, region and operation.
    reported: BTreeMap<(Scope, Api), u64>,
    /// Metrics that have been described in Datadog.
    described: BTreeSet<Arc<str>>,
}

impl Reporting {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            agent: settings.dogstatsd.as_ref().and_then(|target| LocalAgent::start(target, settings)),
            overruns: BTreeMap::new(),
            unsent: Vec::new(),
            reported: BTreeMap::new(),
            described: BTreeSet::new(),
        }
    }
}

#[cfg(test)]
impl Reporting {
    /// Names of the series that wait to be sent.
    pub(super) fn unsent_names(&self) -> impl Iterator<Item = &str> {
        self.unsent.iter().flatten().map(|series| &*series.name)
    }
}

impl Jobs {
    pub(super) async fn report(&self) -> Result<Summary, Failure> {
        let mut reporting = self.reporting.lock().await;
        let clock = self.corrected_clock();
        let now = clock.now().timestamp();
        self.telemetry.record(Name::Heartbeat, &[], 1.0);
        self.record_skew();
        self.record_requests(&mut reporting.reported);
        self.record_budget();
        self.record_lag(now);
        let jobs = self.health.as_ref().map(|health| health.status().jobs).unwrap_or_default();
        self.record_overruns(&jobs, &mut reporting.overruns);
        let samples = self.telemetry.flush(now);
        if let Some(agent) = &mut reporting.agent {
            agent.tell(&samples, &jobs, &lock(&self.fit));
            // Told by the other way, and in the next report.
            self.telemetry.record(Name::AgentDropped, &[], count(agent.newly_dropped()));
        }
        let report = about_ourselves(&samples, INTERVAL);
        let what = "reports about this program";
        let delivered = self.deliver_in_order(&clock, what, &mut reporting.unsent, report).await;
        if let Some(failure) = delivered.failure {
            return Err(failure);
        }
        let descriptions = self.descriptions();
        let mut requests = 0;
        let describing = describe(&self.datadog, &descriptions, &mut reporting.described, &mut requests);
        if tokio::time::timeout(self.settings.datadog.deadline, describing).await.is_err() {
            tracing::debug!("not every metric was described within `datadog.deadline`; the others are next time");
        }
        if requests > 0 {
            lock(&self.totals).requested("datadog:metadata", requests);
            let tags = [("api", "datadog"), ("operation", "metadata")];
            self.telemetry.record(Name::ApiRequests, &tags, count(requests));
        }
        Ok(Summary::default())
    }

    /// The last words of a process that stops: what was counted since the last report, to Datadog and to the Agent.
    /// Gives up after some seconds.
    pub async fn finish(&self) {
        if tokio::time::timeout(LAST_WORDS, self.report()).await.is_err() {
            tracing::warn!("the last report was not delivered in time");
        }
        if let Some(agent) = self.reporting.lock().await.agent.take() {
            // It may have to look up a host name.
            let closing = tokio::task::spawn_blocking(move || agent.close());
            if tokio::time::timeout(LAST_WORDS, closing).await.is_err() {
                tracing::warn!("the local Agent did not take what was left for it in time");
            }
        }
    }

    fn record_skew(&self) {
        if let Some(skew) = self.datadog.skew() {
            #[expect(clippy::cast_precision_loss, reason = "a span of seconds is far below 2^52")]
            self.telemetry.record(Name::ClockSkew, &[], skew.ahead.num_seconds() as f64);
        }
    }

    fn record_requests(&self, reported: &mut BTreeMap<(Scope, Api), u64>) {
        for (scope, jobs) in &self.scopes {
            for (api, made) in jobs.aws.requests() {
                let before = reported.insert((scope.clone(), api), made).unwrap_or(0);
                let (service, operation) = api.service_and_operation();
                let tags = [
                    ("api", service),
                    ("operation", operation),
                    ("aws_account", scope.account.as_str()),
                    ("region", scope.region.as_str()),
                ];
                self.telemetry.record(Name::ApiRequests, &tags, count(made - before));
            }
        }
    }

    fn record_overruns(&self, jobs: &[JobStatus], reported: &mut BTreeMap<String, u64>) {
        for job in jobs {
            let before = reported.insert(job.to_string(), job.overruns).unwrap_or(0);
            if job.overruns > before {
                self.telemetry.record(Name::JobOverruns, &job.tags(), count(job.overruns - before));
            }
        }
    }

    fn record_budget(&self) {
        let fit = lock(&self.fit).clone();
        let slowed = f64::from(u8::from(fit.degraded(warm_every(&self.settings))));
        let dollars = (fit.dollars, fit.dollars_limit);
        let series = (count(fit.series), fit.series_limit.map(count));
        for (budget, (estimate, limit)) in [("cloudwatch_dollars", dollars), ("datadog_series", series)] {
            self.telemetry.record(Name::BudgetEstimate, &[("budget", budget)], estimate);
            if let Some(limit) = limit {
                self.telemetry.record(Name::BudgetLimit, &[("budget", budget)], limit);
                self.telemetry.record(Name::BudgetDegraded, &[("budget", budget)], slowed);
            }
        }
    }

    /// Lag grows while a tier does not get on, so it is told here and not by the tier.
    fn record_lag(&self, now: i64) {
        for (scope, jobs) in &self.scopes {
            for (tier, committed) in lock(&jobs.committed).iter() {
                let tier = tier.to_string();
                let tags = [("job", &*tier), ("aws_account", &*scope.account), ("region", &*scope.region)];
                #[expect(clippy::cast_precision_loss, reason = "a span of seconds is far below 2^52")]
                self.telemetry.record(Name::Lag, &tags, (now - committed) as f64);
            }
        }
    }

    /// What Datadog should show of every metric that has been sent.
    fn descriptions(&self) -> Vec<Description> {
        let read = self.catalogue.iter().flat_map(|metric| {
            metric.columns.iter().map(|column| Description {
                name: Arc::clone(&column.series),
                kind: column.kind,
                unit: if column.statistic.in_unit() { metric.datadog_unit.to_string() } else { String::new() },
                about: metric.about.to_string(),
            })
        });
        let derived = DERIVED.iter().map(|derived| Description {
            name: derived.name.into(),
            kind: Kind::Gauge,
            unit: derived.datadog_unit.to_owned(),
            about: derived.about.to_owned(),
        });
        let deploys = DeployMetric::ALL.iter().map(|metric| Description {
            name: metric.name().into(),
            kind: metric.kind(),
            unit: metric.datadog_unit().to_owned(),
            about: metric.about().to_owned(),
        });
        let logs = LogMetric::ALL.iter().map(|metric| Description {
            name: metric.name().into(),
            kind: metric.kind(),
            unit: metric.datadog_unit().to_owned(),
            about: metric.about().to_owned(),
        });
        let sent = lock(&self.sent);
        read.chain(derived).chain(deploys).chain(logs).filter(|one| sent.contains(&one.name)).collect()
    }
}
