//! The configuration as meant: checked, defaulted, ready to use. Only this travels through the program.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use chrono::FixedOffset;
use cron::Schedule;
use globset::GlobSet;

use crate::config::{Secret, schedules};
use crate::model::catalogue::{Metric, Tier};
use crate::model::dora::{Pattern, Rules};
use crate::model::log::Status;
use crate::model::tag::{TagKeys, tag};

/// Everything a run needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// AWS accounts, each its own unit of failure. At least one.
    pub accounts: Vec<Account>,
    /// Names of the tags that make up the contract.
    pub tags: TagKeys,
    /// The values the environment tag may have; empty accepts any.
    pub environments: BTreeSet<String>,
    /// Which pipelines, and the files that declare them.
    pub pipelines: Pipelines,
    /// What is read from CloudWatch, and how.
    pub metrics: Metrics,
    /// What is read from CloudWatch Logs, and how.
    pub logs: Logs,
    /// When each job runs.
    pub schedules: Schedules,
    /// Where series go.
    pub datadog: Datadog,
    /// A local Agent for our own live metrics, service checks and events.
    pub dogstatsd: Option<DogStatsD>,
    /// Whose deploy workflows are followed; absent is no DORA.
    pub github: Option<GitHub>,
    /// How their deployments are judged.
    pub dora: Dora,
    /// Templates of dashboards, monitors and SLOs beside those that are built in.
    pub templates: Templates,
    /// Who is told, and who is woken.
    pub routes: Routes,
    /// How dashboards, monitors and SLOs are kept in step.
    pub provision: Provision,
    /// Where checkpoints live.
    pub state: StateLocation,
    /// Ceilings on what a month may cost.
    pub limits: Limits,
    /// The daemon.
    pub agent: Agent,
    /// Our own log.
    pub log: Log,
}

/// Between when a minute may be read and when it can be read in Datadog, beside the pause between polls: reading and
/// sending.
const READING: Duration = Duration::from_mins(1);

impl Settings {
    /// Seconds after which data of a tier is in Datadog, in whole minutes: how long a minute is left alone, the longest
    /// pause between polls, and the reading and sending.
    #[must_use]
    pub fn evaluation_delay(&self, tier: Tier) -> u64 {
        let schedule = match tier {
            Tier::Hot => &self.schedules.hot,
            Tier::Warm => &self.schedules.warm,
        };
        let after = self.metrics.delay + Schedules::longest_pause(schedule) + READING;
        (after.as_secs() + u64::from(after.subsec_nanos() > 0)).div_ceil(60) * 60
    }
}

/// One AWS account and the regions read in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Name in output, state keys and errors: `[a-z0-9_-]`.
    pub name: String,
    /// Role to assume; `None` uses the ambient credentials as they are.
    pub role: Option<String>,
    /// External id that the role's trust policy asks for.
    pub external_id: Option<String>,
    /// At least one.
    pub regions: Vec<String>,
}

/// Which pipelines are read.
#[derive(Debug, Clone, Default)]
pub struct Pipelines {
    /// Pipeline files to compare with what is deployed.
    pub files: Vec<PathBuf>,
    /// Only pipelines whose name matches; `None` takes all.
    pub include: Option<GlobSet>,
    /// Pipelines left out, after `include`.
    pub exclude: Option<GlobSet>,
}

impl Pipelines {
    /// Whether a pipeline of this name is wanted.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        self.include.as_ref().is_none_or(|set| set.is_match(name))
            && !self.exclude.as_ref().is_some_and(|set| set.is_match(name))
    }
}

/// What is read from CloudWatch.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// How long a minute is left alone before it is first read. Default 120 s.
    pub delay: Duration,
    /// How far the hot tier reads back on every poll, but for those that come with the warm tier's time, which read back
    /// as far as it does. Default 300 s.
    pub reread_hot: Duration,
    /// How far the warm tier reads back on every poll. Default 900 s.
    pub reread_warm: Duration,
    /// The longest outage that is read again. Default 55 min: Datadog takes points of the last hour.
    pub backfill: Duration,
    /// Requests under way at once per account and region. Default 16.
    pub concurrency: usize,
    /// Metrics of the user's own, beside the catalogue.
    pub custom: Vec<Metric>,
    /// Datadog names, or their prefixes ending in `*`, that are read every minute whatever the catalogue says.
    pub hot: Vec<String>,
    /// Likewise, that are read with the warm tier; `hot` goes before it.
    pub warm: Vec<String>,
    /// Likewise, that are not read.
    pub disable: Vec<String>,
}

