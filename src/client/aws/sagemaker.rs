//! SageMaker: which endpoints there are, and what each of them is.

use aws_sdk_sagemaker::operation::describe_endpoint::DescribeEndpointOutput;
use aws_sdk_sagemaker::operation::describe_endpoint_config::DescribeEndpointConfigOutput;
use aws_sdk_sagemaker::primitives::DateTime;
use aws_sdk_sagemaker::types::{
    EndpointSortKey, EndpointSummary, OrderKey, ProductionVariant, ProductionVariantSummary,
};
use serde::{Deserialize, Serialize};

use super::{Api, Aws, AwsError, Pages};
use crate::model::resource::{Endpoint, EndpointKind, Variant};

/// Endpoints on one page, the most that are allowed.
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListEndpoints.html>
const PAGE: i32 = 100;

/// An endpoint as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedEndpoint {
    /// As this API spells it: the value of the dimension `EndpointName`.
    pub name: String,
    /// Its ARN; the case of the name in it may differ.
    pub arn: String,
    /// As AWS spells it.
    pub status: String,
    /// Unix seconds.
    pub modified_at: i64,
    /// Unix seconds.
    pub created_at: i64,
}

/// What `DescribeEndpoint` says. The instance types are told by the configuration alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// As this API spells it.
    pub name: String,
    /// Name of its endpoint configuration; empty when none is told.
    pub config_name: String,
    status: String,
    failure_reason: Option<String>,
    created_at: i64,
    modified_at: i64,
    is_async: bool,
    variants: Vec<DescribedVariant>,
}

#[derive(Debug, Clone, PartialEq)]
struct DescribedVariant {
    name: String,
    serverless: bool,
    instance_type: Option<String>,
    instances: Option<u32>,
    desired: Option<u32>,
}

/// What `DescribeEndpointConfig` says. Immutable under its name, for as long as an endpoint that uses it lives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointConfig {
    /// Whether its endpoints are asynchronous.
    pub is_async: bool,
    /// Production variants.
    pub variants: Vec<ConfigVariant>,
}

/// A production variant as it was configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigVariant {
    /// Its name.
    pub name: String,
    /// For example `ml.m5.xlarge`; of a pool of types the first one; none when serverless.
    pub instance_type: Option<String>,
    /// Instances at the start; none when serverless.
    pub instances: Option<u32>,
    /// Whether it has no instances of its own.
    pub serverless: bool,
    /// Whether it names a model. One that does not hosts inference components.
    pub has_model: bool,
}

impl EndpointConfig {
    /// Instances of all variants at the start; `None` when none is told.
    #[must_use]
    pub fn instances(&self) -> Option<u32> {
        let told: Vec<u32> = self.variants.iter().filter_map(|variant| variant.instances).collect();
        (!told.is_empty()).then(|| told.iter().fold(0_u32, |sum, &count| sum.saturating_add(count)))
    }
}

impl Aws {
    /// Every endpoint of the region, the oldest first.
    ///
    /// The order is one that no change to an endpoint disturbs while pages are read; the API knows name, creation time
    /// and status, but not the time of the last change. All of them are read, not only those changed since some time:
    /// that would hide deletions.
    ///
    /// # Errors
    /// When a page could not be had.
    pub async fn endpoints(&self) -> Result<Vec<ListedEndpoint>, AwsError> {
        let mut found = Vec::new();
        let mut pages = Pages::default();
        loop {
            let page = self
                .call(Api::ListEndpoints, 0, || {
                    self.sagemaker
                        .list_endpoints()
                        .sort_by(EndpointSortKey::CreationTime)
                        .sort_order(OrderKey::Ascending)
                        .max_results(PAGE)
                        .set_next_token(pages.token())
                        .send()
                })
                .await?;
            found.extend(page.endpoints.unwrap_or_default().into_iter().map(listed));
            if !pages.go_on(self, Api::ListEndpoints, page.next_token)? {
                return Ok(found);
            }
        }
    }

    /// One endpoint, without what its configuration tells.
    ///
    /// # Errors
    /// When it does not exist (any more), may not be described, or SageMaker does not answer.
    pub async fn describe_endpoint(&self, name: &str) -> Result<Description, AwsError> {
        let answer = self
            .call(Api::DescribeEndpoint, 0, || self.sagemaker.describe_endpoint().endpoint_name(name).send())
            .await?;
        Ok(described(name, answer))
    }

