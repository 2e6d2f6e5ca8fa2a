//! Bodies in the forms of GitHub's `OpenAPI` description, with every field that it calls required.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::history::{Action, Attempt, Commit, Conclusion, Deploy, Repository};

/// What URLs in bodies begin with; nobody follows them here.
const API: &str = "https://api.github.com";
const SITE: &str = "https://github.com";

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn urls(body: &mut Value, base: &str, parts: &[(&str, &str)]) {
    for (name, part) in parts {
        body[format!("{name}_url")] = json!(format!("{base}{part}"));
    }
}

pub(super) fn user(login: &str) -> Value {
    let url = format!("{API}/users/{login}");
    let mut body = json!({
        "login": login, "id": 501, "node_id": "U_501", "gravatar_id": "", "url": url, "type": "User", "site_admin": false,
    });
    let parts =
        ["followers", "following", "gists", "starred", "subscriptions", "orgs", "repos", "events", "received_events"];
    for part in parts {
        let name = if part == "orgs" { "organizations" } else { part };
        body[format!("{name}_url")] = json!(format!("{url}/{part}"));
    }
    body["avatar_url"] = json!("https://avatars.githubusercontent.com/u/501");
    body["html_url"] = json!(format!("{SITE}/{login}"));
    body
}

/// Names of URLs that end in what they are named after.
const REPOSITORY_URLS: [&str; 38] = [
    "archive",
    "assignees",
    "blobs",
    "branches",
    "collaborators",
    "comments",
    "commits",
    "compare",
    "contents",
    "contributors",
    "deployments",
    "downloads",
    "events",
    "forks",
    "git_commits",
    "git_refs",
    "git_tags",
    "hooks",
    "issue_comment",
    "issue_events",
    "issues",
    "keys",
    "labels",
    "languages",
    "merges",
    "milestones",
    "notifications",
    "pulls",
    "releases",
    "stargazers",
    "statuses",
    "subscribers",
    "subscription",
    "tags",
    "teams",
    "trees",
    "git",
    "ssh",
];

pub(super) fn repository(repository: &Repository) -> Value {
    let (owner, name) = repository.name.split_once('/').unwrap_or_default();
    let url = format!("{API}/repos/{}", repository.name);
    let mut body = json!({
        "id": repository.id, "node_id": format!("R_{}", repository.id), "name": name, "full_name": repository.name,
        "private": true, "description": null, "fork": false, "owner": user(owner), "url": url,
        "html_url": format!("{SITE}/{}", repository.name),
    });
    for name in REPOSITORY_URLS {
        body[format!("{name}_url")] = json!(format!("{url}/{name}"));
    }
    body
}

pub(super) fn workflow(repository: &Repository) -> Value {
    let url = format!("{API}/repos/{}/actions/workflows/{}", repository.name, repository.workflow_id);
    let at = repository.commits.first().map_or(DateTime::UNIX_EPOCH, |commit| commit.committed);
    json!({
        "id": repository.workflow_id, "node_id": "W_1", "name": "Deploy", "state": "active", "url": url,
        "path": format!(".github/workflows/{}", repository.workflow), "created_at": text(at), "updated_at": text(at),
        "html_url": format!("{SITE}/{}/blob/main/.github/workflows/{}", repository.name, repository.workflow),
        "badge_url": format!("{SITE}/{}/workflows/Deploy/badge.svg", repository.name),
    })
}

fn conclusion(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Success => "success",
        Conclusion::Failure => "failure",
        Conclusion::Cancelled | Conclusion::TimedOut => "cancelled",
    }
}

/// How an attempt stands at a time.
fn standing(attempt: &Attempt, waits: bool, now: DateTime<Utc>) -> (&'static str, Value) {
    if now >= attempt.completed {
        ("completed", json!(conclusion(attempt.conclusion)))
    } else if now >= attempt.started {
        ("in_progress", Value::Null)
    } else {
        (if waits { "waiting" } else { "queued" }, Value::Null)
    }
}

