//! What is seen when all goes well.

use std::collections::BTreeSet;

use ddsync::sim::ObjectKind;
use serde_json::{Value, json};

use super::{
    FEW, LEASE, applied, by_hand, edit, id, line, object, routed, seen, settled, with_templates, write_template,
};
use crate::provision::census;
use crate::scene::Scene;

#[tokio::test]
async fn help() {
    let scene = Scene::new().await;
    insta::assert_snapshot!("help_page_test", scene.run(&["page", "test", "--help"]).await.whole());
}

/// Everything there is to make, and that somebody has to be told.
#[tokio::test]
async fn plan_of_the_whole_company() {
    let scene = Scene::new().await;
    let screen = scene.run(&["plan"]).await;
    insta::assert_snapshot!("plan_of_the_whole_company", screen.whole());
    let wide = screen.stdout.lines().filter(|line| line.chars().count() > 100).collect::<Vec<_>>();
    assert!(wide.is_empty(), "{wide:?}");
}

#[tokio::test]
async fn from_nothing_to_nothing_to_do() {
    let scene = routed().await;
    let plan = scene.run(&line(&[&["plan", "--detailed-exitcode"], &FEW])).await;
    insta::assert_snapshot!("plan_create", seen(&plan));
    assert_eq!(plan.code, Some(2));
    insta::assert_snapshot!("apply_create", seen(&applied(&scene, &FEW).await));
    let writes = scene.sim.writes();
    let again = scene.run(&line(&[&["apply"], &FEW])).await;
    insta::assert_snapshot!("apply_nothing", seen(&again));
    assert_eq!(settled(&scene, &FEW).await.stdout, again.stdout);
    assert_eq!(scene.sim.writes(), writes, "a second apply writes nothing");
}

#[tokio::test]
async fn drift() {
    let scene = routed().await;
    applied(&scene, &FEW).await;
    let name = "Lease (data_prod): requests fail";
    edit(&scene, ObjectKind::Monitor, name, "/options/thresholds/critical", json!(0.5));
    let message = object(&scene, ObjectKind::Monitor, name)["message"].as_str().expect("a text").to_owned();
    let message = message.replace("Likely causes", "Unlikely causes") + "\nI was here.";
    edit(&scene, ObjectKind::Monitor, name, "/message", json!(message));
    edit(&scene, ObjectKind::Monitor, name, "/options/renotify_interval", json!(17));
    edit(&scene, ObjectKind::Dashboard, "Lease (data_prod)", "/widgets/0", json!(null));
    let plan = scene.run(&line(&[&["plan"], &FEW])).await;
    insta::assert_snapshot!("plan_drift", seen(&plan));
    insta::assert_snapshot!("apply_drift", seen(&applied(&scene, &FEW).await));
}

#[tokio::test]
async fn a_changed_template() {
    let mut scene = routed().await;
    applied(&scene, &FEW).await;
    scene.config.push_str("templates: {variables: {\"*\": {max_failure_percent: 7}}}\n");
    insta::assert_snapshot!("plan_change", seen(&scene.run(&line(&[&["plan"], &FEW])).await));
}

#[tokio::test]
async fn plan_as_json() {
    let scene = routed().await;
    let arguments = line(&[&["plan", "--json", "--only", "fleet"]]);
    let plan = scene.run(&arguments).await;
    assert_eq!((plan.code, plan.stderr.as_str()), (Some(0), ""));
    let json = plan.json();
    assert_eq!((&json["version"], &json["namespace"]), (&json!(1), &json!("main")));
    assert_eq!(json["summary"]["create"], 1);
    let step = &json["steps"][0];
    assert_eq!((&step["kind"], &step["identity"]), (&json!("dashboard"), &json!("fleet/global")));
    assert!(step["action"]["create"]["body"]["widgets"].is_array(), "{step}");
    let keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["extras", "findings", "kept", "namespace", "steps", "summary", "unchanged", "version"]);
}

