//! What this program says about itself: every name in one place, a registry to record under them, and the set-up of
//! its own log.
//!
//! The registry knows nothing of the rest of the crate: [`Telemetry::flush`] hands out plain data, which the sink
//! normalises and sends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Tags of a record: key and raw value, in ascending order of key. The sink makes them legal.
pub type Tags = Vec<(&'static str, String)>;

/// A metric about this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Name {
    /// 1 on every report. Without it, silence means that nothing runs.
    Heartbeat,
    /// Percent of the queries that CloudWatch answered in full; tags `aws_account`, `region`, `tier`.
    Coverage,
    /// Seconds between now and the newest committed minute; tags `job`, `aws_account`, `region`.
    Lag,
    /// Points by what became of them; tag `fate`.
    Points,
    /// Refused points by the reason; tag `reason`.
    PointsRefused,
    /// Minutes that can no longer be had after an outage; tags `job`, `aws_account`, `region`.
    MinutesLost,
    /// Requests made; tags `api`, `operation`, `aws_account`, `region`.
    ApiRequests,
    /// Estimated dollars spent on requests; tags `api`, `aws_account`, `region`.
    ApiDollars,
    /// Seconds that the last run of a job took; tags `job`, `aws_account`, `region`.
    JobDuration,
    /// Runs of a job that failed; tags `job`, `aws_account`, `region`, `error`.
    JobFailures,
    /// Runs that were skipped since the one before was still going; tags `job`, `aws_account`, `region`.
    JobOverruns,
    /// What a month will cost at the present rate; tag `budget` (`cloudwatch_dollars`, `datadog_series`).
    BudgetEstimate,
    /// The ceiling that the configuration sets; tag `budget`.
    BudgetLimit,
    /// 1 while something is read less often or not at all to stay below a ceiling, else 0; tag `budget`.
    BudgetDegraded,
    /// Seconds that our clock is ahead of Datadog's; negative when it is behind.
    ClockSkew,
    /// Resources that discovery could not place; tags `reason`, `aws_account`, `region`.
    Findings,
    /// Messages to the local Agent that were lost.
    AgentDropped,
    /// Dashboards, monitors and SLOs that somebody changed by hand, as the last plan found them; tag `kind`.
    ProvisionDrift,
    /// Objects that should be changed and are not, after the last apply; tag `kind`.
    ProvisionPending,
    /// Requests to the webhook by what became of them; tag `outcome`.
    WebhookRequests,
    /// Lines of logs by what became of them; tag `fate`.
    LogLines,
    /// Seconds between now and the instant up to which every log group has been read; tags `aws_account`, `region`.
    LogLag,
}

/// How values of one name and one set of tags combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Records add up; a flush takes what was added since the one before.
    Count,
    /// The last record counts; a flush takes it, so that what is no longer said is no longer sent.
    Gauge,
}

/// Which way a metric leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Beside the pipelines' series, acknowledged: whoever judges our data needs it.
    Http,
    /// To a local Agent when one is configured; may be lost.
    DogStatsD,
}

impl Name {
    /// Every metric, for metadata and for the reference.
    pub const ALL: [Self; 22] = [
        Self::Heartbeat,
        Self::Coverage,
        Self::Lag,
        Self::Points,
        Self::PointsRefused,
        Self::MinutesLost,
        Self::ApiRequests,
        Self::ApiDollars,
        Self::JobDuration,
        Self::JobFailures,
        Self::JobOverruns,
        Self::BudgetEstimate,
        Self::BudgetLimit,
        Self::BudgetDegraded,
        Self::ClockSkew,
        Self::Findings,
        Self::AgentDropped,
        Self::ProvisionDrift,
        Self::ProvisionPending,
        Self::WebhookRequests,
        Self::LogLines,
        Self::LogLag,
    ];

