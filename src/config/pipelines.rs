//! `tags`, `environments` and `pipelines`: what belongs to a pipeline, and which of them are read.

use std::collections::BTreeSet;
use std::path::Path;

use globset::{Glob, GlobSet, GlobSetBuilder};

use crate::config::echo::quoted;
use crate::config::field::{Field, Section};
use crate::config::files;
use crate::config::problem::Findings;
use crate::config::settings::Pipelines;
use crate::model::tag::TagKeys;

/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>
const MAX_TAG_KEY: usize = 128;

const TAG_KEYS: [&str; 7] = ["pipeline", "environment", "team", "stage", "owner", "depends_on", "override_prefix"];

pub(super) fn tags(root: &Section<'_>, findings: &mut Findings) -> TagKeys {
    let section = root.section("tags", &TAG_KEYS, findings);
    let mut keys = TagKeys::default();
    let fields = [
        &mut keys.pipeline,
        &mut keys.environment,
        &mut keys.team,
        &mut keys.stage,
        &mut keys.owner,
        &mut keys.depends_on,
        &mut keys.override_prefix,
    ];
    for (name, key) in TAG_KEYS.into_iter().zip(fields) {
        let Some(field) = section.get(name) else { continue };
        let Some(text) = field.text(findings) else { continue };
        check_tag_key(text, field, findings);
        text.clone_into(key);
    }
    let all = [&keys.pipeline, &keys.environment, &keys.team, &keys.stage, &keys.owner, &keys.depends_on];
    for (index, key) in all.iter().enumerate() {
        let place = section.get(TAG_KEYS[index]).map_or(&section.place, |field| &field.place);
        if let Some(first) = all[..index].iter().position(|other| other == key) {
            let message = format!("{} is also the tag of `tags.{}`; each needs its own", quoted(key), TAG_KEYS[first]);
            findings.problem(place, message);
        }
        if key.starts_with(keys.override_prefix.as_str()) {
            let message =
                format!("{} starts with `tags.override_prefix` ({})", quoted(key), quoted(&keys.override_prefix));
            findings.problem(place, message);
        }
    }
    keys
}

fn check_tag_key(text: &str, field: &Field<'_>, findings: &mut Findings) {
    let legal = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
    if text.chars().count() > MAX_TAG_KEY || !text.chars().all(legal) {
        let message =
            format!("{} takes letters, digits, spaces and `_.:/=+-@`, at most {MAX_TAG_KEY} of them", field.shown());
        field.problem(findings, message);
    } else if text.to_ascii_lowercase().starts_with("aws:") {
        field.problem(findings, format!("{} starts with `aws:`, which AWS keeps for itself", field.shown()));
    }
}

pub(super) fn environments(root: &Section<'_>, findings: &mut Findings) -> BTreeSet<String> {
    root.texts("environments", findings).into_iter().map(|(_, text)| text.to_owned()).collect()
}

pub(super) fn read(root: &Section<'_>, folder: &Path, findings: &mut Findings) -> Pipelines {
    let section = root.section("pipelines", &["files", "include", "exclude"], findings);
    let mut found = BTreeSet::new();
    for (field, pattern) in section.texts("files", findings) {
        match files::expand(folder, pattern) {
            Ok(paths) => found.extend(paths),
            Err(reason) => field.problem(findings, format!("{} {reason}", field.shown())),
        }
    }
    if let Some(field) = section.get("include").filter(|field| field.list_is_empty()) {
        field.problem(findings, "matches no pipeline; leave it out to read all of them");
    }
    Pipelines {
        files: found.into_iter().collect(),
        include: names(&section, "include", findings),
        exclude: names(&section, "exclude", findings),
    }
}

fn names(section: &Section<'_>, key: &str, findings: &mut Findings) -> Option<GlobSet> {
    let mut set = GlobSetBuilder::new();
    let patterns = section.texts(key, findings);
    for (field, pattern) in &patterns {
        match Glob::new(pattern) {
            Ok(glob) => {
                set.add(glob);
            }
            Err(error) => field.problem(findings, format!("{} is no pattern: {}", field.shown(), error.kind())),
        }
    }
    let all_spelt_out = key == "include" && matches!(patterns.as_slice(), [(_, "*")]);
    if patterns.is_empty() || all_spelt_out { None } else { set.build().ok() }
}