/// What is read from CloudWatch Logs, what of it is kept, and what must not leave.
#[derive(Debug, Clone, PartialEq)]
pub struct Logs {
    /// Whether logs are followed at all. Default true.
    pub collect: bool,
    /// `FilterLogEvents` requests a second in one account and region. Default 3.
    pub requests_per_second: u32,
    /// How far back is read again for events that come late. Default 5 minutes.
    pub reread: Duration,
    /// The first that fits decides; a line that none fits is kept.
    pub rules: Vec<LogRule>,
    /// Whether Lambda's `INIT_START`, `START`, `END` and `REPORT` are kept; reports of failures always are. Default true.
    pub lambda_lines: bool,
    /// Bytes that a pipeline may send a day; above it errors only.
    pub daily_bytes: Option<u64>,
    /// What is redacted.
    pub redact: Redact,
}

/// Lines, by what is given, and how many of them are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRule {
    /// A glob over the tag `pipeline`.
    pub pipeline: Option<String>,
    /// A glob over the tag `environment`.
    pub environment: Option<String>,
    /// A glob over the tag `stage`.
    pub stage: Option<String>,
    /// This level and those below.
    pub level: Option<Status>,
    /// A regular expression that is somewhere in the message.
    pub pattern: Option<String>,
    /// How many.
    pub keep: Keep,
}

/// How many of the lines that a rule fits are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Keep {
    /// Every one.
    All,
    /// None, errors neither.
    None,
    /// This share of them, from 0 to 1, and every error.
    Share(f64),
}

/// What is redacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redact {
    /// Keys, passwords and tokens. Default true.
    pub credentials: bool,
    /// Addresses of e-mail.
    pub emails: bool,
    /// Numbers of payment cards, with a right check digit.
    pub cards: bool,
    /// Regular expressions of one's own.
    pub patterns: Vec<String>,
}

impl Default for Redact {
    fn default() -> Self {
        Self { credentials: true, emails: false, cards: false, patterns: Vec::new() }
    }
}

/// When each job runs. Cron with seconds, in UTC.
#[derive(Debug, Clone)]
pub struct Schedules {
    /// Default every minute, at second 20.
    pub discover: Schedule,
    /// Logs, when they are followed. Default every 10 seconds.
    pub logs: Schedule,
    /// Default every minute, at second 0.
    pub hot: Schedule,
    /// Default every fifth minute, at second 30.
    pub warm: Schedule,
    /// Heartbeat, coverage, loss, cost. Default every minute, at second 45.
    pub report: Schedule,
    /// Dashboards, monitors and SLOs, when `provision.auto` is on. Default every fifth minute, at second 50.
    pub provision: Schedule,
    /// Deployments, when there is `github`. Default every second minute, at second 10.
    pub deploys: Schedule,
}

impl Schedules {
    /// The longest time between two runs of a schedule.
    #[must_use]
    pub fn longest_pause(schedule: &Schedule) -> Duration {
        schedules::pauses(schedule).1
    }
}

/// The address at which people look at a site of Datadog's.
#[must_use]
pub fn app(site: &str) -> String {
    // Sites with a name before the domain are their own address: us3.datadoghq.com.
    // <https://docs.datadoghq.com/getting_started/site/>
    if site.split('.').count() > 2 { format!("https://{site}") } else { format!("https://app.{site}") }
}

/// Where series go.
#[derive(Debug, Clone)]
pub struct Datadog {
    /// For example `datadoghq.eu`; any string. Default `datadoghq.com`.
    pub site: String,
    /// Base URL of the API, without a slash at its end: `https://api.<site>` unless overridden.
    pub base_url: String,
    /// Base URL of the intake of logs, likewise: `https://http-intake.logs.<site>` unless overridden.
    pub logs_url: String,
    /// `DD_API_KEY`, or `datadog.api_key_file`; absent only where nothing is sent.
    pub api_key: Option<Secret>,
    /// `DD_APP_KEY`, or `datadog.app_key_file`; metric metadata needs it.
    pub app_key: Option<Secret>,
    /// How bodies are compressed. Default zstd.
    pub compression: Compression,
    /// Tags put on every series and line of a log, normalised, from `datadog.tags` and `DD_TAGS`.
    pub tags: Vec<String>,
    /// How long one batch is retried before its window is left to the next poll. Default 45 s.
    pub deadline: Duration,
}

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Smallest and cheapest.
    Zstd,
    /// For proxies that know nothing else.
    Gzip,
}