    /// One endpoint configuration.
    ///
    /// # Errors
    /// When it does not exist (any more), may not be described, or SageMaker does not answer.
    pub async fn describe_endpoint_config(&self, name: &str) -> Result<EndpointConfig, AwsError> {
        let answer = self
            .call(Api::DescribeEndpointConfig, 0, || {
                self.sagemaker.describe_endpoint_config().endpoint_config_name(name).send()
            })
            .await?;
        Ok(configured(answer))
    }
}

/// Puts together what the two calls say of one endpoint. Without a configuration, instance types are not known and
/// inference components are not recognised.
#[must_use]
pub fn endpoint(description: Description, config: Option<&EndpointConfig>) -> Endpoint {
    let configured = config.map_or(&[][..], |config| &config.variants);
    let serverless = description.variants.iter().any(|variant| variant.serverless)
        || configured.iter().any(|variant| variant.serverless);
    // Either of the two calls may be the only one to tell.
    let kind = if description.is_async || config.is_some_and(|config| config.is_async) {
        EndpointKind::Async
    } else if serverless {
        EndpointKind::Serverless
    } else if !configured.is_empty() && configured.iter().all(|variant| !variant.has_model) {
        EndpointKind::InferenceComponents
    } else {
        EndpointKind::RealTime
    };
    let variants = if description.variants.is_empty() {
        // An endpoint that is being created, or failed at it, has none of its own yet.
        configured.iter().map(planned).collect()
    } else {
        fitted(description.variants.into_iter().map(|variant| running(variant, configured)).collect())
    };
    Endpoint {
        kind,
        status: description.status,
        failure_reason: description.failure_reason,
        created_at: description.created_at,
        modified_at: description.modified_at,
        config_name: description.config_name,
        variants,
    }
}

/// Without what is left over of the answer: `collect` goes on using its allocation, which is many times as large.
fn fitted<T>(mut list: Vec<T>) -> Vec<T> {
    list.shrink_to_fit();
    list
}

fn planned(variant: &ConfigVariant) -> Variant {
    Variant {
        name: variant.name.clone(),
        instance_type: variant.instance_type.clone(),
        instances: None,
        desired: variant.instances,
    }
}

fn running(variant: DescribedVariant, configured: &[ConfigVariant]) -> Variant {
    let config = configured.iter().find(|config| config.name == variant.name);
    let serverless = variant.serverless || config.is_some_and(|config| config.serverless);
    Variant {
        instance_type: variant
            .instance_type
            .or_else(|| config.and_then(|config| config.instance_type.clone()))
            .filter(|_| !serverless),
        instances: variant.instances.filter(|_| !serverless),
        desired: variant.desired.filter(|_| !serverless),
        name: variant.name,
    }
}

fn listed(summary: EndpointSummary) -> ListedEndpoint {
    ListedEndpoint {
        name: summary.endpoint_name.unwrap_or_default(),
        arn: summary.endpoint_arn.unwrap_or_default(),
        status: summary.endpoint_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        modified_at: seconds(summary.last_modified_time),
        created_at: seconds(summary.creation_time),
    }
}

fn described(asked: &str, answer: DescribeEndpointOutput) -> Description {
    Description {
        name: answer.endpoint_name.unwrap_or_else(|| asked.to_owned()),
        config_name: answer.endpoint_config_name.unwrap_or_default(),
        status: answer.endpoint_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        failure_reason: answer.failure_reason.filter(|reason| !reason.is_empty()),
        created_at: seconds(answer.creation_time),
        modified_at: seconds(answer.last_modified_time),
        is_async: answer.async_inference_config.is_some(),
        variants: fitted(answer.production_variants.unwrap_or_default().into_iter().map(described_variant).collect()),
    }
}

fn described_variant(summary: ProductionVariantSummary) -> DescribedVariant {
    let serverless = summary.current_serverless_config.is_some() || summary.desired_serverless_config.is_some();
    DescribedVariant {
        instance_type: summary
            .instance_pools()
            .first()
            .and_then(|pool| pool.instance_type.as_ref())
            .map(|kind| kind.as_str().to_owned()),
        instances: count(summary.current_instance_count),
        desired: count(summary.desired_instance_count),
        name: summary.variant_name.unwrap_or_default(),
        serverless,
    }
}

fn configured(answer: DescribeEndpointConfigOutput) -> EndpointConfig {
    EndpointConfig {
        is_async: answer.async_inference_config.is_some(),
        variants: fitted(answer.production_variants.unwrap_or_default().into_iter().map(configured_variant).collect()),
    }
}