    /// The name in Datadog.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Heartbeat => "ddsync.heartbeat",
            Self::Coverage => "ddsync.coverage",
            Self::Lag => "ddsync.lag",
            Self::Points => "ddsync.points",
            Self::PointsRefused => "ddsync.points.refused",
            Self::MinutesLost => "ddsync.minutes.lost",
            Self::ApiRequests => "ddsync.api.requests",
            Self::ApiDollars => "ddsync.api.dollars",
            Self::JobDuration => "ddsync.job.duration",
            Self::JobFailures => "ddsync.job.failures",
            Self::JobOverruns => "ddsync.job.overruns",
            Self::BudgetEstimate => "ddsync.budget.estimate",
            Self::BudgetLimit => "ddsync.budget.limit",
            Self::BudgetDegraded => "ddsync.budget.degraded",
            Self::ClockSkew => "ddsync.clock.skew",
            Self::Findings => "ddsync.findings",
            Self::AgentDropped => "ddsync.dogstatsd.dropped",
            Self::ProvisionDrift => "ddsync.provision.drift",
            Self::ProvisionPending => "ddsync.provision.pending",
            Self::WebhookRequests => "ddsync.webhook.requests",
            Self::LogLines => "ddsync.logs.lines",
            Self::LogLag => "ddsync.logs.lag",
        }
    }

    /// How its values combine.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Points
            | Self::PointsRefused
            | Self::MinutesLost
            | Self::ApiRequests
            | Self::ApiDollars
            | Self::JobFailures
            | Self::JobOverruns
            | Self::AgentDropped
            | Self::WebhookRequests
            | Self::LogLines => Kind::Count,
            Self::Heartbeat
            | Self::Coverage
            | Self::Lag
            | Self::JobDuration
            | Self::BudgetEstimate
            | Self::BudgetLimit
            | Self::BudgetDegraded
            | Self::ClockSkew
            | Self::Findings
            | Self::ProvisionDrift
            | Self::ProvisionPending
            | Self::LogLag => Kind::Gauge,
        }
    }

    /// Which way it leaves. One way for each: a count through the Agent is stored as a rate.
    #[must_use]
    pub fn route(self) -> Route {
        match self {
            Self::JobDuration | Self::JobFailures | Self::JobOverruns | Self::Findings => Route::DogStatsD,
            Self::Heartbeat
            | Self::Coverage
            | Self::Lag
            | Self::Points
            | Self::PointsRefused
            | Self::MinutesLost
            | Self::ApiRequests
            | Self::ApiDollars
            | Self::BudgetEstimate
            | Self::BudgetLimit
            | Self::BudgetDegraded
            | Self::ClockSkew
            | Self::AgentDropped
            | Self::ProvisionDrift
            | Self::ProvisionPending
            | Self::WebhookRequests
            | Self::LogLines
            | Self::LogLag => Route::Http,
        }
    }

    /// Datadog's word for the unit; empty for none. <https://docs.datadoghq.com/metrics/units/>
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Coverage => "percent",
            Self::Lag | Self::LogLag | Self::JobDuration | Self::ClockSkew => "second",
            Self::ApiRequests | Self::WebhookRequests => "request",
            Self::ApiDollars => "dollar",
            Self::Heartbeat
            | Self::Points
            | Self::PointsRefused
            | Self::MinutesLost
            | Self::JobFailures
            | Self::JobOverruns
            | Self::BudgetEstimate
            | Self::BudgetLimit
            | Self::BudgetDegraded
            | Self::Findings
            | Self::AgentDropped
            | Self::ProvisionDrift
            | Self::ProvisionPending
            | Self::LogLines => "",
        }
    }

    /// Keys of the tags that its series may carry.
    #[must_use]
    pub fn tags(self) -> &'static [&'static str] {
        match self {
            Self::Heartbeat | Self::ClockSkew | Self::AgentDropped => &[],
            Self::Coverage => &["aws_account", "region", "tier"],
            Self::Lag | Self::MinutesLost | Self::JobDuration | Self::JobOverruns => &["job", "aws_account", "region"],
            Self::Points | Self::LogLines => &["fate"],
            Self::LogLag => &["aws_account", "region"],
            Self::PointsRefused => &["reason"],
            Self::ApiRequests => &["api", "operation", "aws_account", "region"],
            Self::ApiDollars => &["api", "aws_account", "region"],
            Self::JobFailures => &["job", "aws_account", "region", "error"],
            Self::BudgetEstimate | Self::BudgetLimit | Self::BudgetDegraded => &["budget"],
            Self::Findings => &["reason", "aws_account", "region"],
            Self::ProvisionDrift | Self::ProvisionPending => &["kind"],
            Self::WebhookRequests => &["outcome"],
        }
    }
}

/// One value to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Which metric.
    pub name: Name,
    /// Key and raw value.
    pub tags: Tags,
    /// Of the flush, Unix seconds.
    pub at: i64,
    /// In the metric's unit; of a count, what was added since the flush before.
    pub value: f64,
}

/// The registry. Cheap to clone; clones share their values.
#[derive(Debug, Clone, Default)]
pub struct Telemetry(Arc<Mutex<Registry>>);

#[derive(Debug, Default)]
struct Registry {
    values: BTreeMap<(Name, Tags), f64>,
    flushed_at: Option<i64>,
}

