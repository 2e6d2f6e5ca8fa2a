//! What is wrong with dashboards, monitors and SLOs that Datadog would take without a word. Offline and pure.
//!
//! Datadog accepts a query of a metric that does not exist, a handle that is never told of the recovery and a `{{` that
//! is never closed. Each is a page that does not come or does not end, so each is a [`Rule`] here.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::provision::object::{Desired, Identity, Kind};

mod burn;
mod dashboard;
mod known;
mod message;
mod monitor;
mod options;
mod series;
mod slo;

pub use known::{Delays, Known, Metrics};

/// One thing that is wrong, or that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was broken.
    pub rule: Rule,
    /// How bad that is.
    pub level: Level,
    /// What the object is.
    pub kind: Kind,
    /// Which object.
    pub identity: Identity,
    /// Where in it, for example `widgets[3].definition.requests[0].q`.
    pub place: String,
    /// One line: what is wrong, and what to change.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, level, kind, identity, place, message } = self;
        // Who shows it says how bad it is; that something was not looked at would not be seen otherwise.
        if *level == Level::NotChecked {
            write!(f, "{level}: ")?;
        }
        write!(f, "{kind} {identity}: {place}: {message} [{rule}]")
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It cannot do what it is there for.
    Error,
    /// It works, and not well.
    Warning,
    /// Nothing can be said: look at it yourself.
    NotChecked,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::NotChecked => "not checked",
        })
    }
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Every `{{` has its `}}`.
    Braces,
    /// Every `{{#x}}` has its `{{/x}}`.
    Block,
    /// Every `{{x.name}}` is a group of the query.
    GroupVariable,
    /// Every other `{{x}}` is one that Datadog fills in.
    Variable,
    /// Somebody is told.
    NoHandle,
    /// Who is told of the alert is told of its end.
    RecoveryHandle,
    /// The message says what to do.
    Runbook,
    /// The monitor has a priority.
    Priority,
    /// The threshold of the query is that of the options.
    Threshold,
    /// The evaluation waits for the data, and no longer than that of the slowest integration.
    EvaluationDelay,
    /// Missing data is dealt with in one way.
    MissingData,
    /// Datadog takes the other options of a monitor.
    Options,
    /// The metric exists.
    Metric,
    /// The metric is not switched off.
    MetricDisabled,
    /// Counts are counted and gauges are not.
    MetricType,
    /// The metric has the tag.
    Tag,
    /// What is added or drawn on one axis is of one unit.
    Unit,
    /// A widget shows something.
    DataSource,
    /// A widget says what it shows.
    Title,
    /// A widget can be drawn as it says.
    Display,
    /// An SLO counts.
    SloCount,
    /// An alert on an SLO fits that SLO.
    SloAlert,
    /// An object is there once.
    Duplicate,
    /// One key is one template.
    SharedKey,
    /// The query is understood.
    Query,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 25] = [
        Self::Braces,
        Self::Block,
        Self::GroupVariable,
        Self::Variable,
        Self::NoHandle,
        Self::RecoveryHandle,
        Self::Runbook,
        Self::Priority,
        Self::Threshold,
        Self::EvaluationDelay,
        Self::MissingData,
        Self::Options,
        Self::Metric,
        Self::MetricDisabled,
        Self::MetricType,
        Self::Tag,
        Self::Unit,
        Self::DataSource,
        Self::Title,
        Self::Display,
        Self::SloCount,
        Self::SloAlert,
        Self::Duplicate,
        Self::SharedKey,
        Self::Query,
    ];

    /// A few words with hyphens, for output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Braces => "braces",
            Self::Block => "block",
            Self::GroupVariable => "group-variable",
            Self::Variable => "variable",
            Self::NoHandle => "no-handle",
            Self::RecoveryHandle => "recovery-handle",
            Self::Runbook => "runbook",
            Self::Priority => "priority",
            Self::Threshold => "threshold",
            Self::EvaluationDelay => "evaluation-delay",
            Self::MissingData => "missing-data",
            Self::Options => "options",
            Self::Metric => "metric",
            Self::MetricDisabled => "metric-disabled",
            Self::MetricType => "metric-type",
            Self::Tag => "tag",
            Self::Unit => "unit",
            Self::DataSource => "data-source",
            Self::Title => "title",
            Self::Display => "display",
            Self::SloCount => "slo-count",
            Self::SloAlert => "slo-alert",
            Self::Duplicate => "duplicate",
            Self::SharedKey => "shared-key",
            Self::Query => "query",
        }
    }

    /// How bad breaking it is.
    #[must_use]
    pub fn level(self) -> Level {
        match self {
            Self::Variable
            | Self::NoHandle
            | Self::Runbook
            | Self::Priority
            | Self::EvaluationDelay
            | Self::MetricDisabled
            | Self::Unit
            | Self::Title
            | Self::SharedKey => Level::Warning,
            Self::Query => Level::NotChecked,
            Self::Braces
            | Self::Block
            | Self::GroupVariable
            | Self::RecoveryHandle
            | Self::Threshold
            | Self::MissingData
            | Self::Options
            | Self::Metric
            | Self::MetricType
            | Self::Tag
            | Self::DataSource
            | Self::Display
            | Self::SloCount
            | Self::SloAlert
            | Self::Duplicate => Level::Error,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Every finding about `objects`, in their order. `metrics` is what series there will be.
#[must_use]
pub fn lint(objects: &[Desired], metrics: &Metrics) -> Vec<Finding> {
    let mut linter = Linter::new(metrics);
    for slo in objects.iter().filter(|object| object.kind == Kind::Slo) {
        linter.slos.note(slo);
    }
    for object in objects {
        linter.look(object);
    }
    linter.findings
}

/// Looks at one object after the other, and keeps none.
#[derive(Debug)]
pub struct Linter<'m> {
    metrics: &'m Metrics,
    /// How often each object came.
    seen: HashMap<(Kind, Identity), usize>,
    /// By their keys.
    templates: BTreeMap<String, Template>,
    slos: burn::Slos,
    /// In the order of the objects.
    pub findings: Vec<Finding>,
}

/// What is known of the objects of one template.
#[derive(Debug)]
struct Template {
    /// What the first of them was.
    first: Kind,
    monitors: monitor::Seen,
    slos: slo::Seen,
    dashboards: dashboard::Seen,
}

impl Template {
    fn new(first: Kind) -> Self {
        Self { first, monitors: <_>::default(), slos: <_>::default(), dashboards: <_>::default() }
    }
}

impl<'m> Linter<'m> {
    /// `metrics` is what series there will be.
    #[must_use]
    pub fn new(metrics: &'m Metrics) -> Self {
        Self {
            metrics,
            seen: HashMap::new(),
            templates: BTreeMap::new(),
            slos: burn::Slos::default(),
            findings: Vec::new(),
        }
    }

    /// An SLO comes before what alerts on it: what is not known of one is not held against the alert.
    pub fn look(&mut self, object: &Desired) {
        let Desired { kind, identity, body } = object;
        let mut about = About { kind: *kind, identity, findings: Vec::new() };
        let times = self.seen.entry((*kind, identity.clone())).or_insert(0);
        *times += 1;
        if *times == 2 {
            let message = "stands twice; only one of them can be there: rename or remove a template".to_owned();
            about.found(Rule::Duplicate, kind.title_key(), message);
        }
        let key = &identity.template;
        if !self.templates.contains_key(key) {
            self.templates.insert(key.clone(), Template::new(*kind));
        }
        if let Some(template) = self.templates.get_mut(key) {
            if template.first != *kind && *times == 1 {
                let message = format!("a {} has the template key `{key}` too; rename one of the files", template.first);
                about.found(Rule::SharedKey, kind.title_key(), message);
            }
            match kind {
                Kind::Monitor => monitor::check(body, self.metrics, &self.slos, &mut template.monitors, &mut about),
                Kind::Slo => {
                    self.slos.note(object);
                    slo::check(body, self.metrics, &mut template.slos, &mut about);
                }
                Kind::Dashboard => dashboard::check(body, self.metrics, &mut template.dashboards, &mut about),
            }
        }
        self.findings.append(&mut about.findings);
    }
}

/// The object that is looked at, and what was found.
struct About<'a> {
    kind: Kind,
    identity: &'a Identity,
    findings: Vec<Finding>,
}

impl About<'_> {
    fn found(&mut self, rule: Rule, place: &str, message: impl Into<String>) {
        self.push(rule, rule.level(), place, message.into());
    }

    /// Nothing can be said about it with regard to `rule`.
    fn unknown(&mut self, rule: Rule, place: &str, message: impl Into<String>) {
        self.push(rule, Level::NotChecked, place, message.into());
    }

    /// The same was found in another object.
    fn repeat(&mut self, findings: &[Finding]) {
        let identity = || self.identity.clone();
        self.findings.extend(findings.iter().map(|finding| Finding { identity: identity(), ..finding.clone() }));
    }

    fn push(&mut self, rule: Rule, level: Level, place: &str, message: String) {
        let (kind, identity, place) = (self.kind, self.identity.clone(), place.to_owned());
        let finding = Finding { rule, level, kind, identity, place, message };
        // A filter stands in many queries of one formula: once is enough.
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }
}

/// The text at a key; empty when there is none.
fn text<'v>(body: &'v Value, key: &str) -> &'v str {
    body.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests;
