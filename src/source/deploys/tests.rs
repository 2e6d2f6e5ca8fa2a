//! What is decided without asking.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};

use super::attempt::attempt;
use super::commit::{Found, Told, at_start, told};
use super::compare::{change, paths};
use super::*;
use crate::client::github::{Artifact, Commit, Deployment, Job, Run};
use crate::config::settings::Workflow;
use crate::model::declared;
use crate::model::dora::{self, Attempt, AttemptState, CommitSource, JOB_NAME, NoCommit, Pattern, TITLE};

const T0: &str = "2026-09-08T08:00:00Z";

fn of<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn time(minute: i64) -> DateTime<Utc> {
    T0.parse::<DateTime<Utc>>().unwrap() + chrono::TimeDelta::minutes(minute)
}

fn workflow() -> Workflow {
    let pattern = |text| Pattern::parse(text).unwrap();
    Workflow { file: "deploy.yml".into(), run_name: pattern(TITLE), job_name: pattern(JOB_NAME) }
}

/// A job from one minute to another; `None` has not ended.
fn job(name: &str, conclusion: Option<&str>, from: i64, to: i64) -> Job {
    of(json!({
        "id": 1, "name": name, "run_attempt": 1, "status": if conclusion.is_some() { "completed" } else { "in_progress" },
        "conclusion": conclusion, "started_at": time(from), "completed_at": conclusion.map(|_| time(to)), "runner_id": 7,
    }))
}

/// State, begin and end in minutes.
fn tried(jobs: &[Job]) -> (AttemptState, Option<i64>, Option<i64>) {
    let call = workflow().run_name.read("up pipelines/lease.yaml to data_prod from main").unwrap();
    let Attempt { state, started_at, finished_at, .. } =
        attempt(jobs, 1, true, String::new(), &call, &workflow().job_name);
    let minutes = |at: Option<i64>| at.map(|at| (at - time(0).timestamp()) / 60);
    (state, minutes(started_at), minutes(finished_at))
}

const DEPLOY: &str = "deploy (up, data_prod, pipelines/lease.yaml)";

#[test]
fn the_deploy_job_is_the_one_that_says_so() {
    use AttemptState::{Cancelled, Failed, Running, Succeeded, TimedOut};
    let check = || job("check", Some("success"), 0, 1);
    let deploy = |conclusion| job(DEPLOY, conclusion, 5, 9);
    let other = job("deploy (preview, data_dev, pipelines/lease.yaml)", Some("failure"), 1, 2);
    assert_eq!(tried(&[check(), deploy(Some("success")), other.clone()]), (Succeeded, Some(5), Some(9)));
    assert_eq!(tried(&[check(), job("outer / Deploy it", Some("failure"), 5, 9)]), (Failed, Some(5), Some(9)));
    assert_eq!(
        tried(&[job(&format!("outer / {DEPLOY}"), Some("success"), 5, 9), other]),
        (Succeeded, Some(5), Some(9))
    );
    assert_eq!(tried(&[job("all", Some("timed_out"), 5, 9)]), (TimedOut, Some(5), Some(9)));
    assert_eq!(tried(&[deploy(None)]), (Running, Some(5), None));
    // Several: from the first to the last, as the worst of them.
    assert_eq!(tried(&[deploy(Some("success")), job(DEPLOY, Some("failure"), 3, 8)]), (Failed, Some(3), Some(9)));
    // A later job that fails is no failed deploy.
    assert_eq!(tried(&[deploy(Some("success")), job("notify", Some("failure"), 9, 10)]), (Succeeded, Some(5), Some(9)));
    // Over and without a conclusion: GitHub will tell it.
    assert_eq!(tried(&[Job { conclusion: None, ..deploy(Some("success")) }]).0, Running);
    // Skipped, since the check failed: it touched nothing.
    assert_eq!(tried(&[job("check", Some("failure"), 0, 1), deploy(Some("skipped"))]), (Cancelled, None, None));
    assert_eq!(tried(&[]), (Cancelled, None, None));
    // Carried over from the first attempt.
    let carried = Job { run_attempt: Some(2), ..deploy(Some("success")) };
    assert_eq!(tried(&[carried]), (Cancelled, None, None));
}