/// A run as attempt `number` leaves it at `now`.
pub(super) fn run(of: &Repository, deploy: &Deploy, number: usize, now: DateTime<Utc>) -> Value {
    let Some(attempt) = number.checked_sub(1).and_then(|at| deploy.attempts.get(at)) else { return Value::Null };
    let url = format!("{API}/repos/{}/actions/runs/{}", of.name, deploy.id);
    let (status, conclusion) = standing(attempt, deploy.environment == "data_prod", now);
    let suite = deploy.id + 9;
    let mut body = json!({
        "id": deploy.id, "name": "Deploy", "node_id": format!("WFR_{}", deploy.id), "check_suite_id": suite,
        "check_suite_node_id": format!("CS_{suite}"), "head_branch": "main", "head_sha": deploy.head_sha,
        "path": format!(".github/workflows/{}", of.workflow), "display_title": deploy.title(),
        "run_number": deploy.number, "run_attempt": number, "event": "workflow_dispatch", "status": status,
        "conclusion": conclusion, "workflow_id": of.workflow_id, "url": url, "pull_requests": [],
        "html_url": format!("{SITE}/{}/actions/runs/{}", of.name, deploy.id), "created_at": text(deploy.created()),
        "updated_at": text(now.min(attempt.completed)), "run_started_at": text(attempt.asked), "actor": user("mona"),
        "triggering_actor": user("mona"), "referenced_workflows": [], "previous_attempt_url": null,
        "check_suite_url": format!("{API}/repos/{}/check-suites/{suite}", of.name),
        "workflow_url": format!("{API}/repos/{}/actions/workflows/{}", of.name, of.workflow_id),
        "head_commit": null, "repository": repository(of), "head_repository": repository(of),
    });
    urls(
        &mut body,
        &url,
        &[
            ("jobs", "/jobs"),
            ("logs", "/logs"),
            ("artifacts", "/artifacts"),
            ("cancel", "/cancel"),
            ("rerun", "/rerun"),
        ],
    );
    if number > 1 {
        body["previous_attempt_url"] = json!(format!("{url}/attempts/{}", number - 1));
    }
    if let Some(head) = of.by_sha.get(&deploy.head_sha).map(|at| &of.commits[*at]) {
        let person = json!({"name": "Mona", "email": "mona@example.com"});
        body["head_commit"] = json!({
            "id": head.sha, "tree_id": head.sha, "message": head.message, "timestamp": text(head.committed),
            "author": person, "committer": person,
        });
    }
    for name in deploy.nulls {
        body[*name] = Value::Null;
    }
    body
}

/// The jobs of an attempt.
pub(super) fn jobs(of: &Repository, deploy: &Deploy, number: usize, now: DateTime<Utc>) -> Vec<Value> {
    let Some(attempt) = number.checked_sub(1).and_then(|at| deploy.attempts.get(at)) else { return Vec::new() };
    let checked = attempt.asked + TimeDelta::seconds(4);
    let check =
        Attempt { started: attempt.asked, completed: checked, conclusion: Conclusion::Success, ..attempt.clone() };
    [("check".to_owned(), check), (deploy.job(), attempt.clone())]
        .into_iter()
        .enumerate()
        .map(|(at, (name, attempt))| job(of, deploy, (number, at), &name, &attempt, now))
        .collect()
}

pub(super) fn job_id(deploy: &Deploy, number: usize, at: usize) -> u64 {
    deploy.id * 100 + u64::try_from(number * 10 + at).unwrap_or(0)
}

fn job(
    of: &Repository,
    deploy: &Deploy,
    (number, at): (usize, usize),
    name: &str,
    attempt: &Attempt,
    now: DateTime<Utc>,
) -> Value {
    let id = job_id(deploy, number, at);
    let (status, conclusion) = standing(attempt, at == 1 && deploy.environment == "data_prod", now);
    let done = now >= attempt.completed;
    json!({
        "id": id, "run_id": deploy.id, "run_url": format!("{API}/repos/{}/actions/runs/{}", of.name, deploy.id),
        "run_attempt": number, "node_id": format!("CR_{id}"), "head_sha": deploy.head_sha,
        "url": format!("{API}/repos/{}/actions/jobs/{id}", of.name),
        "html_url": format!("{SITE}/{}/actions/runs/{}/job/{id}", of.name, deploy.id), "status": status,
        "conclusion": conclusion, "created_at": text(attempt.asked), "started_at": text(attempt.started),
        "completed_at": done.then(|| text(attempt.completed)), "name": name, "steps": [], "workflow_name": "Deploy",
        "check_run_url": format!("{API}/repos/{}/check-runs/{id}", of.name), "labels": ["ubuntu-latest"],
        "runner_id": 1, "runner_name": "runner-1", "runner_group_id": null, "runner_group_name": null, "head_branch": "main",
    })
}

pub(super) fn artifact(of: &Repository, deploy: &Deploy, now: DateTime<Utc>) -> Value {
    let (id, created) = (deploy.id + 5, deploy.created());
    let url = format!("{API}/repos/{}/actions/artifacts/{id}", of.name);
    let name = format!("deploy-{}-{}-{}", deploy.pipeline, deploy.action.word(), deploy.environment);
    json!({
        "id": id, "node_id": format!("A_{id}"), "name": name, "size_in_bytes": 512, "url": url,
        "archive_download_url": format!("{url}/zip"), "expired": now - created > TimeDelta::days(90),
        "created_at": text(created), "updated_at": text(created), "expires_at": text(created + TimeDelta::days(90)),
    })
}