/// Each filter leaves something out, and nothing that it should not.
#[tokio::test]
async fn filters() {
    let scene = routed().await;
    let all = steps(&scene, &[]).await;
    for (filter, keeps) in [
        (&["--pipeline", "Lease"][..], "/pipeline/lease/"),
        (&["--environment", "data_prod"], "/data_prod"),
        (&["--only", "success"], "slo success/"),
        (&["--kind", "slo"], "slo "),
    ] {
        let wanted: Vec<String> = all.iter().filter(|step| step.contains(keeps)).cloned().collect();
        assert!(!wanted.is_empty() && wanted.len() < all.len(), "{keeps}");
        assert_eq!(steps(&scene, filter).await, wanted, "{filter:?}");
    }
    let whole = scene.run(&["plan", "--json"]).await.json();
    let of_docs = |step: &Value| step["action"].to_string().contains(r#""team:docs""#);
    let pipelines: BTreeSet<String> =
        whole["steps"].as_array().expect("steps").iter().filter(|step| of_docs(step)).filter_map(about).collect();
    let wanted = all.iter().filter(|step| pipelines.iter().any(|about| step.contains(about)));
    let wanted: Vec<String> = wanted.cloned().collect();
    assert!(wanted.iter().any(|step| step.starts_with("dashboard ")) && wanted.len() < all.len(), "{wanted:?}");
    assert_eq!(steps(&scene, &["--team", "docs"]).await, wanted);
    let both = steps(&scene, &["--only", "success", "--only", "fleet", "--kind", "dashboard"]).await;
    assert_eq!(both, ["dashboard fleet/global"]);
    let nothing = scene.run(&["plan", "--pipeline", "Laese"]).await;
    insta::assert_snapshot!("plan_matches_nothing", nothing.whole());
}

/// Pipeline and environment of a step, as they stand in its identity.
fn about(step: &Value) -> Option<String> {
    let identity = step["identity"].as_str()?;
    let mut parts = identity.split('/').skip(1);
    if parts.next()? != "pipeline" {
        return None;
    }
    Some(format!("/pipeline/{}/{}", parts.next()?, parts.next()?))
}

/// Monitors lead to the dashboard of their pipeline, so it is made with them.
#[tokio::test]
async fn a_part_can_be_applied_alone() {
    let scene = routed().await;
    let applied = scene.run(&["apply", "--kind", "monitor", "--pipeline", "Lease", "--auto-approve"]).await;
    assert_eq!(applied.code, Some(0), "{}", applied.whole());
    let again = scene.run(&["plan", "--kind", "monitor", "--pipeline", "Lease", "--detailed-exitcode"]).await;
    assert_eq!(again.code, Some(0), "{}", again.whole());
    let rest = steps(&scene, &["--pipeline", "Lease"]).await;
    assert!(!rest.iter().any(|step| step.starts_with("monitor ") || step.starts_with("dashboard ")), "{rest:?}");
}

async fn steps(scene: &Scene, filters: &[&str]) -> Vec<String> {
    let json = scene.run(&line(&[&["plan", "--json"], filters])).await.json();
    let steps = json["steps"].as_array().expect("steps").iter();
    steps
        .map(|step| {
            format!("{} {}", step["kind"].as_str().expect("a word"), step["identity"].as_str().expect("a text"))
        })
        .collect()
}

#[tokio::test]
async fn a_pipeline_that_vanishes() {
    let scene = routed().await;
    let few = ["--only", "success", "--pipeline", "payroll"];
    let few = &few[..];
    let pipeline = |scene: &Scene| scene.sim.objects(ObjectKind::Slo).len();
    applied(&scene, few).await;
    let before = pipeline(&scene);
    assert!(before > 0);
    let names: Vec<String> = scene
        .sim
        .world()
        .resources()
        .iter()
        .filter(|it| it.tag("pipeline") == Some("Payroll"))
        .map(|it| it.name.clone())
        .collect();
    assert!(!names.is_empty());
    for name in &names {
        assert!(scene.sim.world().vanish(name));
    }
    insta::assert_snapshot!("plan_vanished", seen(&scene.run(&line(&[&["plan"], few])).await));
    applied(&scene, few).await;
    insta::assert_snapshot!("plan_vanished_kept", seen(&scene.run(&line(&[&["plan"], few])).await));
    assert_eq!(pipeline(&scene), before, "nothing goes without --prune");
    let pruned = scene.run(&line(&[&["apply", "--auto-approve", "--prune"], few])).await;
    insta::assert_snapshot!("apply_pruned", seen(&pruned));
    assert!(pipeline(&scene) < before);
}

#[tokio::test]
async fn destroyed_and_put_back() {
    let scene = routed().await;
    applied(&scene, &FEW).await;
    let count = |kind| scene.sim.objects(kind).len();
    let before = [ObjectKind::Monitor, ObjectKind::Slo, ObjectKind::Dashboard].map(count);
    let backup = scene.path("backup.json");
    let destroy = line(&[&["destroy", "--auto-approve", "--backup", "backup.json"], &LEASE]);
    insta::assert_snapshot!("destroy", seen(&scene.run(&destroy).await));
    assert_eq!([ObjectKind::Monitor, ObjectKind::Slo, ObjectKind::Dashboard].map(count), [0, 0, 0]);
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(backup).expect("it is there")).expect("JSON");
    assert_eq!((&json["version"], json["objects"].as_array().map(Vec::len)), (&json!(1), Some(before.iter().sum())));
    insta::assert_snapshot!("destroy_nothing", seen(&scene.run(&destroy).await));
    insta::assert_snapshot!("restore", seen(&scene.run(&["restore", "backup.json", "--auto-approve"]).await));
    assert_eq!([ObjectKind::Monitor, ObjectKind::Slo, ObjectKind::Dashboard].map(count), before);
    let again = scene.run(&["restore", "backup.json", "--auto-approve"]).await;
    insta::assert_snapshot!("restore_again", seen(&again));
    settled(&scene, &FEW).await;
}