#[test]
fn a_job_that_waited_for_days_and_was_cancelled_did_not_time_out() {
    let waited = Job { runner_id: None, ..job(DEPLOY, Some("cancelled"), 0, 4_000) };
    assert_eq!(tried(std::slice::from_ref(&waited)), (AttemptState::Cancelled, None, None));
    let ran = Job { runner_id: Some(3), ..waited };
    assert_eq!(tried(&[ran]), (AttemptState::Cancelled, Some(0), Some(4_000)));
}

#[test]
fn without_a_title_each_means_is_read_in_its_own_form() {
    let workflow = workflow();
    let jobs = [job("check", None, 0, 1), job(DEPLOY, None, 0, 1), job(DEPLOY, None, 2, 3)];
    assert_eq!(attribution::by_jobs(&workflow, &jobs).len(), 1, "a matrix says it twice");
    let deployment = |environment: &str, description: Value| -> Deployment {
        of(json!({"id": 1, "environment": environment, "description": description, "created_at": T0}))
    };
    assert_eq!(attribution::by_deployment(&workflow, &deployment("data_prod", Value::Null)), None, "no pipeline");
    let title = "up pipelines/lease.yaml to data_prod from main";
    let told = attribution::by_deployment(&workflow, &deployment("data_prod", json!(title))).unwrap();
    assert_eq!(told.branch.as_deref(), Some("main"));
    let artifact = |name: &str| -> Artifact { of(json!({"id": 1, "name": name, "expired": true})) };
    let told = attribution::by_artifacts(&workflow, &[artifact("logs"), artifact("deploy-Lease-up-data_prod")]);
    assert_eq!(
        (told.len(), told[0].pipeline.as_deref(), told[0].environment.as_str()),
        (1, Some("Lease"), "data_prod")
    );
    assert!(attribution::by_artifacts(&workflow, &[artifact("deploy-a-up-b-up-c")]).is_empty(), "fits in two ways");
}

fn run(head_branch: &Value) -> Run {
    of(json!({"id": 1, "head_branch": head_branch, "head_sha": "a".repeat(40), "created_at": T0}))
}

#[test]
fn the_commit_is_that_of_the_branch_that_was_asked_for() {
    let from = |branch: Option<&'static str>, head: Value| match told(branch, &run(&head)) {
        Told::Commit(dora::Commit::Known { from, sha, .. }) => format!("{from:?} {}", &sha[..2]),
        Told::Commit(dora::Commit::Unknown(why)) => format!("{why:?}"),
        Told::Branch(branch) => format!("look up {branch}"),
    };
    assert_eq!(from(None, json!("main")), "BranchUnknown");
    assert_eq!(from(Some("main"), json!("main")), "DispatchedRef aa");
    assert_eq!(from(Some("refs/heads/main"), json!("main")), "DispatchedRef aa");
    assert_eq!(from(Some("feature/a"), json!("main")), "look up feature/a");
    assert_eq!(from(Some("main"), Value::Null), "look up main");
    assert_eq!(from(Some("BBBBBBBBBBbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"), json!("main")), "Run bb");
    assert_eq!(CommitSource::Run.min(CommitSource::DispatchedRef), CommitSource::Run);
    assert_eq!(NoCommit::Moved.min(NoCommit::NotAsked), NoCommit::Moved);
}

fn commit(sha: char, minute: i64, parents: &str) -> Commit {
    let parents: Vec<Value> = parents.chars().map(|sha| json!({"sha": sha.to_string().repeat(40)})).collect();
    let date = json!({"date": time(minute)});
    of(json!({"sha": sha.to_string().repeat(40), "parents": parents,
              "commit": {"message": "Revert \"A\"\n\nThis reverts commit 1234567.", "author": date, "committer": date}}))
}

