//! What AWS holds: resources, with the tags and the facts that were read about them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// One account in one region: the unit of failure, of rate limits and of checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// The account's name in the configuration.
    pub account: String,
    /// For example `us-west-2`.
    pub region: String,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

/// A tagged resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// As the tagging API spells it; its case may differ from the resource's name.
    pub arn: String,
    /// As the resource's own API spells it.
    pub name: String,
    /// What it is.
    pub kind: ResourceKind,
    /// As they are now, untrusted.
    pub tags: BTreeMap<String, String>,
}

impl Resource {
    /// The twelve digits in the ARN; empty in those of S3, which carry none.
    #[must_use]
    pub fn account_id(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or_default()
    }
}

/// The kinds of resource that a pipeline is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// A SageMaker endpoint. `None` until it has been described.
    Endpoint(Option<Endpoint>),
    /// A Lambda function.
    Function,
    /// An S3 bucket.
    Bucket,
    /// A Firehose delivery stream.
    Stream,
    /// A CloudWatch log group with tags of its own: neither a function's nor an endpoint's.
    LogGroup,
    /// Tagged, but nothing that is measured here, for example `iam:role`.
    Other(String),
}

impl ResourceKind {
    /// One word for output.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Endpoint(_) => "endpoint",
            Self::Function => "function",
            Self::Bucket => "bucket",
            Self::Stream => "stream",
            Self::LogGroup => "log-group",
            Self::Other(service) => service,
        }
    }
}

/// What `DescribeEndpoint` and `DescribeEndpointConfig` say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// How it is invoked; decides which metrics exist.
    pub kind: EndpointKind,
    /// `InService`, `Creating`, `Failed`, ... as AWS spells it.
    pub status: String,
    /// Why it failed, in AWS's words.
    pub failure_reason: Option<String>,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds; a new value means that it has to be described again.
    pub modified_at: i64,
    /// Its endpoint configuration, immutable under this name.
    pub config_name: String,
    /// Production variants.
    pub variants: Vec<Variant>,
}

impl Endpoint {
    /// Whether it takes requests. While it is updated, the old instances go on serving.
    #[must_use]
    pub fn in_service(&self) -> bool {
        matches!(self.status.as_str(), "InService" | "Updating" | "SystemUpdating" | "RollingBack")
    }

    /// An asynchronous one in service, without variants.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self {
            kind: EndpointKind::Async,
            status: "InService".to_owned(),
            failure_reason: None,
            created_at: 0,
            modified_at: 0,
            config_name: "config".to_owned(),
            variants: Vec::new(),
        }
    }
}

/// How an endpoint is invoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointKind {
    /// A queue in front, results in S3.
    Async,
    /// Answers while the caller waits.
    RealTime,
    /// Without instances of its own.
    Serverless,
    /// Hosts inference components, whose metrics are by component: recognised, not measured yet.
    InferenceComponents,
}

impl fmt::Display for EndpointKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Async => "async",
            Self::RealTime => "real-time",
            Self::Serverless => "serverless",
            Self::InferenceComponents => "inference components",
        })
    }
}

/// One production variant of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// Its name, a dimension of most metrics.
    pub name: String,
    /// For example `ml.g5.xlarge`; none when serverless.
    pub instance_type: Option<String>,
    /// Instances now; none when serverless or not told.
    pub instances: Option<u32>,
    /// Instances wanted; none when serverless or not told.
    pub desired: Option<u32>,
}

impl Variant {
    /// Whether its instances have GPUs, by the family: `ml.g*` and `ml.p*`.
    /// <https://aws.amazon.com/sagemaker/ai/pricing/>
    #[must_use]
    pub fn has_gpu(&self) -> bool {
        self.instance_type.as_deref().is_some_and(|kind| kind.starts_with("ml.g") || kind.starts_with("ml.p"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpu_families_are_known_by_their_letter() {
        let variant = |kind: Option<&str>| Variant {
            name: "AllTraffic".into(),
            instance_type: kind.map(str::to_owned),
            instances: Some(1),
            desired: Some(1),
        };
        assert!(variant(Some("ml.g5.xlarge")).has_gpu());
        assert!(variant(Some("ml.p4d.24xlarge")).has_gpu());
        assert!(!variant(Some("ml.m5.xlarge")).has_gpu());
        assert!(!variant(None).has_gpu());
    }
}