fn configured_variant(variant: ProductionVariant) -> ConfigVariant {
    let pooled = variant.instance_pools().first().and_then(|pool| pool.instance_type.clone());
    let serverless = variant.serverless_config.is_some();
    let instance_type = variant.instance_type.or(pooled).filter(|_| !serverless);
    ConfigVariant {
        name: variant.variant_name.unwrap_or_default(),
        instance_type: instance_type.map(|kind| kind.as_str().to_owned()),
        instances: count(variant.initial_instance_count).filter(|_| !serverless),
        serverless,
        has_model: variant.model_name.is_some_and(|name| !name.is_empty()),
    }
}

/// A description as another module's test needs it.
#[cfg(test)]
pub(crate) fn described_for_tests(name: &str, config: &str, modified_at: i64) -> Description {
    let answer = DescribeEndpointOutput::builder()
        .endpoint_name(name)
        .endpoint_config_name(config)
        .endpoint_status(aws_sdk_sagemaker::types::EndpointStatus::InService)
        .creation_time(DateTime::from_secs(1))
        .last_modified_time(DateTime::from_secs(modified_at))
        .build();
    described(name, answer)
}

fn seconds(instant: Option<DateTime>) -> i64 {
    instant.map_or(0, |instant| instant.secs())
}

fn count(number: Option<i32>) -> Option<u32> {
    number.and_then(|number| u32::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use aws_sdk_sagemaker::types::{
        AsyncInferenceConfig, EndpointStatus, ProductionVariantInstanceType, ProductionVariantServerlessConfig,
    };

    use super::*;

    fn told(variants: Vec<ProductionVariantSummary>, is_async: bool) -> Description {
        let answer = DescribeEndpointOutput::builder()
            .endpoint_name("Page-Split")
            .endpoint_config_name("config")
            .endpoint_status(EndpointStatus::InService)
            .set_production_variants(Some(variants))
            .set_async_inference_config(is_async.then(|| AsyncInferenceConfig::builder().build()))
            .build();
        described("page-split", answer)
    }

    fn config(variants: Vec<ProductionVariant>, is_async: bool) -> EndpointConfig {
        let answer = DescribeEndpointConfigOutput::builder()
            .set_production_variants(Some(variants))
            .set_async_inference_config(is_async.then(|| AsyncInferenceConfig::builder().build()))
            .build();
        configured(answer)
    }

    fn planned_variant() -> ProductionVariant {
        ProductionVariant::builder()
            .variant_name("v")
            .model_name("m")
            .instance_type(ProductionVariantInstanceType::from("ml.g5.xlarge"))
            .initial_instance_count(2)
            .build()
    }

    fn running_variant() -> ProductionVariantSummary {
        let variant = ProductionVariantSummary::builder().variant_name("v");
        variant.current_instance_count(1).desired_instance_count(3).build()
    }

    #[test]
    fn the_two_calls_make_one_endpoint() {
        let description = told(vec![running_variant()], false);
        assert_eq!(description.name, "Page-Split");
        let config = config(vec![planned_variant()], false);
        assert_eq!(config.instances(), Some(2));
        let endpoint = endpoint(description, Some(&config));
        assert_eq!(endpoint.kind, EndpointKind::RealTime);
        let variant = &endpoint.variants[0];
        assert_eq!(variant.instance_type.as_deref(), Some("ml.g5.xlarge"));
        assert_eq!((variant.instances, variant.desired), (Some(1), Some(3)));
    }

    #[test]
    fn either_call_may_tell_that_it_is_asynchronous() {
        for (first, second) in [(true, false), (false, true)] {
            let config = config(vec![planned_variant()], second);
            assert_eq!(endpoint(told(vec![], first), Some(&config)).kind, EndpointKind::Async);
        }
        assert_eq!(endpoint(told(vec![], true), None).kind, EndpointKind::Async);
    }

    #[test]
    fn an_endpoint_without_variants_of_its_own_yet_has_those_of_its_configuration() {
        let endpoint = endpoint(told(vec![], false), Some(&config(vec![planned_variant()], false)));
        assert_eq!((endpoint.variants[0].instances, endpoint.variants[0].desired), (None, Some(2)));
    }

    #[test]
    fn serverless_variants_have_no_instances() {
        let mut variant = running_variant();
        variant.current_serverless_config = Some(ProductionVariantServerlessConfig::builder().build());
        let endpoint = endpoint(told(vec![variant], false), None);
        assert_eq!(endpoint.kind, EndpointKind::Serverless);
        assert_eq!((endpoint.variants[0].instances, endpoint.variants[0].desired), (None, None));
    }

    #[test]
    fn a_variant_without_a_model_hosts_inference_components() {
        let mut variant = planned_variant();
        variant.model_name = None;
        let config = config(vec![variant], false);
        assert_eq!(
            endpoint(told(vec![running_variant()], false), Some(&config)).kind,
            EndpointKind::InferenceComponents
        );
    }
}