#[test]
fn a_branch_at_a_time_goes_by_its_own_line() {
    // d merges main's c, which is newer than b, into the branch's b: at 25 the branch was at b.
    let commits = [commit('d', 30, "bc"), commit('c', 20, "a"), commit('b', 10, "a"), commit('a', 0, "")];
    let found = |branch: &str, minute| match at_start(branch, &commits, time(minute)) {
        Found::Said(commit) => format!("said {}", &commit.sha[..1]),
        Found::OnBranch(commit) => commit.sha[..1].to_owned(),
        Found::Nothing => "nothing".to_owned(),
    };
    assert_eq!([found("x", 40), found("x", 25), found("x", 5), found("x", -1)], ["d", "b", "a", "nothing"]);
    assert_eq!(found("ddddddd", -1), "said d");
    let ring = [commit('a', 9, "b"), commit('b', 9, "a")];
    assert_eq!(at_start("x", &ring, time(0)), Found::Nothing);
    assert_eq!(at_start("x", &[], time(0)), Found::Nothing);
}

#[test]
fn pipelines_are_those_of_the_environment() {
    let names = |text: &str| pipelines::named(&declared::parse(text).unwrap(), "data_dev");
    let list = "sagemakerPipelines: [{name: A}, {name: A}, {name: B}]";
    assert_eq!(names(list), ["A", "B"]);
    assert_eq!(names(&format!("Data_Dev:\n  {list}\ndata_prod:\n  sagemakerPipelines: [{{name: C}}]")), ["A", "B"]);
    assert_eq!(names("data_prod: {sagemakerPipelines: [{name: C}]}"), ["C"]);
    assert!(names("team: Docs").is_empty());
}

#[test]
fn source_paths_follow_the_name_of_the_file() {
    let sources = ["src/{name}", "shared"].map(str::to_owned);
    assert_eq!(paths("pipelines/lease.yaml", &sources), ["pipelines/lease.yaml", "src/lease", "shared"]);
    assert_eq!(paths("", &sources), ["shared"]);
    let change = change(&commit('a', 3, "bc")).unwrap();
    assert_eq!((change.title.as_str(), change.merge, change.authored_at), ("Revert \"A\"", true, time(3).timestamp()));
    assert_eq!(change.reverts.unwrap().sha.as_deref(), Some("1234567"));
}

#[test]
fn watermarks_leave_room_for_runs_again() {
    let mut marks = Watermarks::default();
    let day = |day: i64| time(day * 24 * 60);
    let ours = Workflow { file: "c.yml".into(), ..workflow() };
    let from = |marks: &Watermarks, days| marks.from("a/b", &ours, day(days));
    assert_eq!(from(&marks, -90), day(-90));
    marks.advance("a/b", &ours, day(-90), day(0));
    assert_eq!(from(&marks, -90), day(-30));
    assert_eq!(from(&marks, -5), day(-5), "no more than was asked for");
    assert_eq!(from(&marks, -200), day(-200), "further back than before");
    assert_eq!(marks.from("a/b", &workflow(), day(-90)), day(-90));
    marks.set_back(day(-60));
    assert_eq!(from(&marks, -90), day(-60));
    marks.advance("a/b", &ours, day(-30), day(1));
    assert_eq!(from(&marks, -90), day(-60), "a narrow look leaves the rest to the next one");
    marks.advance("a/b", &ours, day(-60), day(1));
    assert_eq!(from(&marks, -90), day(-29));
    let renamed = Workflow { job_name: workflow().run_name, ..ours.clone() };
    assert!(marks.is_renamed("a/b", &renamed) && !marks.is_renamed("a/b", &ours));
    assert_eq!(marks.from("a/b", &renamed, day(-90)), day(-90), "another pattern may tell what this one could not");
    marks.advance("a/b", &renamed, day(-60), day(2));
    assert!(marks.is_renamed("a/b", &renamed), "not all was read by it");
    marks.advance("a/b", &renamed, day(-90), day(2));
    assert_eq!(marks.from("a/b", &renamed, day(-90)), day(-28));
    let text = serde_json::to_string(&marks).unwrap();
    assert_eq!(serde_json::from_str::<Watermarks>(&text).unwrap(), marks);
}

#[test]
fn what_could_not_be_read_is_told_in_one_line() {
    let what =
        What::File { path: "pipelines/a\n.yaml".into(), commit: "c".repeat(40), reason: "it is not there".into() };
    let trouble = Trouble { repository: "acme/ml".into(), workflow: "deploy.yml".into(), run: Some(7), what };
    insta::assert_snapshot!(trouble, @r#"acme/ml, deploy.yml, run 7: "pipelines/a\n.yaml" at commit cccccccccccc names no pipelines: it is not there"#);
}
