#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;
use crate::model::pipeline::check_dependencies;
use crate::model::resource::Endpoint;

fn scope() -> Scope {
    Scope { account: "dev".into(), region: "us-west-2".into() }
}

fn endpoint(kind: EndpointKind, status: &str) -> ResourceKind {
    ResourceKind::Endpoint(Some(Endpoint {
        kind,
        status: status.into(),
        failure_reason: (status == "Failed").then(|| "no capacity\nfor ml.p4d".to_owned()),
        ..Endpoint::for_tests()
    }))
}

fn resource(name: &str, kind: ResourceKind, tags: &[(&str, &str)]) -> Resource {
    let service = kind.word().to_owned();
    Resource {
        arn: format!("arn:aws:{service}:us-west-2:111122223333:{name}"),
        name: name.into(),
        kind,
        tags: tags.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect(),
    }
}

const LEASE: [(&str, &str); 3] = [("pipeline", "Lease"), ("environment", "data_dev"), ("team", "Docs")];

fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    [&LEASE, more].concat()
}

fn grouped(resources: &[Resource]) -> (Vec<Pipeline>, Vec<Finding>) {
    let environments = ["data_dev", "data_prod"].map(str::to_owned).into();
    group(resources, &scope(), &TagKeys::default(), &environments)
}

fn kinds(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.kind.word()).collect()
}

#[test]
fn the_contract_makes_pipelines_and_stages() {
    let (pipelines, findings) = grouped(&[
        resource("page-split-ep", endpoint(EndpointKind::Async, "InService"), &with(&[("model", "page-split")])),
        resource("start-page-split", ResourceKind::Function, &with(&[("model", "page-split"), ("owner", "ml")])),
        resource(
            "tagger",
            endpoint(EndpointKind::RealTime, "Updating"),
            &with(&[("model", "Tagger"), ("depends-on", "PAGE-SPLIT+elsewhere"), ("ddsync:max-age-seconds", "1800")]),
        ),
        resource("input", ResourceKind::Bucket, &LEASE),
        resource("result", ResourceKind::Stream, &with(&[("model", "Tagger")])),
        resource("not-ours", ResourceKind::Bucket, &[("team", "Docs")]),
    ]);
    assert_eq!(findings, []);
    let [pipeline] = pipelines.as_slice() else { unreachable!("{pipelines:?}") };
    assert_eq!((pipeline.name.as_str(), pipeline.environment.as_str()), ("Lease", "data_dev"));
    assert_eq!((pipeline.team.as_deref(), pipeline.owner.as_deref()), (Some("Docs"), Some("ml")));
    assert_eq!(pipeline.resources, ["arn:aws:bucket:us-west-2:111122223333:input"]);
    let names: Vec<&str> = pipeline.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["page-split", "Tagger"]);
    let tagger = pipeline.stage("tagger").unwrap();
    assert_eq!(tagger.depends_on, ["page-split", "elsewhere"]);
    assert_eq!(tagger.overrides["max-age-seconds"], "1800");
    assert_eq!(tagger.resources.len(), 2);
    assert!(tagger.kinds.contains(&EndpointKind::RealTime));
    assert_eq!(kinds(&check_dependencies(pipeline)), ["unknown_dependency"]);
}

#[test]
fn half_tagged_resources_are_grouped_and_reported() {
    let (pipelines, findings) = grouped(&[
        resource("a", ResourceKind::Endpoint(None), &[("pipeline", "P")]),
        resource("b", ResourceKind::Bucket, &[("pipeline", " "), ("environment", "staging"), ("team", "Docs")]),
    ]);
    assert_eq!(
        kinds(&findings),
        ["empty_pipeline", "unknown_environment", "missing_environment", "missing_team", "missing_stage"]
    );
    let names: Vec<(&str, &str)> =
        pipelines.iter().map(|pipeline| (pipeline.name.as_str(), pipeline.environment.as_str())).collect();
    assert_eq!(names, [("none", "staging"), ("P", "none")]);
    assert_eq!(pipelines[1].stages[0].name, "a");
}

