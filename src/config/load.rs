//! From a file and the environment to settings.

use std::io::ErrorKind;
use std::path::Path;

use crate::config::field::{Field, Section};
use crate::config::problem::{Findings, Place, Problem, Problems};
use crate::config::settings::{Environment, Settings};
use crate::config::{
    account, agent, datadog, dogstatsd, dora, github, logs, metrics, node, pipelines, provision, routes, schedules,
    state, templates,
};

/// A configuration that can be used.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Checked and complete.
    pub settings: Settings,
    /// What works, but likely not as meant.
    pub warnings: Vec<Problem>,
}

const KEYS: &[&str] = &[
    "regions",
    "accounts",
    "tags",
    "environments",
    "pipelines",
    "metrics",
    "logs",
    "schedules",
    "datadog",
    "dogstatsd",
    "github",
    "dora",
    "templates",
    "routes",
    "provision",
    "state",
    "limits",
    "agent",
    "log",
];

/// Reads the configuration file at `path`.
///
/// # Errors
/// Every problem of the file and of the environment; one alone when the file cannot be read or is not YAML.
pub fn load(path: &Path, env: &Environment) -> Result<Loaded, Problems> {
    let file_name = path.display().to_string();
    let text = std::fs::read(path).map_err(|error| whole_file(&file_name, unreadable(&error)))?;
    let text =
        String::from_utf8(text).map_err(|_| whole_file(&file_name, "not text in UTF-8; save it as such".into()))?;
    read(&text, &file_name, env)
}

/// Reads a configuration's text. `file_name` is what messages call it; relative paths in it start at its folder.
///
/// # Errors
/// Every problem of the text and of the environment; one alone when it is not YAML.
pub fn read(text: &str, file_name: &str, env: &Environment) -> Result<Loaded, Problems> {
    let mut findings = Findings::new(file_name);
    let folder = Path::new(file_name).parent().unwrap_or(Path::new(""));
    let settings = node::parse(text, &mut findings).and_then(|node| {
        let root = Field::root(&node);
        let section = root.section(KEYS, &mut findings);
        // What is no mapping at all lacks everything; that is one problem.
        if root.is_section() { settings(&section, folder, env, &mut findings) } else { None }
    });
    let warnings = findings.finish()?;
    match settings {
        Some(settings) => Ok(Loaded { settings, warnings }),
        None => Err(whole_file(file_name, "cannot be read".into())),
    }
}

fn settings(root: &Section<'_>, folder: &Path, env: &Environment, findings: &mut Findings) -> Option<Settings> {
    let metrics = metrics::read(root, findings);
    let schedules = schedules::read(root, metrics.backfill, findings);
    let environments = pipelines::environments(root, findings);
    Some(Settings {
        accounts: account::read(root, env, findings),
        tags: pipelines::tags(root, findings),
        provision: provision::read(root, &environments, findings),
        dora: dora::read(root, &environments, findings),
        environments,
        pipelines: pipelines::read(root, folder, findings),
        metrics,
        logs: logs::read(root, findings),
        datadog: datadog::read(root, folder, env, findings),
        dogstatsd: dogstatsd::read(root, env, findings),
        github: github::read(root, folder, env, findings),
        templates: templates::read(root, folder, findings),
        routes: routes::read(root, findings),
        state: state::read(root, findings),
        limits: agent::limits(root, findings),
        agent: agent::read(root, findings),
        log: agent::log(root, findings),
        schedules: schedules?,
    })
}

fn whole_file(file: &str, message: String) -> Problems {
    Problem { file: file.to_owned(), line: None, column: None, path: String::new(), message }.into()
}

fn unreadable(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => {
            "not found; name the file with `-c FILE`. The smallest one holds `regions: [us-west-2]`".into()
        }
        ErrorKind::PermissionDenied => "cannot be opened: permission denied; make it readable for this user".into(),
        ErrorKind::IsADirectory => "is a folder; name the file in it with `-c FILE`".into(),
        _ => format!("cannot be read: {error}"),
    }
}

/// A variable of the environment with its place; one that is empty counts as not set.
pub(super) fn variable<'a>(env: &'a Environment, name: &str) -> Option<(Place, &'a str)> {
    let value = env.get(name)?.trim();
    (!value.is_empty()).then(|| (Place::variable(name), value))
}