/// All of a namespace, without a filter: nothing of it is left, what is not ours stays, and the backup brings all back.
#[tokio::test]
async fn everything_destroyed_and_put_back() {
    let scene = routed().await;
    applied(&scene, &[]).await;
    let theirs = scene.sim.create_by_hand(ObjectKind::Monitor, by_hand()).expect("it is made");
    let before = census(&scene);
    assert!(before.len() > 150, "{} objects", before.len());
    let screen = scene.run(&["destroy", "--auto-approve", "--backup", "all.json"]).await;
    assert_eq!(screen.code, Some(0), "{}", screen.whole());
    assert!(census(&scene).is_empty(), "{}", screen.whole());
    let left: Vec<String> = scene.sim.objects(ObjectKind::Monitor).iter().map(id).collect();
    assert_eq!(left, [theirs]);
    let screen = scene.run(&["restore", "all.json", "--auto-approve"]).await;
    assert_eq!(screen.code, Some(0), "{}", screen.whole());
    assert_eq!(census(&scene), before);
    settled(&scene, &[]).await;
}

#[tokio::test]
async fn a_monitor_made_by_hand_becomes_ours() {
    let scene = with_templates().await;
    let made = scene.sim.create_by_hand(ObjectKind::Monitor, by_hand()).expect("it is made");
    let printed = scene.run(&["import", &made]).await;
    insta::assert_snapshot!("import", seen(&printed));
    let url = format!("https://app.datadoghq.com/monitors/{made}?live=true");
    assert_eq!(scene.run(&["import", &url]).await.stdout, printed.stdout);
    let adopted = scene.run(&["import", &url, "--adopt", "--auto-approve"]).await;
    insta::assert_snapshot!("import_adopt", seen(&adopted));
    settled(&scene, &["--only", "errors-of-the-front-door"]).await;
    let monitors = scene.sim.objects(ObjectKind::Monitor);
    assert_eq!((monitors.len(), id(&monitors[0])), (1, made));
    insta::assert_snapshot!(
        "import_ours",
        seen(&scene.run(&["import", &url, "--as", "other", "--adopt", "--auto-approve"]).await)
    );
    assert!(!scene.path("templates/monitors/other.yaml").exists(), "the next apply would make a second one");
    let mut other = by_hand();
    other["name"] = json!("Another");
    let other = scene.sim.create_by_hand(ObjectKind::Monitor, other).expect("it is made");
    let there = scene.run(&["import", &other, "--write", "--as", "errors-of-the-front-door"]).await;
    insta::assert_snapshot!("import_there", seen(&there));
    insta::assert_snapshot!("import_nothing", scene.run(&["import", "1234567"]).await.whole());
    insta::assert_snapshot!("import_nonsense", scene.run(&["import", "what is this"]).await.whole());
}

