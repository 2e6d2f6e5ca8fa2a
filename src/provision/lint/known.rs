//! Which series there are, of what type and unit, and with which tags.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Settings, nearest};
use crate::model::catalogue::{DERIVED, DeployMetric, LogMetric, Metric, PREFIX, Target, Tier, table};
use crate::model::series::Kind;

/// Tags of every series about a resource of a pipeline.
const CONTRACT: [&str; 7] = ["pipeline", "environment", "env", "team", "stage", "aws_account", "region"];
/// Tags of a series about a whole pipeline.
const OF_PIPELINE: [&str; 6] = ["pipeline", "environment", "env", "team", "aws_account", "region"];
/// What this program says about itself.
const OURSELVES: &str = "ddsync.";

/// One series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its whole name.
    pub name: String,
    /// How it adds up.
    pub kind: Kind,
    /// Datadog's word; empty for none.
    pub unit: String,
    /// Keys of its tags.
    pub tags: BTreeSet<String>,
    /// After which time its points are there; `None` when they are sent as they come about.
    pub tier: Option<Tier>,
}

impl Known {
    /// A gauge or a count that is sent at once.
    #[must_use]
    pub fn at_once(name: &str, kind: Kind, unit: &str, tags: &[&str]) -> Self {
        let tags = tags.iter().map(|&tag| tag.to_owned()).collect();
        Self { name: name.to_owned(), kind, unit: unit.to_owned(), tags, tier: None }
    }
}

/// How long an evaluation has to wait for data, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delays {
    /// For what is read every minute.
    pub hot: u64,
    /// For the rest.
    pub warm: u64,
}

impl Delays {
    /// Those of a configuration.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        Self { hot: settings.evaluation_delay(Tier::Hot), warm: settings.evaluation_delay(Tier::Warm) }
    }
}

/// All series that there will be.
#[derive(Debug, Clone)]
pub struct Metrics {
    by_name: BTreeMap<String, Known>,
    /// Names of those that the settings switch off.
    disabled: BTreeSet<String>,
    /// Keys of tags that every series has besides.
    everywhere: BTreeSet<String>,
    delays: Delays,
}

impl Metrics {
    /// The catalogue, what the user adds to it, and `more`, which is what this program says about itself.
    ///
    /// `tags` are those that are put on everything, each `key:value`.
    #[must_use]
    pub fn new(custom: &[Metric], more: &[Known], tags: &[String], delays: Delays) -> Self {
        let read = table().into_iter().chain(custom.iter().cloned()).flat_map(|metric| of_metric(&metric));
        let all = read.chain(derived()).chain(deploys()).chain(logs()).chain(more.iter().cloned());
        let key = |tag: &String| tag.split(':').next().unwrap_or_default().to_owned();
        Self {
            by_name: all.map(|known| (known.name.clone(), known)).collect(),
            disabled: BTreeSet::new(),
            everywhere: tags.iter().map(key).collect(),
            delays,
        }
    }

    /// The same, of which these series are never sent.
    #[must_use]
    pub fn without(self, disabled: impl IntoIterator<Item = String>) -> Self {
        Self { disabled: disabled.into_iter().collect(), ..self }
    }

    pub(super) fn is_disabled(&self, name: &str) -> bool {
        self.disabled.contains(name)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Known> {
        self.by_name.get(name)
    }

    /// Whether a metric of this name could only be one of ours.
    pub(super) fn is_ours(name: &str) -> bool {
        name.starts_with(PREFIX) || name.starts_with(OURSELVES)
    }

    /// The name that a misspelt one most likely means.
    pub(super) fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.by_name.keys().map(String::as_str))
    }

    pub(super) fn has_tag(&self, known: &Known, key: &str) -> bool {
        known.tags.contains(key) || self.everywhere.contains(key)
    }

    /// The keys of a series' tags, for a message.
    pub(super) fn tags_of(&self, known: &Known) -> String {
        known.tags.union(&self.everywhere).map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// Seconds after which its points are there.
    pub(super) fn delay(&self, known: &Known) -> u64 {
        match known.tier {
            Some(Tier::Hot) => self.delays.hot,
            Some(Tier::Warm) => self.delays.warm,
            None => 0,
        }
    }
}

fn tags(keys: &[&[&str]]) -> BTreeSet<String> {
    keys.iter().flat_map(|keys| keys.iter()).map(|&key| key.to_owned()).collect()
}

fn of_metric(metric: &Metric) -> Vec<Known> {
    let tags = match metric.target {
        Target::Endpoint => tags(&[&CONTRACT, &["endpoint"]]),
        Target::Variant => tags(&[&CONTRACT, &["endpoint", "variant"]]),
        Target::Function => tags(&[&CONTRACT, &["function"]]),
        Target::Stream => tags(&[&CONTRACT, &["stream"]]),
        Target::TextractOperation => tags(&[&["operation", "shared_by", "aws_account", "region"]]),
    };
    let known = metric.columns.iter().map(|column| Known {
        name: column.series.to_string(),
        kind: column.kind,
        unit: if column.statistic.in_unit() { metric.datadog_unit.to_string() } else { String::new() },
        tags: tags.clone(),
        tier: Some(metric.tier),
    });
    known.collect()
}

/// What is computed here. All of it comes with the hot tier but the time to drain, which needs what was processed.
fn derived() -> impl Iterator<Item = Known> {
    DERIVED.iter().map(|derived| {
        let (own, tier): (&[&[&str]], _) = match derived.name {
            "mlpipeline.pipeline.lag" => (&[&OF_PIPELINE], Tier::Hot),
            "mlpipeline.pipeline.bottleneck" | "mlpipeline.stage.missing" => (&[&OF_PIPELINE, &["stage"]], Tier::Hot),
            "mlpipeline.endpoint.status" => (&[&CONTRACT, &["endpoint", "status"]], Tier::Hot),
            "mlpipeline.endpoint.instances_desired" => (&[&CONTRACT, &["endpoint", "variant"]], Tier::Hot),
            "mlpipeline.endpoint.drain_time" => (&[&CONTRACT, &["endpoint"]], Tier::Warm),
            _ => (&[&CONTRACT, &["endpoint"]], Tier::Hot),
        };
        Known {
            name: derived.name.to_owned(),
            kind: Kind::Gauge,
            unit: derived.datadog_unit.to_owned(),
            tags: tags(own),
            tier: Some(tier),
        }
    })
}

/// What is counted as logs are read: most within a minute, like what is read every minute.
fn logs() -> impl Iterator<Item = Known> {
    LogMetric::ALL.iter().map(|metric| Known {
        name: metric.name().to_owned(),
        kind: metric.kind(),
        unit: metric.datadog_unit().to_owned(),
        tags: tags(&[&CONTRACT, metric.own_tags()]),
        tier: Some(Tier::Hot),
    })
}

/// What is worked out from the deployments, and sent as it comes about.
fn deploys() -> impl Iterator<Item = Known> {
    DeployMetric::ALL
        .iter()
        .map(|metric| Known::at_once(metric.name(), metric.kind(), metric.datadog_unit(), metric.tags()))
}