/// Where a local Agent listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DogStatsD {
    /// `host:port`, of `udp://host:port`.
    Udp(String),
    /// The path, of `unix:///path`.
    Unix(PathBuf),
}

/// Whose deploy workflows are followed, and how GitHub is asked.
#[derive(Debug, Clone)]
pub struct GitHub {
    /// Base URL of the REST API, without a slash at its end: `https://api.github.com`, or `https://HOST/api/v3` of a server
    /// of one's own.
    pub base_url: String,
    /// Absent only where GitHub is not asked.
    pub credential: Option<GitHubCredential>,
    /// At least one.
    pub repositories: Vec<Repository>,
    /// Where GitHub may tell that something has happened; absent, everything is found by polling.
    pub webhook: Option<Webhook>,
}

/// Where GitHub may tell that something has happened.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// An address of its own, since it may be public and `agent.listen` must not be.
    pub listen: std::net::SocketAddr,
    /// `GITHUB_WEBHOOK_SECRET`, or `github.webhook.secret_file`; absent only where nobody listens.
    pub secret: Option<Secret>,
}

/// As whom GitHub is asked.
#[derive(Debug, Clone)]
pub enum GitHubCredential {
    /// `GITHUB_TOKEN`, or `github.token_file`.
    Token(Secret),
    /// An installation of an App.
    App {
        /// `github.app_id`.
        app_id: u64,
        /// `github.installation_id`.
        installation_id: u64,
        /// What `github.private_key_file` holds: a key in PEM form.
        private_key: Secret,
    },
}

/// A repository with workflows that deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// `owner/name`.
    pub name: String,
    /// At least one.
    pub workflows: Vec<Workflow>,
    /// Folders and files whose commits are of a pipeline, beside its YAML file. `{name}` stands for that file's name
    /// without its end: `src/{name}` is `src/lease` for `pipelines/lease.yaml`. Default none.
    pub source_paths: Vec<String>,
}

/// A workflow that deploys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// The name of a file in `.github/workflows`.
    pub file: String,
    /// What its `run-name` writes. Default [`TITLE`](crate::model::dora::TITLE).
    pub run_name: Pattern,
    /// How its deploy job is called. Default [`JOB_NAME`](crate::model::dora::JOB_NAME).
    pub job_name: Pattern,
}

/// How deployments are judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dora {
    /// Whose days are counted. Default UTC.
    pub zone: FixedOffset,
    /// What counts and what is a failure. By default every rule is on.
    pub rules: Rules,
}

/// Templates of dashboards, monitors and SLOs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Templates {
    /// A folder with `dashboards/`, `monitors/` and `monitors/slos/` in it: adds templates, and replaces built-in ones of
    /// the same name.
    pub dir: Option<PathBuf>,
    /// Templates that are not used, by their names.
    pub disable: BTreeSet<String>,
    /// Values of variables: by the name of a pipeline as typed, or `*` for all, then by the name of the variable. Numbers,
    /// texts, true and false.
    pub variables: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
}

/// Who is told, and who is woken: a tag chooses among these, it never is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes {
    /// Where nothing else fits.
    pub default: Route,
    /// By the tag of the team, for example `team:docs`.
    pub teams: BTreeMap<String, Route>,
    /// By the tag of the environment, for example `environment:data_dev`.
    pub environments: BTreeMap<String, Route>,
    /// By what an owner tag may name, for example `owner:night-shift`.
    pub owners: BTreeMap<String, Route>,
}

impl Routes {
    /// Every route.
    pub fn all(&self) -> impl Iterator<Item = &Route> {
        let others = [&self.teams, &self.environments, &self.owners];
        std::iter::once(&self.default).chain(others.into_iter().flat_map(BTreeMap::values))
    }

