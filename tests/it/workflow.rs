//! deploy/github: the example workflow, what its titles say, and what nobody can do with it.

use std::process::Command;

use ddsync::model::dora::{Action, Call, JOB_NAME, Pattern, TITLE};
use serde_json::{Value, json};

use crate::program::{file, root};

const WORKFLOW: &str = "deploy/github/deploy.yml";

fn workflow() -> Value {
    serde_saphyr::from_str(&file(WORKFLOW)).unwrap_or_else(|error| panic!("{WORKFLOW}: {error}"))
}

/// A text with what people typed in the places of the expressions.
fn filled(text: &str, inputs: &Value) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{ inputs.") {
        let (name, after) = after.split_once(" }}").expect("an expression that ends");
        out.push_str(before);
        out.push_str(inputs[name].as_str().unwrap_or_else(|| panic!("no input {name}")));
        rest = after;
    }
    out + rest
}

fn call(inputs: &Value, branch: bool) -> Call {
    let text = |name: &str| inputs[name].as_str().expect("text").to_owned();
    Call {
        action: Action::parse(&text("action")).expect("an action"),
        environment: text("environment"),
        yaml: Some(text("YAML")),
        pipeline: None,
        branch: branch.then(|| text("branch")),
        version: None,
    }
}

/// The options of a choice.
fn options<'a>(workflow: &'a Value, input: &str) -> Vec<&'a str> {
    let options = workflow["on"]["workflow_dispatch"]["inputs"][input]["options"].as_array().expect("a choice");
    options.iter().map(|option| option.as_str().expect("text")).collect()
}

#[test]
fn what_is_typed_into_the_inputs_is_read_from_titles_and_names_of_jobs() {
    let workflow = workflow();
    assert_eq!(workflow["name"], "Deploy self-service infrastructure");
    let (title, job_name) = (Pattern::parse(TITLE).expect("ours"), Pattern::parse(JOB_NAME).expect("ours"));
    let line = title.run_name();
    for path in [WORKFLOW, "deploy/github/README.md"] {
        assert!(file(path).lines().any(|one| one == line), "{path} lacks the line {line}");
    }
    let job = &workflow["jobs"]["deploy"];
    let (run_name, name) = (workflow["run-name"].as_str().expect("text"), job["name"].as_str().expect("text"));
    assert!(file("deploy/github/README.md").contains(&format!("\n    name: {name}\n")));
    for action in options(&workflow, "action") {
        for environment in options(&workflow, "environment") {
            for (yaml, branch) in [("pipelines/lease.yaml", "main"), ("a-b/c_d.v2.yml", "feature/to-from-here")] {
                let inputs = json!({"action": action, "environment": environment, "YAML": yaml, "branch": branch});
                assert_eq!(title.read(&filled(run_name, &inputs)), Some(call(&inputs, true)));
                assert_eq!(job_name.read(&filled(name, &inputs)), Some(call(&inputs, false)));
                assert_eq!(filled(job["environment"].as_str().expect("text"), &inputs), environment);
            }
        }
    }
    assert_eq!(job["steps"][1]["with"]["ref"], "${{ inputs.branch }}");
}

/// The script of the first step, run as GitHub runs it.
fn accepts(yaml: &str, branch: &str) -> bool {
    let workflow = workflow();
    let script = workflow["jobs"]["deploy"]["steps"][0]["run"].as_str().expect("a script").to_owned();
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new("bash")
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", &script])
        .current_dir(&folder)
        .env("YAML", yaml)
        .env("BRANCH", branch)
        .output()
        .expect("bash runs");
    let left = std::fs::read_dir(&folder).expect("a folder").count();
    assert_eq!(left, 0, "{yaml:?} and {branch:?} were run");
    output.status.success()
}

#[test]
fn hostile_inputs_are_refused_and_never_run() {
    for (yaml, branch) in [("pipelines/lease.yaml", "main"), ("lease.yml", "feature/faster-reader_2")] {
        assert!(accepts(yaml, branch), "{yaml} {branch}");
    }
    let hostile =
        ["$(touch x)", "`touch x`", "\"; touch x; \"", "' && touch x #", "x\ntouch x", "../up", "-x", "", " "];
    for text in hostile {
        assert!(!accepts("lease.yaml", &format!("{text} y")), "{text:?} as a branch");
        assert!(!accepts(text, "main") && !accepts(&format!("{text} y.yaml"), "main"), "{text:?} as YAML");
        // Legal as a file's name, and data all the same.
        let _ = accepts(&format!("{text}.yaml"), "main");
    }
    assert!(!accepts("/etc/passwd.yaml", "main") && !accepts("lease.json", "main"));
}

#[test]
fn no_expression_stands_in_a_script_and_nothing_more_is_permitted_than_needed() {
    let workflow = workflow();
    assert_eq!(workflow["permissions"], json!({}));
    let job = &workflow["jobs"]["deploy"];
    assert_eq!(job["permissions"], json!({"contents": "read", "id-token": "write"}));
    assert_eq!(workflow["concurrency"]["cancel-in-progress"], false);
    for step in job["steps"].as_array().expect("a list") {
        assert!(!step["run"].as_str().unwrap_or_default().contains("${{"), "{step}");
    }
    assert!(!file(WORKFLOW).contains("secrets."), "there is no key to lose");
}

#[test]
fn linters_find_nothing_in_it() {
    let tools: [(&str, &[&str]); 2] = [
        ("zizmor", &["--offline", "--no-config", "--pedantic", "--no-progress", "--color=never"]),
        ("actionlint", &["-no-color", "-shellcheck=", "-pyflakes="]),
    ];
    for (name, arguments) in tools {
        let tool = crate::python::interpreter().with_file_name(name);
        let output = Command::new(tool).args(arguments).arg(root().join(WORKFLOW)).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
    }
}
