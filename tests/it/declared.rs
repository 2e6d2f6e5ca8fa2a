//! A pipeline's file, from the configuration to Datadog: what it declares is compared, followed and measured.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ddsync::sim::github::history::{Action, Conclusion};
use ddsync::sim::{company, world::Resource};

use serde_json::Value;

use crate::scene::Scene;

/// Seconds after a minute at which all that is computed of it has been read for good: see `truth`.
const SETTLED: i64 = 900;

/// Two stages and a dependency as they are tagged, one that only the file knows, a model that nobody deployed, a
/// pipeline that nobody deployed, and Textract.
const FILE: &str = "
team: Docs
identifier: LeaseAbstraction
data_dev:
  buckets: [{name: docs-model-input-dev}]
  sagemakerPipelines:
    - name: Lease
      models:
        - {name: page-split, async: true, count: 4, instanceType: ml.c5.4xlarge}
        - {name: clause-tagger, async: true, count: 1, instanceType: ml.m5.4xlarge, dependsOn: {models: [page-split]}}
        - {name: table-reader, async: true, count: 2, instanceType: ml.m5.large, textract: true, dependsOn: {models: [clause-tagger]}}
        - {name: signature-finder, async: true, count: 1, dependsOn: {models: [page-split]}}
    - name: Addenda
      models: [{name: reader, async: true}]
";

async fn scene(rate: f64) -> Scene {
    let mut scene = Scene::at_rate(rate).await;
    std::fs::create_dir_all(scene.path("pipelines")).expect("a folder");
    std::fs::write(scene.path("pipelines/lease.yaml"), FILE).expect("a pipeline file");
    scene.config.push_str("pipelines: {files: [\"pipelines/*.yaml\"]}\n");
    // What the tags say goes before the file: here they say nothing.
    assert!(scene.sim.world().retag("lease-table-reader", "depends-on", None));
    scene
}

#[tokio::test]
async fn what_a_file_declares_is_compared_with_what_is_deployed() {
    let scene = scene(1.0).await;
    let screen = scene.run(&["discover", "--json"]).await;
    assert_eq!((screen.code, screen.stderr.as_str()), (Some(0), ""));
    let found = screen.json();
    let of_files = ["not_deployed", "differs_from_file", "not_declared", "unreadable_file", "unknown_dependency"];
    let findings = found["findings"].as_array().expect("a list").iter();
    let findings = findings.filter(|finding| of_files.iter().any(|kind| finding["kind"] == *kind));
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings: Vec<String> = findings
        .map(|found| {
            [&found["scope"]["account"], &found["pipeline"], &found["kind"], &found["detail"]].map(word).join(" ")
        })
        .collect();
    insta::assert_snapshot!(findings.join("\n"));
    assert_eq!(found["undeployed"], serde_json::json!([{"pipeline": "Addenda", "environment": "data_dev"}]));
    let lease = |account: &str| {
        let pipelines = found["pipelines"].as_array().expect("a list").iter();
        let mut lease = pipelines.filter(|p| p["name"] == "Lease" && p["environment"] == account);
        lease.next().expect("the pipeline is found").clone()
    };
    let reader = |account: &str| {
        let lease = lease(account);
        let mut stages = lease["stages"].as_array().expect("a list").iter();
        let stage = stages.find(|stage| stage["name"] == "table-reader").expect("the stage is found");
        (stage["depends_on"].clone(), stage["textract"].clone())
    };
    assert_eq!(reader("data_dev"), (serde_json::json!(["clause-tagger"]), true.into()));
    // The file says nothing of production.
    assert_eq!(reader("data_prod"), (serde_json::json!([]), false.into()));
}

async fn found(scene: &Scene) -> Value {
    scene.run(&["discover", "--json"]).await.json()
}

