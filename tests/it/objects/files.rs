//! What is read from files: plans, backups, templates of one's own.

use ddsync::sim::ObjectKind;
use serde_json::{Value, json};

use super::{FEW, edit, line, object, routed, seen, settled, with_templates, write_template};
use crate::scene::Scene;

#[tokio::test]
async fn a_plan_of_a_file_is_done_exactly() {
    let scene = routed().await;
    let plan = scene.run(&line(&[&["plan", "--out", "plan.json"], &FEW])).await;
    insta::assert_snapshot!("plan_out", seen(&plan));
    let apply = scene.run(&["apply", "--plan", "plan.json", "--auto-approve"]).await;
    assert_eq!(apply.code, Some(0), "{}", apply.whole());
    assert!(apply.stdout.ends_with("4 done\n"), "{}", apply.whole());
    let count = scene.sim.writes();
    insta::assert_snapshot!(
        "plan_done_before",
        seen(&scene.run(&["apply", "--plan", "plan.json", "--auto-approve"]).await)
    );
    assert_eq!(scene.sim.writes(), count, "nothing is written");
}

#[tokio::test]
async fn a_plan_whose_world_has_moved() {
    let scene = routed().await;
    super::applied(&scene, &FEW).await;
    edit(&scene, ObjectKind::Monitor, "Lease (data_prod): requests fail", "/priority", json!(5));
    scene.run(&line(&[&["plan", "--out", "plan.json"], &FEW])).await;
    edit(&scene, ObjectKind::Monitor, "Lease (data_prod): requests fail", "/priority", json!(4));
    let count = scene.sim.writes();
    insta::assert_snapshot!("plan_moved", seen(&scene.run(&["apply", "--plan", "plan.json", "--auto-approve"]).await));
    assert_eq!(scene.sim.writes(), count, "nothing is written");
}

#[tokio::test]
async fn plans_that_are_none() {
    let mut scene = routed().await;
    scene.run(&line(&[&["plan", "--out", "plan.json"], &FEW])).await;
    let text = std::fs::read_to_string(scene.path("plan.json")).expect("it is there");
    let mut later: Value = serde_json::from_str(&text).expect("JSON");
    later["version"] = json!(2);
    std::fs::write(scene.path("later.json"), later.to_string()).expect("it is written");
    std::fs::write(scene.path("torn.json"), &text[..text.find("\"action\"").expect("a step")]).expect("it is written");
    std::fs::write(scene.path("other.json"), "[]").expect("it is written");
    let mut said = String::new();
    for name in ["missing.json", "torn.json", "other.json", "later.json"] {
        let screen = scene.run(&["apply", "--plan", name, "--auto-approve"]).await;
        said.push_str(&screen.whole());
        assert_eq!(screen.code, Some(1));
    }
    scene.change("provision: {", "provision: {namespace: other, ");
    said.push_str(&scene.run(&["apply", "--plan", "plan.json", "--auto-approve"]).await.whole());
    said.push_str(&scene.run(&["restore", "torn.json"]).await.whole());
    said.push_str(&scene.run(&["restore", "later.json"]).await.whole());
    said.push_str(&scene.run(&["restore", "missing.json"]).await.whole());
    insta::assert_snapshot!("plan_files", said);
    assert!(scene.sim.writes().is_empty());
    let screen = scene.run(&["apply", "--plan", "plan.json", "--prune"]).await;
    assert_eq!(screen.code, Some(2), "{}", screen.whole());
    let screen = scene.run(&["plan", "--out", "no/such/folder.json", "--only", "fleet"]).await;
    insta::assert_snapshot!("plan_out_nowhere", screen.whole());
}

/// What Datadog's interface exports is a template as it is.
#[tokio::test]
async fn an_export_of_the_interface() {
    let scene = with_templates().await;
    let made = json!({
        "title": "Front door", "description": "Seen by hand", "layout_type": "ordered", "notify_list": null, "template_variables": [],
        "reflow_type": "auto", "tags": [],
        "widgets": [{"id": 5_005_661_434_301_714_u64, "layout": {"x": 0, "y": 0, "width": 4, "height": 2}, "definition": {
            "type": "timeseries", "title": "{{stays}}", "requests": [{"display_type": "line", "response_format": "timeseries",
            "queries": [{"name": "a", "data_source": "metrics", "query": "avg:ddsync.heartbeat{*}"}], "formulas": [{"formula": "a"}]}]}}],
    });
    write_template(&scene, "dashboards/front-door.json", &made.to_string());
    let only = ["--only", "front-door"];
    let screen = super::applied(&scene, &only).await;
    insta::assert_snapshot!("export", seen(&screen));
    settled(&scene, &only).await;
    let live = object(&scene, ObjectKind::Dashboard, "Front door");
    assert_eq!(live["widgets"][0]["definition"]["title"], "{{stays}}");
}

#[tokio::test]
async fn templates_that_are_broken() {
    let scene = with_templates().await;
    write_template(
        &scene,
        "monitors/wrong.yaml",
        "ddsync: {scope: pipeline}\nname: \"<< pipeline.name >> <<\"\nquery: \"avg:x{<< filtre >>}\"\n\
         options: {thresholds: {critical: << vars.max >>}}\n",
    );
    write_template(&scene, "dashboards/torn.json", "{\"title\": \"x\"");
    for command in ["validate", "plan"] {
        let screen = scene.run(&[command]).await;
        insta::assert_snapshot!(format!("templates_broken_{command}"), screen.whole());
        assert_eq!(screen.code, Some(2));
    }
}

#[tokio::test]
async fn a_variable_that_is_none() {
    let scene = with_templates().await;
    write_template(
        &scene,
        "monitors/wrong.yaml",
        "ddsync: {scope: pipeline}\nname: x\ntype: query alert\nquery: \"avg(last_5m):avg:ddsync.heartbeat{*} > 5\"\n\
         message: \"@slack-ml\"\noptions: {thresholds: {critical: \"<< vars.most >>\"}}\n",
    );
    insta::assert_snapshot!("templates_variable", scene.run(&["validate"]).await.whole());
}

/// Works, and cannot do what it is there for: every rule that is broken is named, once.
#[tokio::test]
async fn templates_that_the_lint_refuses() {
    let scene = with_templates().await;
    write_template(
        &scene,
        "monitors/odd.yaml",
        "name: \"Odd {{pipeline.name}}\"\ntype: query alert\nquery: \"avg(last_5m):avg:ddsync.upp{*} by {host} > 5\"\n\
         message: \"{{#is_alert}}Look. @slack-ml\"\noptions: {thresholds: {critical: 6}}\n",
    );
    let screen = scene.run(&["validate"]).await;
    insta::assert_snapshot!("templates_lint", screen.whole());
    assert_eq!(screen.code, Some(2));
    assert_eq!(scene.run(&["plan"]).await.code, Some(2));
}

#[tokio::test]
async fn a_folder_that_is_not_there() {
    let mut scene = Scene::new().await;
    scene.config.push_str("templates: {dir: ./nowhere}\n");
    for command in ["validate", "plan"] {
        insta::assert_snapshot!(format!("templates_missing_{command}"), scene.run(&[command]).await.whole());
    }
}