/// Whatever the kind: after it is taken over, the plan is empty and Datadog has it once.
#[tokio::test]
async fn a_dashboard_and_an_slo_made_by_hand_become_ours() {
    let scene = with_templates().await;
    let note = json!({"definition": {"type": "note", "content": "{{by hand}} << not ours >> 50 % done"}});
    let board = json!({"title": "By hand", "layout_type": "ordered", "widgets": [note]});
    let slo = json!({"name": "Mine", "type": "metric", "thresholds": [{"timeframe": "30d", "target": 99.0}], "query": {
        "numerator": "sum:mlpipeline.endpoint.invocations_processed.sum{pipeline:lease}.as_count()",
        "denominator": "sum:mlpipeline.endpoint.invocations_processed.sum{*}.as_count()"}});
    for (kind, key, body, address) in [
        (ObjectKind::Dashboard, "by-hand", board, "https://app.datadoghq.com/dashboard/ID/by-hand?from_ts=1"),
        (ObjectKind::Slo, "mine", slo, "https://app.datadoghq.com/slo/manage?slo_id=ID"),
    ] {
        let made = scene.sim.create_by_hand(kind, body).expect("it is made");
        // Without anybody to ask, nothing is written: the next apply would make a second one.
        let refused = scene.run(&["import", &made, "--adopt"]).await;
        assert_eq!(refused.code, Some(1), "{}", refused.whole());
        assert_eq!(std::fs::read_dir(scene.path("templates")).expect("a folder").count(), usize::from(key == "mine"));
        let adopted = scene.run(&["import", &address.replace("ID", &made), "--adopt", "--auto-approve"]).await;
        assert_eq!(adopted.code, Some(0), "{}", adopted.whole());
        let plan = settled(&scene, &["--only", key]).await;
        assert_eq!(scene.sim.objects(kind).len(), 1, "{}", plan.whole());
        assert!(plan.stdout.starts_with("nothing to do, 1 unchanged"), "{}", plan.whole());
    }
    let content = &object(&scene, ObjectKind::Dashboard, "By hand")["widgets"][0]["definition"]["content"];
    assert_eq!(content, "{{by hand}} << not ours >> 50 % done");
}

/// A monitor made by hand that is just what a template makes is taken over instead of doubled.
#[tokio::test]
async fn a_duplicate_is_adopted() {
    let scene = with_templates().await;
    let template = "name: Silence\ntype: query alert\nquery: \"avg(last_5m):avg:ddsync.heartbeat{*} < 1\"\npriority: 3\n\
        message: \"Runbook: look. << notify >>\"\noptions: {thresholds: {critical: 1}, evaluation_delay: 60}\n";
    write_template(&scene, "monitors/silence.yaml", template);
    let only = ["--only", "silence"];
    let json = scene.run(&line(&[&["plan", "--json"], &only])).await.json();
    let mut body = json["steps"][0]["action"]["create"]["body"].clone();
    // Datadog compares all but the tags.
    body["tags"] = json!([]);
    let made = scene.sim.create_by_hand(ObjectKind::Monitor, body).expect("it is made");
    insta::assert_snapshot!("apply_adopts", seen(&applied(&scene, &only).await));
    let monitors = scene.sim.objects(ObjectKind::Monitor);
    assert_eq!((monitors.len(), id(&monitors[0])), (1, made));
    settled(&scene, &only).await;
}

#[tokio::test]
async fn rendered() {
    let scene = routed().await;
    let screen = scene.run(&["render", "failure-ratio", "--pipeline", "Lease"]).await;
    let json = screen.json();
    assert_eq!(
        (&json[0]["kind"], &json[0]["identity"]),
        (&json!("monitor"), &json!("failure-ratio/pipeline/lease/data_dev"))
    );
    assert!(json[0]["body"]["query"].as_str().is_some_and(|query| query.contains("pipeline:lease")), "{json}");
    insta::assert_snapshot!(
        "render_no_template",
        scene.run(&["render", "failure-rato", "--pipeline", "Lease"]).await.whole()
    );
    insta::assert_snapshot!(
        "render_no_pipeline",
        scene.run(&["render", "failure-ratio", "--pipeline", "Laese"]).await.whole()
    );
}

#[tokio::test]
async fn validated() {
    let scene = Scene::new().await;
    insta::assert_snapshot!("validate", scene.run(&["validate"]).await.whole());
    insta::assert_snapshot!("validate_remote", scene.run(&["validate", "--remote"]).await.whole());
    assert!(scene.sim.writes().is_empty(), "it writes nothing");
}
