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

fn named(named: &[Declared]) -> Files<'_> {
    Files { deployed: &[], named }
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
    let files = named(&files);
    // As many as the configuration starts with; that the autoscaler went to zero since is no finding.
    let instances = |config: &str| Some(if config == "split-config" { 2 } else { 3 });
    let findings = compare(files, &pipelines(&resources), &by_arn(&resources), instances);
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
    complete(named(&[parse(FILE).unwrap()]), &mut pipelines);
    assert_eq!(pipelines[0].stage("tag").unwrap().depends_on, ["split"]);
    assert_eq!(pipelines[0].stage("reader").unwrap().depends_on, ["tag"]);
    assert!(pipelines[0].stage("reader").unwrap().textract);
    assert!(!pipelines[0].stage("split").unwrap().textract);
    assert_eq!(check_dependencies(&pipelines[0]), []);
}

#[test]
fn a_pipeline_of_which_nothing_is_deployed_anywhere_is_told() {
    let resources = [deployed("split", EndpointKind::Async, "InService")];
    let missing = undeployed(named(&[parse(FILE).unwrap()]), &pipelines(&resources));
    let pair = |name: &str, environment: &str| (name.to_owned(), environment.to_owned());
    assert_eq!(missing, [pair("Elsewhere", "data_prod"), pair("Lease", "data_prod")]);
}

#[test]
fn what_was_deployed_is_declared_where_no_file_is_named() {
    let file = parse("data_dev: {sagemakerPipelines: [{name: lease, models: [{name: split, async: true}]}]}").unwrap();
    let of = |pipeline: &str, environment: &str| {
        let unit = crate::model::dora::Unit::new(pipeline, environment);
        let pipeline = file.of(&unit).cloned();
        let sha = "1a2b3c4d5e6f70".repeat(3);
        Deployed {
            unit,
            source: Source { repository: "acme/ml".into(), yaml: "pipelines/lease.yaml".into(), sha },
            pipeline,
        }
    };
    let resources =
        [deployed("split", EndpointKind::RealTime, "InService"), deployed("Tag", EndpointKind::Async, "InService")];
    let found = |named: &[Declared], told: &[Deployed]| {
        let files = Files { deployed: told, named };
        let findings = compare(files, &pipelines(&resources), &by_arn(&resources), |_| None);
        findings.iter().map(|finding| format!("{}: {}", finding.kind.word(), finding.detail)).collect::<Vec<_>>()
    };
    let told = [of("lease", "data_dev")];
    let says = r#", says "pipelines/lease.yaml" of acme/ml at commit 1a2b3c4d5e6f"#;
    assert_eq!(
        found(&[], &told),
        [
            format!("differs_from_file: declared as async, deployed as real-time{says}"),
            format!(r#"not_declared: stage "Tag" is deployed and not declared{says}"#),
        ]
    );
    let named = [parse(FILE).unwrap()];
    assert!(found(&named, &[]).len() > 2);
    assert_eq!(found(&named, &told), found(&named, &[]));
    // Of another environment, or of a file that says nothing of it.
    assert_eq!(
        found(&[], &[of("lease", "data_prod"), Deployed { pipeline: None, ..of("lease", "data_dev") }]),
        [""; 0]
    );
}

#[test]
fn a_deployment_of_which_nothing_is_found_is_told_where_something_else_is() {
    let resources = [deployed("split", EndpointKind::Async, "InService")];
    let of = |pipeline: &str, environment: &str| Deployed {
        unit: crate::model::dora::Unit::new(pipeline, environment),
        source: Source { repository: String::new(), yaml: String::new(), sha: String::new() },
        pipeline: Some(DeclaredPipeline { name: pipeline.into(), models: Vec::new() }),
    };
    let told = [of("LEASE", "data_dev"), of("fax", "data_dev"), of("fax", "data_prod")];
    let missing = undeployed(Files { deployed: &told, named: &[] }, &pipelines(&resources));
    assert_eq!(missing, [("fax".to_owned(), "data_dev".to_owned())]);
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
