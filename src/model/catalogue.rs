//! What is read from CloudWatch: one table of every metric, and the words it is written in.
//!
//! Facts of the table: SageMaker <https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html>, Lambda
//! <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>, Firehose
//! <https://docs.aws.amazon.com/firehose/latest/dev/cloudwatch-metrics.html>, Textract
//! <https://docs.aws.amazon.com/textract/latest/dg/textract_cloudwatch.html>.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::model::resource::EndpointKind;
use crate::model::series::Kind;
use crate::model::unit::Unit;

mod deploys;
mod logs;
mod table;

pub use deploys::{ATTRIBUTIONS, DeployMetric, RESULTS, WINDOWS};
pub use logs::LogMetric;
pub use table::{DERIVED, Derived, TEXTRACT_OPERATIONS, table};

/// After so many seconds `CloudWatch` has shown a minute's point, if there is one: most take two to five minutes.
pub const LATENESS: u32 = 5 * 60;

/// Every name that is exported starts with this.
pub const PREFIX: &str = "mlpipeline.";

/// One CloudWatch metric and the series that are made of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    /// Datadog name without the statistic, for example `mlpipeline.endpoint.backlog`.
    pub name: Cow<'static, str>,
    /// CloudWatch namespace.
    pub namespace: Cow<'static, str>,
    /// CloudWatch name.
    pub metric: Cow<'static, str>,
    /// What it is asked for, and so its exact set of dimensions.
    pub target: Target,
    /// One series each.
    pub columns: Vec<Column>,
    /// The unit that CloudWatch is expected to answer in.
    pub unit_in: Unit,
    /// The unit that is sent.
    pub unit_out: Unit,
    /// Datadog's word for `unit_out`; empty for none.
    pub datadog_unit: Cow<'static, str>,
    /// Endpoint kinds that publish it; empty for what is not an endpoint.
    pub kinds: Cow<'static, [EndpointKind]>,
    /// How often it is asked for.
    pub tier: Tier,
    /// After how many seconds a minute's point can no longer be expected.
    pub lateness: u32,
    /// Asked only for variants with GPUs.
    pub gpu_only: bool,
    /// Place in the order in which metrics are given up near a budget, lowest first; `None` is never given up.
    pub shed: Option<u8>,
    /// One sentence for the reference.
    pub about: Cow<'static, str>,
}

/// One statistic of a metric, and the series it becomes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// What CloudWatch computes.
    pub statistic: Statistic,
    /// The whole Datadog name.
    pub series: Arc<str>,
    /// How Datadog adds it up.
    pub kind: Kind,
    /// Asked only for variants that have instances.
    pub needs_instances: bool,
    /// What a minute without a point means.
    pub absence: Absence,
}

/// What CloudWatch computes over a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// `Average`.
    Average,
    /// `Maximum`.
    Maximum,
    /// `Minimum`.
    Minimum,
    /// `Sum`.
    Sum,
    /// `SampleCount`.
    SampleCount,
    /// `p50`, `p99`: the percentile.
    Percentile(u8),
}

impl Statistic {
    /// As CloudWatch spells it.
    #[must_use]
    pub fn cloudwatch(self) -> Cow<'static, str> {
        match self {
            Self::Average => "Average".into(),
            Self::Maximum => "Maximum".into(),
            Self::Minimum => "Minimum".into(),
            Self::Sum => "Sum".into(),
            Self::SampleCount => "SampleCount".into(),
            Self::Percentile(p) => format!("p{p}").into(),
        }
    }

    /// Reads CloudWatch's spelling.
    #[must_use]
    pub fn from_cloudwatch(text: &str) -> Option<Self> {
        Some(match text {
            "Average" => Self::Average,
            "Maximum" => Self::Maximum,
            "Minimum" => Self::Minimum,
            "Sum" => Self::Sum,
            "SampleCount" => Self::SampleCount,
            _ => Self::Percentile(text.strip_prefix('p')?.parse().ok().filter(|p| (1..100).contains(p))?),
        })
    }

    /// The end of a Datadog name, as the AWS integration spells it.
    #[must_use]
    pub fn suffix(self) -> Cow<'static, str> {
        match self {
            Self::Average => "avg".into(),
            Self::Maximum => "max".into(),
            Self::Minimum => "min".into(),
            Self::Sum => "sum".into(),
            Self::SampleCount => "count".into(),
            Self::Percentile(p) => format!("p{p}").into(),
        }
    }

    /// Sums and counts add up; the others are states.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Sum | Self::SampleCount => Kind::Count,
            Self::Average | Self::Maximum | Self::Minimum | Self::Percentile(_) => Kind::Gauge,
        }
    }

    /// Whether the statistic is in the metric's unit (a count of samples is not).
    #[must_use]
    pub fn in_unit(self) -> bool {
        self != Self::SampleCount
    }
}

/// What a metric is asked for. Decides the exact dimension set: one too few or too many matches nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// `EndpointName`.
    Endpoint,
    /// `EndpointName`, `VariantName`.
    Variant,
    /// `FunctionName`.
    Function,
    /// `DeliveryStreamName`.
    Stream,
    /// `Operation` of Textract: per account, never attributed to one pipeline.
    TextractOperation,
}

impl Target {
    /// The dimensions, in the order in which the parts of a target's name are given.
    #[must_use]
    pub fn dimensions(self) -> &'static [&'static str] {
        match self {
            Self::Endpoint => &["EndpointName"],
            Self::Variant => &["EndpointName", "VariantName"],
            Self::Function => &["FunctionName"],
            Self::Stream => &["DeliveryStreamName"],
            Self::TextractOperation => &["Operation"],
        }
    }

    /// As it is written in a configuration.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "endpoint" => Self::Endpoint,
            "variant" => Self::Variant,
            "function" => Self::Function,
            "stream" => Self::Stream,
            "textract_operation" => Self::TextractOperation,
            _ => return None,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Endpoint => "endpoint",
            Self::Variant => "variant",
            Self::Function => "function",
            Self::Stream => "stream",
            Self::TextractOperation => "textract_operation",
        })
    }
}

/// How often a metric is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Every minute: what a page depends on.
    Hot,
    /// Every five minutes, with the same one-minute points.
    Warm,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hot => "hot",
            Self::Warm => "warm",
        })
    }
}

/// What a minute without a point means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Absence {
    /// Nothing happened: zero, once the metric's lateness has passed and while the endpoint is in service.
    Zero,
    /// Not known: nothing is sent.
    Unknown,
}

impl Metric {
    /// A metric of the table, or of a user's configuration, with the defaults of the warm tier. `name` is whole.
    #[must_use]
    pub fn new(
        target: Target,
        name: impl Into<Cow<'static, str>>,
        namespace: impl Into<Cow<'static, str>>,
        metric: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            name: name.into(),
            namespace: namespace.into(),
            metric: metric.into(),
            target,
            columns: Vec::new(),
            unit_in: Unit::None,
            unit_out: Unit::None,
            datadog_unit: "".into(),
            kinds: Cow::Borrowed(&[]),
            tier: Tier::Warm,
            lateness: LATENESS,
            gpu_only: false,
            shed: Some(u8::MAX),
            about: "".into(),
        }
    }

    /// Adds a series for each statistic.
    #[must_use]
    pub fn statistics(mut self, statistics: &[Statistic]) -> Self {
        for &statistic in statistics {
            self.columns.push(Column {
                statistic,
                series: format!("{}.{}", self.name, statistic.suffix()).into(),
                kind: statistic.kind(),
                needs_instances: false,
                absence: Absence::Unknown,
            });
        }
        self
    }
}