pub(super) fn commit(of: &Repository, commit: &Commit) -> Value {
    let url = format!("{API}/repos/{}/commits/{}", of.name, commit.sha);
    let person = |at: DateTime<Utc>| json!({"name": "Mona", "email": "mona@example.com", "date": text(at)});
    let parent = |at: &usize| {
        let sha = &of.commits[*at].sha;
        json!({"sha": sha, "url": format!("{API}/repos/{}/commits/{sha}", of.name), "html_url": format!("{SITE}/{}/commit/{sha}", of.name)})
    };
    json!({
        "url": url, "sha": commit.sha, "node_id": format!("C_{}", commit.sha), "comments_url": format!("{url}/comments"),
        "html_url": format!("{SITE}/{}/commit/{}", of.name, commit.sha),
        "commit": {
            "url": format!("{API}/repos/{}/git/commits/{}", of.name, commit.sha), "message": commit.message,
            "author": person(commit.authored), "committer": person(commit.committed), "comment_count": 0,
            "tree": {"sha": commit.sha, "url": format!("{API}/repos/{}/git/trees/{}", of.name, commit.sha)},
            "verification": {"verified": false, "reason": "unsigned", "payload": null, "signature": null, "verified_at": null},
        },
        "author": user("mona"), "committer": null, "parents": commit.parents.iter().map(parent).collect::<Vec<_>>(),
    })
}

/// A file that a comparison shows.
pub(super) fn file(of: &Repository, path: &str) -> Value {
    let url = format!("{API}/repos/{}/contents/{path}", of.name);
    json!({
        "sha": null, "filename": path, "status": "modified", "additions": 1, "deletions": 1, "changes": 2,
        "blob_url": null, "raw_url": null, "contents_url": url,
    })
}

/// Whether a job had an environment, so that GitHub recorded a deployment.
pub(super) fn is_recorded(deploy: &Deploy) -> bool {
    deploy.action != Action::Preview
}

pub(super) fn deployment_id(deploy: &Deploy, number: usize) -> u64 {
    deploy.id * 10 + u64::try_from(number).unwrap_or(0)
}

pub(super) fn deployment(of: &Repository, deploy: &Deploy, number: usize) -> Value {
    let id = deployment_id(deploy, number);
    let url = format!("{API}/repos/{}/deployments/{id}", of.name);
    let at = deploy.attempts.get(number - 1).map_or(DateTime::UNIX_EPOCH, |attempt| attempt.asked);
    let production = deploy.environment == "data_prod";
    json!({
        "url": url, "id": id, "node_id": format!("DE_{id}"), "sha": deploy.head_sha, "ref": "main", "task": "deploy",
        "payload": {}, "original_environment": deploy.environment, "environment": deploy.environment,
        "description": deploy.description(),
        "creator": user("mona"), "created_at": text(at), "updated_at": text(at), "statuses_url": format!("{url}/statuses"),
        "repository_url": format!("{API}/repos/{}", of.name), "transient_environment": false,
        "production_environment": production,
    })
}

/// What became of the deployment of an attempt by `now`, newest first.
pub(super) fn statuses(of: &Repository, deploy: &Deploy, number: usize, now: DateTime<Utc>) -> Vec<Value> {
    let Some(attempt) = number.checked_sub(1).and_then(|at| deploy.attempts.get(at)) else { return Vec::new() };
    let end = if attempt.conclusion == Conclusion::Success { "success" } else { "failure" };
    let steps = [("queued", attempt.asked), ("in_progress", attempt.started), (end, attempt.completed)];
    let id = deployment_id(deploy, number);
    let url = format!("{API}/repos/{}/deployments/{id}", of.name);
    let page = format!("{SITE}/{}/actions/runs/{}/job/{}", of.name, deploy.id, job_id(deploy, number, 1));
    let status = |(at, (state, when)): (usize, (&str, DateTime<Utc>))| {
        let own = id * 10 + u64::try_from(at).unwrap_or(0);
        let status: Map<String, Value> = [
            ("url", json!(format!("{url}/statuses/{own}"))),
            ("id", json!(own)),
            ("node_id", json!(format!("DES_{own}"))),
            ("state", json!(state)),
            ("creator", user("mona")),
            ("description", json!("")),
            ("environment", json!(deploy.environment)),
            ("target_url", json!(page)),
            ("log_url", json!(page)),
            ("environment_url", json!("")),
            ("created_at", json!(text(when))),
            ("updated_at", json!(text(when))),
            ("deployment_url", json!(url)),
            ("repository_url", json!(format!("{API}/repos/{}", of.name))),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect();
        Value::Object(status)
    };
    let mut statuses: Vec<Value> = steps.into_iter().filter(|(_, when)| *when <= now).enumerate().map(status).collect();
    statuses.reverse();
    statuses
}