impl Telemetry {
    /// A registry without values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds to a count, or sets a gauge: [`Name::kind`] decides. Values that are not finite are dropped.
    pub fn record(&self, name: Name, tags: &[(&'static str, &str)], value: f64) {
        if !value.is_finite() {
            return;
        }
        let mut tags: Tags = tags.iter().map(|&(key, value)| (key, value.to_owned())).collect();
        tags.sort_unstable();
        let mut registry = self.lock();
        let held = registry.values.entry((name, tags)).or_insert(0.0);
        match name.kind() {
            Kind::Count => *held += value,
            Kind::Gauge => *held = value,
        }
    }

    /// Takes what was recorded since the flush before, for the instant `at` (Unix seconds).
    ///
    /// Datadog keeps the last point of a second, so a second flush in the same second takes nothing and leaves its
    /// values to the next one. Keep what is returned until it is delivered: sent again as it is, it counts once.
    #[must_use]
    pub fn flush(&self, at: i64) -> Vec<Sample> {
        let mut registry = self.lock();
        if registry.flushed_at.is_some_and(|last| at <= last) {
            return Vec::new();
        }
        registry.flushed_at = Some(at);
        let values = std::mem::take(&mut registry.values);
        values.into_iter().map(|((name, tags), value)| Sample { name, tags, at, value }).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        // Every change is one assignment: a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TracingError {
    /// The filter does not parse.
    #[error("`log.filter` is {filter:?}: {reason}; it takes for example `info` or `ddsync=debug`")]
    Filter {
        /// As configured.
        filter: String,
        /// What the parser says.
        reason: String,
    },
    /// It was set up before.
    #[error("the log is already set up: {0}")]
    Twice(String),
}

/// Sends the program's log to standard error: one JSON object an event, or a line of text, coloured if `ansi`.
///
/// # Errors
/// When `filter` does not parse, or a log was set up before in this process.
pub fn init_tracing(filter: &str, json: bool, ansi: bool) -> Result<(), TracingError> {
    let filter = parse_filter(filter)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let done = if json { builder.json().flatten_event(true).try_init() } else { builder.with_ansi(ansi).try_init() };
    done.map_err(|error| TracingError::Twice(error.to_string()))
}

/// Answers as they came, with the keys of assumed roles when `LOG_SENSITIVE_BODIES` is in the environment.
const BODIES: &str = "aws_smithy_runtime::client::orchestrator::http";

fn parse_filter(filter: &str) -> Result<EnvFilter, TracingError> {
    let wrong = |error: ParseError| TracingError::Filter { filter: filter.to_owned(), reason: error.to_string() };
    let silent = format!("{BODIES}=off").parse().map_err(wrong)?;
    Ok(EnvFilter::builder().parse(filter).map_err(wrong)?.add_directive(silent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(samples: &[Sample], name: Name) -> Vec<f64> {
        samples.iter().filter(|sample| sample.name == name).map(|sample| sample.value).collect()
    }

    #[test]
    fn counts_add_up_and_gauges_keep_the_last() {
        let telemetry = Telemetry::new();
        let shared = telemetry.clone();
        telemetry.record(Name::Points, &[("fate", "accepted")], 2.0);
        shared.record(Name::Points, &[("fate", "accepted")], 3.0);
        shared.record(Name::Coverage, &[("region", "eu-west-1"), ("aws_account", "1")], 90.0);
        telemetry.record(Name::Coverage, &[("aws_account", "1"), ("region", "eu-west-1")], 100.0);
        telemetry.record(Name::Lag, &[], f64::NAN);
        let samples = telemetry.flush(60);
        assert_eq!(values(&samples, Name::Points), [5.0]);
        assert_eq!(values(&samples, Name::Coverage), [100.0]);
        assert_eq!(samples.len(), 2);
        assert_eq!(telemetry.flush(120), []);
    }

    #[test]
    fn a_second_flush_in_one_second_would_overwrite_so_it_waits() {
        let telemetry = Telemetry::new();
        telemetry.record(Name::JobOverruns, &[], 1.0);
        assert_eq!(values(&telemetry.flush(60), Name::JobOverruns), [1.0]);
        telemetry.record(Name::JobOverruns, &[], 4.0);
        assert_eq!(telemetry.flush(60), []);
        assert_eq!(values(&telemetry.flush(61), Name::JobOverruns), [4.0]);
    }

    #[test]
    fn names_are_distinct_and_ours() {
        let names: std::collections::BTreeSet<&str> = Name::ALL.iter().map(|name| name.as_str()).collect();
        assert_eq!(names.len(), Name::ALL.len());
        assert!(names.iter().all(|name| name.starts_with("ddsync.")));
    }

    #[test]
    fn a_bad_filter_names_its_setting() {
        let error = parse_filter("ddsync=loud").map(drop).map_err(|error| error.to_string());
        assert!(error.is_err_and(|error| error.starts_with("`log.filter` is \"ddsync=loud\"")));
        assert!(parse_filter("info,ddsync=debug").is_ok());
    }
}
