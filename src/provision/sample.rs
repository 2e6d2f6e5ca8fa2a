//! A pipeline with a stage of every kind, for checking templates where there is nothing to look at. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::pipeline::{Pipeline, group};
use crate::model::resource::{Endpoint, EndpointKind, Resource, ResourceKind, Scope, Variant};
use crate::model::tag::TagKeys;

/// In one environment that is production by the default rule, and in one that is not.
const ENVIRONMENTS: [(&str, &str); 2] = [("sample_dev", "111122223333"), ("sample_prod", "444455556666")];

/// The sample's pipelines and what they are made of.
#[must_use]
pub fn sample(keys: &TagKeys) -> (Vec<Pipeline>, Vec<Resource>) {
    let (mut pipelines, mut all) = (Vec::new(), Vec::new());
    for (environment, account) in ENVIRONMENTS {
        let resources = resources(keys, environment, account);
        let scope = Scope { account: environment.to_owned(), region: "us-east-1".to_owned() };
        let (mut grouped, _) = group(&resources, &scope, keys, &BTreeSet::new());
        for pipeline in &mut grouped {
            pipeline.declared = true;
        }
        for stage in grouped.iter_mut().flat_map(|pipeline| &mut pipeline.stages) {
            stage.textract = true;
        }
        pipelines.append(&mut grouped);
        all.extend(resources);
    }
    (pipelines, all)
}

fn resources(keys: &TagKeys, environment: &str, account: &str) -> Vec<Resource> {
    let resource = |service: &str, name: &str, kind: ResourceKind, stage: &str, after: &str| {
        let tags = [
            (&keys.pipeline, "Sample"),
            (&keys.environment, environment),
            (&keys.team, "Sample"),
            (&keys.stage, stage),
            (&keys.depends_on, after),
        ];
        let given = tags.into_iter().filter(|(_, value)| !value.is_empty());
        Resource {
            arn: format!("arn:aws:{service}:us-east-1:{account}:{name}"),
            name: name.rsplit(['/', ':']).next().unwrap_or(name).to_owned(),
            kind,
            tags: given.map(|(key, value)| (key.clone(), value.to_owned())).collect::<BTreeMap<_, _>>(),
        }
    };
    let endpoint = |name: &str, kind, stage: &str, after: &str| {
        resource("sagemaker", &format!("endpoint/{name}"), ResourceKind::Endpoint(Some(described(kind))), stage, after)
    };
    vec![
        resource("lambda", "function:sample-trigger", ResourceKind::Function, "queue", ""),
        endpoint("sample-queue", EndpointKind::Async, "queue", ""),
        endpoint("sample-answer", EndpointKind::RealTime, "answer", "queue"),
        endpoint("sample-seldom", EndpointKind::Serverless, "seldom", "answer"),
        resource("firehose", "deliverystream/sample-results", ResourceKind::Stream, "", ""),
        resource("s3", "sample-results", ResourceKind::Bucket, "", ""),
    ]
}

/// An endpoint of this kind that is in service, with one variant on an instance; a serverless one has none.
#[must_use]
pub fn described(kind: EndpointKind) -> Endpoint {
    let instances = (kind != EndpointKind::Serverless).then_some(1);
    Endpoint {
        kind,
        status: "InService".to_owned(),
        failure_reason: None,
        created_at: 0,
        modified_at: 0,
        config_name: "sample".to_owned(),
        variants: vec![Variant {
            name: "AllTraffic".to_owned(),
            // With a GPU, so that what is about GPUs is checked too.
            instance_type: instances.map(|_| "ml.g5.xlarge".to_owned()),
            instances,
            desired: instances,
        }],
    }
}