#[test]
fn one_name_spelled_in_two_ways_is_one_pipeline_and_a_finding() {
    let (pipelines, findings) = grouped(&[
        resource("a", ResourceKind::Bucket, &LEASE),
        resource("b", ResourceKind::Bucket, &[("pipeline", "LEASE"), ("environment", "Data_Dev"), ("team", "Other")]),
    ]);
    assert_eq!(pipelines.len(), 1);
    assert_eq!(kinds(&findings), ["ambiguous_pipeline", "conflicting_values"]);
}

/// One resource for each way to be wrong, and what a person reads about it.
#[test]
fn every_sentence_says_what_to_do() {
    let long = "ü".repeat(256);
    let mut resources = vec![
        resource("empty", ResourceKind::Function, &[("pipeline", "")]),
        resource("bare", ResourceKind::Endpoint(None), &[("pipeline", "Bare"), ("environment", "staging")]),
        resource("twice", ResourceKind::Bucket, &[("pipeline", "lease"), ("environment", "data_dev"), ("team", "Law")]),
        resource("ok", ResourceKind::Bucket, &LEASE),
        resource("failed", endpoint(EndpointKind::Async, "Failed"), &with(&[("model", "m"), ("depends-on", "n gone")])),
        resource(
            "circle",
            endpoint(EndpointKind::InferenceComponents, "InService"),
            &with(&[("model", "n"), ("depends-on", "m")]),
        ),
        resource("queue", ResourceKind::Other("sqs".into()), &LEASE),
        resource("role1", ResourceKind::Other("iam:role".into()), &LEASE),
        resource("role2", ResourceKind::Other("iam:role".into()), &LEASE),
        resource("model", ResourceKind::Other("sagemaker:model".into()), &LEASE),
        resource("ic", ResourceKind::Other("sagemaker:inference-component".into()), &LEASE),
    ];
    let hostile = ["{{#is_alert}}@pagerduty", "a\nb\u{7}", "日本", &long, "x,env:prod"];
    for (index, value) in hostile.iter().enumerate() {
        let tags = [("pipeline", "Hostile"), ("environment", "data_dev"), ("team", *value), ("model", "m")];
        resources.push(resource(&format!("hostile{index}"), ResourceKind::Bucket, &tags));
    }
    let (pipelines, mut findings) = grouped(&resources);
    findings.extend(pipelines.iter().flat_map(check_dependencies));
    findings.sort();
    let text: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(text.iter().all(|line| !line.chars().any(char::is_control)));
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn every_kind_has_its_own_word_the_one_in_json() {
    let words: BTreeSet<&str> = FindingKind::ALL.iter().map(|kind| kind.word()).collect();
    assert_eq!(words.len(), FindingKind::ALL.len());
    for kind in FindingKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
    }
}

proptest! {
    #[test]
    fn for_all_tag_values_nothing_is_lost_and_the_order_does_not_matter(
        values in proptest::collection::vec((any::<String>(), "[ab ]{0,2}", "[a-cA-C+ ]{0,5}"), 0..8)
    ) {
        let mut resources: Vec<Resource> = values
            .iter()
            .enumerate()
            .map(|(n, (pipeline, stage, before))| {
                let tags = [("pipeline", pipeline.as_str()), ("model", stage.as_str()), ("depends-on", before.as_str())];
                let kind = if n % 2 == 0 { ResourceKind::Function } else { ResourceKind::Stream };
                resource(&format!("r{n}"), kind, &tags)
            })
            .collect();
        let (pipelines, findings) = grouped(&resources);
        let mut arns: Vec<&String> = pipelines
            .iter()
            .flat_map(|pipeline| pipeline.resources.iter().chain(pipeline.stages.iter().flat_map(|stage| &stage.resources)))
            .collect();
        arns.sort();
        let mut all: Vec<&String> = resources.iter().map(|resource| &resource.arn).collect();
        all.sort();
        prop_assert_eq!(arns, all);
        for finding in &findings {
            prop_assert!(!finding.to_string().chars().any(char::is_control));
        }
        let once = (pipelines.clone(), findings.clone());
        resources.reverse();
        prop_assert_eq!(grouped(&resources), once);
    }
}
