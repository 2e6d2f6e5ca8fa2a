//! What a person sees, on no terminal and without colours.

use serde_json::Value;

use crate::{program::command, scene::Scene};

#[tokio::test]
async fn help() {
    let scene = Scene::new().await;
    insta::assert_snapshot!("help", scene.run(&["--help"]).await.whole());
    let commands = [
        "demo",
        "run",
        "once",
        "discover",
        "estimate",
        "validate",
        "plan",
        "apply",
        "destroy",
        "restore",
        "import",
        "render",
        "page",
        "logs",
        "dora",
        "metrics",
        "iam-policy",
        "health",
        "completions",
    ];
    for command in commands {
        insta::assert_snapshot!(format!("help_{command}"), scene.run(&[command, "--help"]).await.whole());
    }
    let general = scene.run(&["--help"]).await.stdout;
    let listed = general.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let listed: Vec<&str> = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    let listed: Vec<&str> = listed.into_iter().filter(|name| !name.is_empty()).collect();
    assert_eq!(listed, commands);
}

#[tokio::test]
async fn discover() {
    let scene = Scene::new().await;
    let screen = scene.run(&["discover"]).await;
    insta::assert_snapshot!("discover", screen.whole());
    let json = scene.run(&["discover", "--json"]).await;
    assert_eq!((json.code, json.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!("discover_json", shape(&json.json()));
}

#[tokio::test]
async fn discover_finds_nothing() {
    let mut scene = Scene::new().await;
    scene.config.push_str("tags: {pipeline: never-used}\n");
    insta::assert_snapshot!(scene.run(&["discover"]).await.whole());
}

#[tokio::test]
async fn estimate() {
    let scene = Scene::new().await;
    insta::assert_snapshot!("estimate", scene.run(&["estimate", "--endpoints", "100"]).await.whole());
    assert!(scene.sim.requests().is_empty(), "AWS was asked");
    let mut scene = Scene::new().await;
    scene.config.push_str("limits: {cloudwatch_dollars_per_month: 300}\n");
    insta::assert_snapshot!("estimate_limited", scene.run(&["estimate", "--endpoints", "100"]).await.whole());
}

#[tokio::test]
async fn validate() {
    let mut scene = Scene::new().await;
    insta::assert_snapshot!("validate_good", scene.run(&["validate"]).await.whole());
    scene.config = "regions: [us-west-2, us-wset-2]\nlgo: {level: info}\nmetrics:\n  dely: 120s\n".to_owned();
    insta::assert_snapshot!("validate_bad", scene.run(&["validate"]).await.whole());
    scene.config =
        "regions: [us-west-2]\nmetrics: {disable: [mlpipeline.stream.delivery_to_s3.data_freshness]}\n".to_owned();
    insta::assert_snapshot!("validate_disabled", scene.run(&["validate"]).await.whole());
}

#[tokio::test]
async fn metrics() {
    let scene = Scene::new().await;
    let screen = scene.run(&["metrics"]).await;
    insta::assert_snapshot!(screen.whole());
    let widest = screen.stdout.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    assert!(widest <= 220, "{widest} columns");
}

#[tokio::test]
async fn once() {
    let scene = Scene::new().await;
    let screen = scene.run(&["once"]).await;
    // Numbers follow the second at which it runs.
    let shown: String = screen.whole().chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    insta::assert_snapshot!(shown.replace("00", "0").replace("00", "0").replace("00", "0"));
    assert_eq!(screen.code, Some(0));
}

#[tokio::test]
async fn demo_json() {
    let scene = Scene::new().await;
    let screen = scene.run(&["demo", "--json", "--minutes", "5"]).await;
    assert_eq!((screen.code, screen.stderr.as_str()), (Some(0), ""));
    let totals = screen.json();
    assert_eq!(totals["version"], 1);
    assert!(totals["pipelines"].is_array());
    let points: Vec<&String> = totals["points"].as_object().expect("an object").keys().collect();
    assert_eq!(points, ["accepted", "collected", "pending", "refused", "too_old", "unchanged"]);
    insta::assert_snapshot!(shape(&totals));
}

#[tokio::test]
async fn completions() {
    let scene = Scene::new().await;
    let screen = scene.run(&["completions", "bash"]).await;
    assert_eq!(screen.code, Some(0));
    assert!(screen.stdout.starts_with("_ddsync()"), "{}", screen.stdout.get(..80).unwrap_or_default());
    assert!(screen.stdout.contains("complete -F _ddsync"));
}

#[test]
fn output_that_cannot_be_written_is_no_success() {
    for arguments in [&["metrics", "--json"][..], &["completions", "bash"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
        let output = command(env!("CARGO_BIN_EXE_ddsync")).args(arguments).stdout(full).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(said, "error: standard output is not whole: No space left on device (os error 28)\n");
        assert_eq!(output.status.code(), Some(1));
        // Whoever reads only the first line has what they want.
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = command(env!("CARGO_BIN_EXE_ddsync")).args(arguments).stdout(writer).output().expect("it runs");
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    }
}

#[tokio::test]
async fn a_wrong_command_line() {
    let scene = Scene::new().await;
    let screen = scene.run(&["onec"]).await;
    assert_eq!(screen.code, Some(2));
    insta::assert_snapshot!(screen.whole());
    let screen = scene.run(&["run", "--for", "9999999999y"]).await;
    assert_eq!(screen.code, Some(2));
    assert!(screen.stderr.contains("more than 366 days; leave `--for` out to run for ever"), "{}", screen.stderr);
}

/// Keys and types, the first of each list, and of the maps with keys of their own (`by`) one for all.
fn shape(value: &Value) -> String {
    serde_json::to_string_pretty(&typed("", value)).expect("JSON")
}

fn typed(name: &str, value: &Value) -> Value {
    const BY: [&str; 5] = ["findings", "coverage", "requests", "committed", "errors"];
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "boolean".into(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "string".into(),
        Value::Array(items) => Value::Array(items.first().map(|item| typed("", item)).into_iter().collect()),
        Value::Object(fields) if BY.contains(&name) => {
            let one = fields.values().next().map(|field| ("*".to_owned(), typed("", field)));
            Value::Object(one.into_iter().collect())
        }
        Value::Object(fields) => fields.iter().map(|(key, field)| (key.clone(), typed(key, field))).collect(),
    }
}
