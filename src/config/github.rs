//! `github`: whose deploy workflows are followed, and as whom GitHub is asked.

mod webhook;

use std::path::Path;

use crate::config::Secret;
use crate::config::datadog::{checked_base_url, secret, secret_file};
use crate::config::field::{Field, Section};
use crate::config::load::variable;
use crate::config::problem::Findings;
use crate::config::settings::{Environment, GitHub, GitHubCredential, Repository, Workflow};
use crate::model::dora::{JOB_NAME, Pattern, TITLE};

const KEYS: &[&str] = &[
    "base_url",
    "token_file",
    "app_id",
    "installation_id",
    "private_key_file",
    "run_name",
    "job_name",
    "source_paths",
    "repositories",
    "webhook",
];

const REPOSITORY_KEYS: &[&str] = &["repo", "workflows", "run_name", "job_name", "source_paths"];
const WORKFLOW_KEYS: &[&str] = &["file", "run_name", "job_name"];

/// What makes up an App; one of them alone is a mistake.
const APP_KEYS: [&str; 3] = ["app_id", "installation_id", "private_key_file"];

const BASE_URL: &str = "https://api.github.com";
const SERVER_EXAMPLE: &str = "https://github.example.com/api/v3";
const EXAMPLE: &str = "[{repo: example/ml-pipelines, workflows: [deploy.yml]}]";

/// GitHub's own names: <https://docs.github.com/en/rest/repos/repos>.
const MAX_NAME: usize = 100;

pub(super) fn read(root: &Section<'_>, folder: &Path, env: &Environment, findings: &mut Findings) -> Option<GitHub> {
    let section = root.get("github")?.section(KEYS, findings);
    Some(GitHub {
        base_url: base_url(&section, findings),
        credential: credential(&section, folder, env, findings),
        repositories: repositories(&section, findings),
        webhook: webhook::read(&section, folder, env, findings),
    })
}

fn base_url(section: &Section<'_>, findings: &mut Findings) -> String {
    let given = section.get("base_url").and_then(|field| {
        let url = checked_base_url(&field.place, field.text(findings)?, SERVER_EXAMPLE, findings)?;
        // The pages of a site are no API, and answer 200 to much that is asked.
        if let Some(host) = url.strip_prefix("https://").filter(|rest| matches!(*rest, "github.com" | "www.github.com"))
        {
            field.problem(findings, format!("`{host}` is the site; write `{BASE_URL}`"));
        }
        Some(url)
    });
    given.unwrap_or_else(|| BASE_URL.to_owned())
}

fn credential(
    section: &Section<'_>,
    folder: &Path,
    env: &Environment,
    findings: &mut Findings,
) -> Option<GitHubCredential> {
    let app: Vec<&str> = APP_KEYS.into_iter().filter(|key| section.get(key).is_some()).collect();
    if app.is_empty() {
        return secret(section, "GITHUB_TOKEN", "token_file", folder, env, findings).map(GitHubCredential::Token);
    }
    if let Some(field) = section.get("token_file") {
        field.problem(findings, format!("stands beside `{}`; keep the token or the App", app[0]));
    } else if let Some((place, _)) = variable(env, "GITHUB_TOKEN") {
        findings.warning(&place, "is not used: `github.app_id` goes before it");
    }
    for key in APP_KEYS.into_iter().filter(|key| !app.contains(key)) {
        findings.problem(
            &section.place,
            format!("needs `{key}` too: an App is {}", APP_KEYS.map(|key| format!("`{key}`")).join(", ")),
        );
    }
    let app_id = section.integer("app_id", 1..=u32::MAX, findings).map(u64::from);
    let installation_id = section.integer("installation_id", 1..=u32::MAX, findings).map(u64::from);
    let private_key = section.get("private_key_file").and_then(|field| private_key(field, folder, findings));
    Some(GitHubCredential::App { app_id: app_id?, installation_id: installation_id?, private_key: private_key? })
}

/// The key of an App as GitHub gives it out: `BEGIN RSA PRIVATE KEY`.
fn private_key(field: &Field<'_>, folder: &Path, findings: &mut Findings) -> Option<Secret> {
    let path = field.text(findings)?;
    let instead = "name the file with the private key that GitHub gave out for the App";
    let text = secret_file(field, path, folder, instead, findings)?;
    let begins = text.trim_start().starts_with("-----BEGIN ") && text.contains("PRIVATE KEY-----");
    if !begins {
        field.problem(findings, format!("the file holds no private key in PEM form; {instead}"));
        return None;
    }
    Some(Secret::new(&text))
}

/// What holds for all repositories or workflows that say nothing else.
#[derive(Clone)]
struct Usual {
    run_name: Option<Pattern>,
    job_name: Option<Pattern>,
    source_paths: Vec<String>,
}

