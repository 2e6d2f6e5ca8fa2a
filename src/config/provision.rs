//! `provision`: how dashboards, monitors and SLOs are kept in step.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::config::echo::hint;
use crate::config::field::{Field, Section};
use crate::config::problem::Findings;
use crate::config::settings::Provision;
use crate::model::tag::tag;

const KEYS: &[&str] = &["namespace", "auto", "prune", "grace", "production"];
const NAMESPACE: &str = "main";
/// It stands in a tag with a key of ours.
const MAX_NAMESPACE: usize = 64;
const DAY: Duration = Duration::from_hours(24);
const MAX_GRACE: Duration = Duration::from_hours(24 * 30);

pub(super) fn read(root: &Section<'_>, environments: &BTreeSet<String>, findings: &mut Findings) -> Provision {
    let section = root.section("provision", KEYS, findings);
    let namespace = section.get("namespace").and_then(|field| namespace(field, findings));
    Provision {
        namespace: namespace.unwrap_or_else(|| NAMESPACE.to_owned()),
        auto: section.flag("auto", findings).unwrap_or(false),
        prune: section.flag("prune", findings).unwrap_or(false),
        grace: section.duration("grace", Duration::ZERO..=MAX_GRACE, findings).unwrap_or(DAY),
        production: section.get("production").map(|_| production(&section, environments, findings)),
    }
}

fn namespace(field: &Field<'_>, findings: &mut Findings) -> Option<String> {
    let text = field.text(findings)?;
    let legal = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-');
    if text.len() > MAX_NAMESPACE || !text.chars().all(legal) {
        let message = format!("{} takes a to z, 0 to 9 and `-`, at most {MAX_NAMESPACE} of them", field.shown());
        field.problem(findings, message);
    }
    Some(text.to_owned())
}

fn production(section: &Section<'_>, environments: &BTreeSet<String>, findings: &mut Findings) -> BTreeSet<String> {
    let mut tags = BTreeSet::new();
    let known: Vec<&str> = environments.iter().map(String::as_str).collect();
    for (field, name) in section.texts("production", findings) {
        let wanted = tag("environment", name);
        if !known.is_empty() && !known.iter().any(|known| tag("environment", known) == wanted) {
            let message = format!("{} is none of `environments`; {}", field.shown(), hint(name, &known));
            field.problem(findings, message);
        }
        tags.insert(wanted);
    }
    tags
}