#[tokio::test]
async fn what_was_deployed_from_github_is_compared_with_what_is_there() {
    let mut scene = Scene::new().await;
    let told = |found: &Value| {
        let findings = found["findings"].as_array().expect("a list").iter();
        let details = findings.filter_map(|finding| finding["detail"].as_str());
        details.filter(|detail| detail.contains("acme/ml-pipelines")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(told(&found(&scene).await), [""; 0], "nobody has asked GitHub");
    let pass = scene.run(&["once", "--only", "dora"]).await;
    assert_eq!(pass.code, Some(0), "{}", pass.stderr);
    let before = told(&found(&scene).await);
    assert_eq!(before, [""; 0], "production is as it was deployed");
    let fax = |found: &Value| {
        let all = found["undeployed"].as_array().expect("a list").iter();
        all.filter(|one| one["pipeline"] == "FaxArchive").count()
    };
    assert_eq!(fax(&found(&scene).await), 1, "deployed, and never there");
    let config = scene.config.clone();
    scene.config.push_str("pipelines: {exclude: [\"Fax*\"]}\n");
    assert_eq!(fax(&found(&scene).await), 0, "nobody asked for it");
    scene.config = config;
    assert!(scene.sim.world().delete("lease-table-reader", scene.sim.clock().now()));
    let after = told(&found(&scene).await);
    let last = scene.sim.deploys().into_iter().rfind(|run| {
        let reached = run.attempts.iter().any(|it| it.conclusion == Conclusion::Success);
        run.pipeline == "Lease" && run.environment == "data_prod" && run.action == Action::Up && reached
    });
    let sha = last.expect("a deployment").commit;
    let wanted = format!(
        "model \"table-reader\" is declared and has no endpoint, says \"pipelines/lease.yaml\" of acme/ml-pipelines at \
         commit {}",
        &sha[..12]
    );
    assert!(after.contains(&wanted), "{wanted}: {after:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_file_knows_reaches_datadog() {
    let scene = scene(120.0).await;
    let opened = scene.sim.clock().now().timestamp();
    let screen = scene.run(&["run", "--for", "32m", "--json"]).await;
    assert_eq!(screen.code, Some(0), "{}", screen.stderr);
    let minutes: Vec<i64> = (opened - 8 * 60..opened + 30 * 60 - SETTLED).filter(|second| second % 60 == 0).collect();
    assert!(minutes.len() > 15);
    lag_follows_the_file(&scene, &minutes);
    textract_is_measured(&scene, &minutes);
    missing_stages_are_told(&scene);
}

/// 1 for the declared stage that nobody deployed, 0 for those that are there.
fn missing_stages_are_told(scene: &Scene) {
    let stage = |tags: &[String]| tags.iter().find_map(|tag| tag.strip_prefix("stage:").map(str::to_owned));
    let told: BTreeSet<(Option<String>, bool)> = scene
        .stored("mlpipeline.stage.missing", "pipeline:lease")
        .iter()
        .map(|(_, tags, _, value)| (stage(tags), *value > 0.0))
        .collect();
    let missing: Vec<&str> =
        told.iter().filter(|(_, missing)| *missing).filter_map(|(stage, _)| stage.as_deref()).collect();
    assert_eq!(missing, ["signature-finder"], "{told:?}");
    assert!(told.contains(&(Some("page-split".to_owned()), false)), "{told:?}");
}

fn resource(scene: &Scene, name: &str) -> Arc<Resource> {
    let all = scene.sim.world().resources();
    let found = all.into_iter().find(|resource| resource.account == company::DEVELOPMENT && resource.name == name);
    found.expect("it is there")
}

/// The longest path is now page-split, clause-tagger, table-reader: one after the other.
fn lag_follows_the_file(scene: &Scene, minutes: &[i64]) {
    let stages = ["lease-page-split", "lease-clause-tagger", "lease-table-reader"].map(|name| resource(scene, name));
    let age = |stage: &Resource, minute| {
        let value = |metric| scene.sim.world().value(stage, metric, "Maximum", minute);
        value("ApproximateAgeOfOldestRequest").or(value("ApproximateBacklogSize").filter(|backlog| *backlog <= 0.0))
    };
    let sent: BTreeMap<i64, f64> = scene
        .stored("mlpipeline.pipeline.lag", "pipeline:lease")
        .into_iter()
        .filter(|(_, tags, _, _)| tags.iter().any(|tag| tag == "environment:data_dev"))
        .map(|(_, _, at, value)| (at, value))
        .collect();
    let mut beyond_the_tags = 0;
    for minute in minutes {
        let ages: Option<Vec<f64>> = stages.iter().map(|stage| age(stage, *minute)).collect();
        let Some(ages) = ages else { continue };
        let sum: f64 = ages.iter().sum();
        let found = sent.get(minute).copied();
        assert!(found.is_some_and(|found| (found - sum).abs() < 1e-6), "minute {minute}: {found:?}, ages {ages:?}");
        beyond_the_tags += u32::from(ages[2] > 0.0 && ages[0] + ages[1] > 0.0);
    }
    assert!(beyond_the_tags > 3, "hardly a minute tells the file's path from the tags'");
}

/// Textract knows no pipeline, only the account: its series say who shares it.
fn textract_is_measured(scene: &Scene, minutes: &[i64]) {
    let operation = resource(scene, "AnalyzeDocument");
    let stored = scene.stored("mlpipeline.textract.", "");
    let tags: BTreeSet<&str> = stored.iter().flat_map(|(_, tags, _, _)| tags).map(String::as_str).collect();
    let tags: Vec<&str> = tags.into_iter().filter(|tag| !tag.starts_with("operation:")).collect();
    assert_eq!(tags, ["aws_account:111122223333", "region:us-west-2", "shared_by:lease"]);
    let mut compared = 0;
    for (name, metric, statistic, factor) in [
        ("mlpipeline.textract.successful_requests.sum", "SuccessfulRequestCount", "Sum", 1.0),
        ("mlpipeline.textract.throttled.sum", "ThrottledCount", "Sum", 1.0),
        ("mlpipeline.textract.response_time.avg", "ResponseTime", "Average", 0.001),
    ] {
        for &minute in minutes {
            let Some(wanted) = scene.sim.world().value(&operation, metric, statistic, minute) else { continue };
            let found = stored.iter().find(|(series, tags, at, _)| {
                series == name && *at == minute && tags.iter().any(|tag| tag == "operation:analyzedocument")
            });
            let found = found.map(|(_, _, _, value)| *value);
            let wanted = wanted * factor;
            assert!(
                found.is_some_and(|found| (found - wanted).abs() < 1e-9 * wanted.abs().max(1.0)),
                "{name} of minute {minute}: {wanted} is {found:?}"
            );
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared} points");
}