impl Usual {
    /// What is written here, else what holds around it.
    fn of(section: &Section<'_>, around: &Self, findings: &mut Findings) -> Self {
        let run_name = pattern(section, "run_name", TITLE, findings).or_else(|| around.run_name.clone());
        let job_name = pattern(section, "job_name", JOB_NAME, findings).or_else(|| around.job_name.clone());
        let source_paths = match section.get("source_paths") {
            Some(_) => source_paths(section, findings),
            None => around.source_paths.clone(),
        };
        Self { run_name, job_name, source_paths }
    }
}

/// A pattern, with an example for one that is none.
fn pattern(section: &Section<'_>, key: &str, example: &str, findings: &mut Findings) -> Option<Pattern> {
    let field = section.get(key)?;
    match Pattern::parse(field.text(findings)?) {
        Ok(pattern) => Some(pattern),
        Err(reason) => {
            field.problem(findings, format!("{reason}; write one such as `{example}`"));
            None
        }
    }
}

fn source_paths(section: &Section<'_>, findings: &mut Findings) -> Vec<String> {
    let mut paths = Vec::new();
    for (field, text) in section.texts("source_paths", findings) {
        let path = text.trim_end_matches('/');
        let plain = path.replace("{name}", "name");
        let inside = !plain.split('/').any(|part| matches!(part, "" | "." | ".."));
        if !inside || plain.contains(['{', '}', '*']) || plain.chars().any(char::is_control) {
            let message =
                format!("{} is no path inside the repository; write a folder such as `src/{{name}}`", field.shown());
            field.problem(findings, message);
        }
        paths.push(path.to_owned());
    }
    paths
}

fn repositories(section: &Section<'_>, findings: &mut Findings) -> Vec<Repository> {
    let mut repositories: Vec<Repository> = Vec::new();
    let nothing = Usual { run_name: None, job_name: None, source_paths: Vec::new() };
    let usual = Usual::of(section, &nothing, findings);
    let items = section.list("repositories", findings);
    if section.get("repositories").is_none_or(Field::list_is_empty) {
        findings.problem(&section.place, format!("needs `repositories`, for example `repositories: {EXAMPLE}`"));
    }
    for item in items {
        let section = item.section(REPOSITORY_KEYS, findings);
        if !item.is_section() {
            continue;
        }
        let name = section.needed("repo", "example/ml-pipelines", findings).map(|name| {
            if !is_repository(name) {
                let place = section.get("repo").map_or(&section.place, |field| &field.place);
                findings.problem(place, "is not `owner/name`, for example `example/ml-pipelines`");
            } else if repositories.iter().any(|other| other.name.eq_ignore_ascii_case(name)) {
                findings
                    .problem(&section.place, "the repository is there already; put all its workflows into one list");
            }
            name.to_owned()
        });
        let usual = Usual::of(&section, &usual, findings);
        let workflows = workflows(&section, &usual, findings);
        repositories.extend(name.map(|name| Repository { name, workflows, source_paths: usual.source_paths }));
    }
    repositories
}

/// Each is the name of a file, or a mapping with it.
fn workflows(section: &Section<'_>, usual: &Usual, findings: &mut Findings) -> Vec<Workflow> {
    let mut workflows: Vec<Workflow> = Vec::new();
    if section.get("workflows").is_none_or(Field::list_is_empty) {
        findings.problem(&section.place, "needs `workflows`, for example `workflows: [deploy.yml]`");
    }
    for field in section.list("workflows", findings) {
        let own = field.is_section().then(|| field.section(WORKFLOW_KEYS, findings));
        let (text, usual) = match &own {
            Some(own) => (own.needed("file", "deploy.yml", findings), Usual::of(own, usual, findings)),
            None => (field.text(findings), usual.clone()),
        };
        let Some(text) = text else { continue };
        let field = own.as_ref().and_then(|own| own.get("file")).unwrap_or(&field);
        let file = text.strip_prefix(".github/workflows/").unwrap_or(text);
        if !is_workflow(file) {
            let message = format!(
                "{} is not the name of a file in .github/workflows; write one such as `deploy.yml`",
                field.shown()
            );
            field.problem(findings, message);
        } else if workflows.iter().any(|other| other.file == file) {
            field.problem(findings, "stands twice");
        }
        let known = |text: &str| Pattern::parse(text).ok();
        if let (Some(run_name), Some(job_name)) =
            (usual.run_name.or_else(|| known(TITLE)), usual.job_name.or_else(|| known(JOB_NAME)))
        {
            workflows.push(Workflow { file: file.to_owned(), run_name, job_name });
        }
    }
    workflows
}

/// Both parts go into paths of requests as they are.
fn is_repository(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let part = |part: &str| {
        !part.is_empty() && part.len() <= MAX_NAME && part.chars().all(legal) && !matches!(part, "." | "..")
    };
    text.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name))
}

fn is_workflow(file: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name = file.strip_suffix(".yml").or_else(|| file.strip_suffix(".yaml"));
    name.is_some_and(|name| !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(legal))
}
