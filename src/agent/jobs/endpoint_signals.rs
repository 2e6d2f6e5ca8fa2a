//! What discovery knows against deployments: endpoints that failed, or went back by themselves. Pure.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html> tells each status.

use std::collections::BTreeMap;

use crate::model::dora::{Signal, SignalKind, Unit};
use crate::model::pipeline::quoted;
use crate::model::resource::ResourceKind;
use crate::source::discover::Inventory;

/// The same failure is the same signal whenever it is seen.
pub(super) fn signals(inventory: &Inventory) -> Vec<Signal> {
    let mut units: BTreeMap<&str, Unit> = BTreeMap::new();
    for pipeline in &inventory.pipelines {
        for arn in pipeline.stages.iter().flat_map(|stage| &stage.resources) {
            units.insert(arn, Unit::new(&pipeline.name, &pipeline.environment));
        }
    }
    let mut signals = Vec::new();
    for tracked in &inventory.resources {
        let ResourceKind::Endpoint(Some(endpoint)) = &tracked.resource.kind else { continue };
        let Some((kind, what)) = kind(&endpoint.status) else { continue };
        let Some(unit) = units.get(tracked.resource.arn.as_str()) else { continue };
        let why = endpoint.failure_reason.as_deref().map(|why| format!(": {}", quoted(why))).unwrap_or_default();
        signals.push(Signal {
            as_of: endpoint.modified_at,
            withdrawn: false,
            key: format!("endpoint:{}:{}:{}", tracked.resource.arn, endpoint.status, endpoint.modified_at),
            unit: unit.clone(),
            kind,
            at: endpoint.modified_at,
            words: format!("endpoint {} {what}{why}", quoted(&tracked.resource.name)),
            link: Some(link(&inventory.scope.region, &tracked.resource.name)),
        });
    }
    signals
}

fn kind(status: &str) -> Option<(SignalKind, &'static str)> {
    match status {
        "RollingBack" => Some((SignalKind::EndpointRolledBack, "goes back to its previous configuration")),
        "UpdateRollbackFailed" => Some((SignalKind::EndpointFailed, "could not go back to its previous configuration")),
        "Failed" => Some((SignalKind::EndpointFailed, "failed")),
        _ => None,
    }
}

/// Its page in the console. Names are letters, digits and hyphens.
fn link(region: &str, name: &str) -> String {
    format!("https://{region}.console.aws.amazon.com/sagemaker/home?region={region}#/endpoints/{name}")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use super::*;
    use crate::model::pipeline::{Pipeline, Stage};
    use crate::model::resource::{Endpoint, Resource, Scope};
    use crate::source::discover::Tracked;

    fn tracked(name: &str, status: &str) -> Arc<Tracked> {
        let endpoint = Endpoint {
            status: status.into(),
            failure_reason: Some("no\ncapacity".into()),
            modified_at: 1_700,
            ..Endpoint::for_tests()
        };
        let kind = ResourceKind::Endpoint(Some(endpoint));
        let resource = Resource { arn: format!("arn:{name}"), name: name.into(), kind, tags: BTreeMap::new() };
        Arc::new(Tracked { resource, epochs: [].into(), stage: name.into() })
    }

    #[test]
    fn a_failed_endpoint_and_one_that_goes_back_speak_for_their_pipeline() {
        let scope = Scope { account: "data_prod".into(), region: "us-west-2".into() };
        let resources = vec![
            tracked("reader", "Failed"),
            tracked("tagger", "RollingBack"),
            tracked("good", "InService"),
            tracked("stranger", "Failed"),
        ];
        let stage = Stage {
            name: "reader".into(),
            resources: ["reader", "tagger", "good"].map(|name| format!("arn:{name}")).into(),
            depends_on: Vec::new(),
            kinds: BTreeSet::new(),
            overrides: BTreeMap::new(),
            textract: false,
        };
        let pipeline = Pipeline {
            name: "Lease".into(),
            environment: "data_prod".into(),
            team: None,
            owner: None,
            scope: scope.clone(),
            stages: vec![stage],
            resources: Vec::new(),
            declared: false,
        };
        let inventory = Inventory {
            scope,
            resources,
            gone: Vec::new(),
            pipelines: vec![pipeline],
            shaped_since: vec![0],
            textract: [].into(),
            declared: Vec::new(),
            findings: Vec::new(),
            errors: Vec::new(),
            described: 0,
            pending: 0,
        };
        let signals = signals(&inventory);
        let told: Vec<_> = signals.iter().map(|signal| (signal.kind, signal.at, signal.words.as_str())).collect();
        assert_eq!(
            told,
            [
                (SignalKind::EndpointFailed, 1_700, r#"endpoint "reader" failed: "no\ncapacity""#),
                (
                    SignalKind::EndpointRolledBack,
                    1_700,
                    r#"endpoint "tagger" goes back to its previous configuration: "no\ncapacity""#
                ),
            ]
        );
        assert!(signals.iter().all(|signal| signal.unit == Unit::new("Lease", "data_prod")));
        assert_eq!(super::signals(&inventory), signals, "seen again it is the same");
    }
}