    /// Whether nobody is named anywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Handles, each one word that starts with `@`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// Where it stands in the configuration, for example `teams.Docs`; empty for a default that is not configured.
    pub name: String,
    /// Who is woken, in production alone.
    pub page: Vec<String>,
    /// Who is told.
    pub notify: Vec<String>,
}

/// How dashboards, monitors and SLOs are kept in step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provision {
    /// Tells the objects of several installations in one Datadog organisation apart. Default `main`.
    pub namespace: String,
    /// Whether the daemon applies. Default off.
    pub auto: bool,
    /// Whether objects of pipelines that are gone are deleted once `grace` is over. Default off.
    pub prune: bool,
    /// How long objects stay after their pipeline has gone. Default 24 h.
    pub grace: Duration,
    /// Tags of the environments that are production, for example `environment:data_prod`. Default: every environment with
    /// the word `prod` or `production` in its name, and no `non` or `pre`.
    pub production: Option<BTreeSet<String>>,
}

impl Provision {
    /// Whether people are woken for this environment.
    #[must_use]
    pub fn is_production(&self, environment: &str) -> bool {
        let tag = tag("environment", environment);
        match &self.production {
            Some(tags) => tags.contains(&tag),
            None => tag.strip_prefix("environment:").is_some_and(names_production),
        }
    }
}

/// Whether a name speaks of production: `data_prod`, `production`; not `preprod` or `non-prod`.
fn names_production(name: &str) -> bool {
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let is = |known: &'static [&'static str]| move |word: &str| known.contains(&word);
    words.clone().any(is(&["prod", "production"])) && !words.any(is(&["no", "non", "not", "pre"]))
}

/// Where state lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateLocation {
    /// A folder, made when missing.
    Folder(PathBuf),
    /// `s3://bucket/prefix`.
    S3 {
        /// Bucket name.
        bucket: String,
        /// Prefix without slashes at its ends; may be empty.
        prefix: String,
    },
}

impl std::fmt::Display for StateLocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

/// Ceilings. `None` is no ceiling.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// CloudWatch dollars a month, all accounts together.
    pub cloudwatch_dollars_per_month: Option<f64>,
    /// Distinct series in Datadog, all accounts together.
    pub datadog_series: Option<u64>,
    /// What CloudWatch asks for 1,000 metrics requested. Default 0.01.
    pub dollars_per_thousand_metrics: f64,
    /// How many statistics of one metric in one request are billed as one. Default 5; 1 for the pessimist.
    pub statistics_billed_as_one: u32,
    /// What Datadog asks for a GB of logs that it takes. Default 0.10.
    pub dollars_per_gigabyte_of_logs: f64,
    /// What Datadog asks for 1,000,000 events of logs that it keeps. Default 1.70, for 15 days.
    pub dollars_per_million_log_events: f64,
    /// `GetMetricData` requests a second in one account and region. Default 50.
    pub requests_per_second: u32,
    /// Points a second in one account and region. Default 180,000.
    pub points_per_second: u32,
}

/// The daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Address of `/livez`, `/readyz`, `/status`. Default `127.0.0.1:8080`.
    pub listen: std::net::SocketAddr,
    /// How long a stop may take. Default 25 s, below the 30 s of ECS.
    pub shutdown_deadline: Duration,
    /// Failures in a row after which a job makes the daemon unready. Default 5.
    pub unready_after: u32,
}

/// Our own log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// A filter as `tracing` understands it, for example `info` or `ddsync=debug`. Default `info`.
    pub filter: String,
    /// Default human on a terminal, JSON elsewhere.
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Human when standard error is a terminal, JSON when not.
    Auto,
    /// One line of text an event.
    Human,
    /// One JSON object an event.
    Json,
}

/// The environment variables that a run may read, as an argument.
pub type Environment = BTreeMap<String, String>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_production_pages() {
        for name in ["prod", "data_prod", "production", "eu-prod.2"] {
            assert!(names_production(name), "{name}");
        }
        for name in ["data_dev", "preprod", "pre-prod", "non_prod", "nonprod", "product", "reproduction", "none"] {
            assert!(!names_production(name), "{name}");
        }
    }
}
