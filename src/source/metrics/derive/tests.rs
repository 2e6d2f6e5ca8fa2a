use std::collections::BTreeSet;

use super::*;
use crate::model::pipeline::{group, resolve};
use crate::model::resource::{Resource, Scope, Variant};
use crate::model::tag::TagKeys;
use crate::source::discover::Epoch;

const WINDOW: Window = Window { start: 6000, end: 6060 };

fn resource(arn: &str, kind: ResourceKind, tags: &[(&str, &str)]) -> Resource {
    let tags = [("pipeline", "Lease"), ("environment", "data_prod"), ("team", "Docs")].iter().chain(tags);
    Resource {
        arn: format!("arn:aws:{arn}"),
        name: arn.rsplit(['/', ':']).next().unwrap_or_default().to_owned(),
        kind,
        tags: tags.map(|&(key, value)| (key.to_owned(), value.to_owned())).collect(),
    }
}

fn endpoint(name: &str, tags: &[(&str, &str)]) -> Resource {
    let endpoint = Endpoint {
        variants: vec![Variant { name: "v".into(), instance_type: None, instances: Some(1), desired: Some(1) }],
        ..Endpoint::for_tests()
    };
    resource(&format!("sagemaker:us-west-2:1:endpoint/{name}"), ResourceKind::Endpoint(Some(endpoint)), tags)
}

fn inventory(resources: &[Resource]) -> Inventory {
    let scope = Scope { account: "prod".into(), region: "us-west-2".into() };
    let keys = TagKeys::default();
    let (mut pipelines, findings) = group(resources, &scope, &keys, &BTreeSet::new());
    for pipeline in &mut pipelines {
        resolve(&mut pipeline.stages);
    }
    let tracked = resources.iter().map(|resource| {
        let tags = sorted(vec![tag("pipeline", "Lease"), tag("endpoint", &resource.name)]);
        let stage = resource.tags.get("model").cloned().unwrap_or_default();
        Arc::new(Tracked { resource: resource.clone(), epochs: [Epoch { since: 0, tags }].into(), stage })
    });
    Inventory {
        scope,
        resources: tracked.collect(),
        gone: Vec::new(),
        shaped_since: vec![0; pipelines.len()],
        pipelines,
        textract: [].into(),
        declared: Vec::new(),
        findings,
        errors: Vec::new(),
        described: 0,
        pending: 0,
    }
}

/// Name, tags and value of what is derived of a pipeline whose endpoints have requests of these ages.
fn of_ages(resources: &[Resource], ages: &[(&str, f64)]) -> Vec<(String, f64)> {
    let mut observed = Observed::default();
    for (name, age) in ages {
        observed.note(name, "", Input::Age, 6000, *age);
    }
    let derived = derive(&observed, &inventory(resources), WINDOW).into_iter();
    let of_pipeline = derived.filter(|one| one.name.starts_with("mlpipeline.pipeline."));
    let mut told: Vec<(String, f64)> =
        of_pipeline.map(|one| (format!("{} {}", one.name, one.tags.join(" ")), one.points[0].value)).collect();
    told.sort_by(|a, b| a.0.cmp(&b.0));
    told
}

#[test]
fn a_stage_that_is_spelled_in_two_ways_is_one_stage() {
    let resources = [
        resource("lambda:us-west-2:1:function:start", ResourceKind::Function, &[("model", "Page-Split")]),
        endpoint("split-a", &[("model", "page-split")]),
        endpoint("split-b", &[("model", "PAGE-split")]),
        endpoint("tagger", &[("model", "Tagger"), ("depends-on", "page-SPLIT")]),
    ];
    let told = of_ages(&resources, &[("split-a", 30.0), ("split-b", 50.0), ("tagger", 7.0)]);
    let expected = [
        ("mlpipeline.pipeline.bottleneck pipeline:lease stage:page-split", 1.0),
        ("mlpipeline.pipeline.bottleneck pipeline:lease stage:tagger", 0.0),
        ("mlpipeline.pipeline.lag pipeline:lease", 57.0),
    ];
    assert_eq!(told, expected.map(|(name, value)| (name.to_owned(), value)));
}

#[test]
fn a_pipeline_is_silent_while_the_age_of_one_stage_is_not_known() {
    let resources = [endpoint("split", &[("model", "split")]), endpoint("tagger", &[("model", "tagger")])];
    assert_eq!(of_ages(&resources, &[("split", 30.0)]), []);
}
