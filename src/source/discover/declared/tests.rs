#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use super::*;
use crate::model::pipeline::{check_dependencies, group};
use crate::model::resource::Variant;
use crate::model::tag::TagKeys;

const FILE: &str = "
data_dev:
  sagemakerPipelines:
    - name: lease
      models:
        - {name: split, async: true, count: 2, instanceType: ml.m5.large}
        - {name: Tag, async: true, count: 1, instanceType: ml.m5.large, dependsOn: {models: [SPLIT]}}
        - {name: failed, async: true}
        - {name: gone, async: true}
        - {name: unknown-yet, async: true}
data_prod:
  sagemakerPipelines:
    - {name: Lease, models: [{name: split, count: 40}]}
    - {name: Elsewhere, models: []}
sagemakerPipelines:
  - {name: LEASE, models: [{name: reader, textract: true, dependsOn: {models: [split]}}]}
";

fn scope() -> Scope {
    Scope { account: "dev".into(), region: "us-west-2".into() }
}

fn deployed(stage: &str, kind: EndpointKind, status: &str) -> Resource {
    let variant =
        Variant { name: "v".into(), instance_type: Some("ml.m5.large".into()), instances: Some(0), desired: Some(0) };
    let endpoint = Endpoint {
        kind,
        status: status.into(),
        config_name: format!("{stage}-config"),
        variants: vec![variant],
        ..Endpoint::for_tests()
    };
    let tags = [("pipeline", "Lease"), ("environment", "data_dev"), ("team", "Docs"), ("model", stage)];
    Resource {
        arn: format!("arn:aws:sagemaker:us-west-2:1:endpoint/{stage}"),
        name: stage.into(),
        kind: ResourceKind::Endpoint(Some(endpoint)),
        tags: tags.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect(),
    }
}

fn pipelines(resources: &[Resource]) -> Vec<Pipeline> {
    group(resources, &scope(), &TagKeys::default(), &BTreeSet::new()).0
}

#[test]
fn what_is_declared_is_compared_with_what_is_deployed() {
    let mut unknown = deployed("unknown-yet", EndpointKind::Async, "InService");
    unknown.kind = ResourceKind::Endpoint(None);
    let mut large = deployed("tag", EndpointKind::RealTime, "InService");
    if let ResourceKind::Endpoint(Some(endpoint)) = &mut large.kind {
        endpoint.variants[0].instance_type = Some("ml.p4d.24xlarge".into());
    }
    let resources = [
        deployed("split", EndpointKind::Async, "Updating"),
        large,
        deployed("failed", EndpointKind::Async, "Failed"),
        deployed("reader", EndpointKind::RealTime, "InService"),
        deployed("surprise", EndpointKind::Async, "InService"),
        unknown,
    ];
    let files = [parse(FILE).unwrap()];
    // As many as the configuration starts with; that the autoscaler went to zero since is no finding.
    let instances = |config: &str| Some(if config == "split-config" { 2 } else { 3 });
    let findings = compare(&files, &pipelines(&resources), &by_arn(&resources), instances);
    let text: Vec<String> = findings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn the_file_tells_what_the_tags_do_not() {
    let mut tagged = deployed("reader", EndpointKind::RealTime, "InService");
    tagged.tags.insert("depends-on".into(), "tag".into());
    let resources = [
        deployed("split", EndpointKind::Async, "InService"),
        deployed("tag", EndpointKind::Async, "InService"),
        tagged,
    ];
    let mut pipelines = pipelines(&resources);
    complete(&[parse(FILE).unwrap()], &mut pipelines);
    assert_eq!(pipelines[0].stage("tag").unwrap().depends_on, ["split"]);
    assert_eq!(pipelines[0].stage("reader").unwrap().depends_on, ["tag"]);
    assert!(pipelines[0].stage("reader").unwrap().textract);
    assert!(!pipelines[0].stage("split").unwrap().textract);
    assert_eq!(check_dependencies(&pipelines[0]), []);
}

#[test]
fn a_pipeline_of_which_nothing_is_deployed_anywhere_is_told() {
    let resources = [deployed("split", EndpointKind::Async, "InService")];
    let missing = undeployed(&[parse(FILE).unwrap()], &pipelines(&resources));
    let pair = |name: &str, environment: &str| (name.to_owned(), environment.to_owned());
    assert_eq!(missing, [pair("Elsewhere", "data_prod"), pair("Lease", "data_prod")]);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_loses_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("good.yaml"), FILE).unwrap();
    std::fs::write(path("bad.yaml"), "a: [").unwrap();
    std::fs::write(path("odd.yaml"), "sagemakerPipelines: [{models: []}]").unwrap();
    let files = ["missing.yaml", "bad.yaml", "odd.yaml", "good.yaml"].map(path);
    let (declared, findings) = read(&files, &scope()).await;
    assert_eq!(declared.len(), 2);
    assert!(declared[1].environments.contains_key("data_dev"));
    let kinds: Vec<FindingKind> = findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::UnreadableFile; 3]);
}
