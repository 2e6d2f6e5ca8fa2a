//! `dora`: what counts as a deployment's failure, and whose days are counted.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::{FixedOffset, Offset, Utc};

use crate::config::echo::hint;
use crate::config::field::{Field, Section};
use crate::config::problem::Findings;
use crate::config::settings::Dora;
use crate::model::dora::{Rule, Rules};
use crate::model::tag::tag;

const KEYS: &[&str] = &[
    "zone",
    "rules",
    "failed_up_counts",
    "repair_window",
    "hotfix_words",
    "endpoint_window",
    "monitor_window",
    "monitor_priority",
    "job_timeout",
    "development",
];

/// Rules that have a switch of their own here. `failed_up_counts` stands beside them, and a person is never off.
const SWITCHES: [Rule; 5] = [Rule::Rollback, Rule::Revert, Rule::Hotfix, Rule::Endpoint, Rule::Monitor];

const MINUTE: Duration = Duration::from_mins(1);
const MAX_REPAIR: Duration = Duration::from_hours(24 * 30);
const MAX_SIGNAL: Duration = Duration::from_hours(24 * 7);
/// A run is cancelled after so long. <https://docs.github.com/en/actions/reference/limits>
const MAX_JOB: Duration = Duration::from_hours(24 * 35);
/// The zones of the world, in seconds east of Greenwich.
const OFFSETS: RangeInclusive<i32> = -12 * 3_600..=14 * 3_600;

pub(super) fn read(root: &Section<'_>, environments: &BTreeSet<String>, findings: &mut Findings) -> Dora {
    let section = root.section("dora", KEYS, findings);
    let zone = section.get("zone").and_then(|field| zone(field, findings)).unwrap_or_else(|| Utc.fix());
    Dora { zone, rules: rules(&section, environments, findings) }
}

fn rules(section: &Section<'_>, environments: &BTreeSet<String>, findings: &mut Findings) -> Rules {
    let defaults = Rules::default();
    let switches = section.section("rules", &SWITCHES.map(Rule::name), findings);
    let off = SWITCHES.into_iter().filter(|rule| switches.flag(rule.name(), findings) == Some(false)).collect();
    let seconds = |key: &str, most: Duration, default: i64, findings: &mut Findings| {
        let given = section.duration(key, MINUTE..=most, findings);
        given.and_then(|given| i64::try_from(given.as_secs()).ok()).unwrap_or(default)
    };
    let priority = section.integer("monitor_priority", 1..=5, findings).and_then(|it| u8::try_from(it).ok());
    Rules {
        off,
        repair_window: seconds("repair_window", MAX_REPAIR, defaults.repair_window, findings),
        hotfix_words: hotfix_words(section, findings).unwrap_or(defaults.hotfix_words),
        endpoint_window: seconds("endpoint_window", MAX_SIGNAL, defaults.endpoint_window, findings),
        monitor_window: seconds("monitor_window", MAX_SIGNAL, defaults.monitor_window, findings),
        monitor_priority: priority.unwrap_or(defaults.monitor_priority),
        failed_up_counts: section.flag("failed_up_counts", findings).unwrap_or(defaults.failed_up_counts),
        job_timeout: seconds("job_timeout", MAX_JOB, defaults.job_timeout, findings),
        development: development(section, environments, findings).unwrap_or(defaults.development),
    }
}

/// A name such as `Europe/Berlin` means two offsets in a year, and a window may hold both: a day that has 23 hours would
/// have to be explained beside every number.
fn zone(field: &Field<'_>, findings: &mut Findings) -> Option<FixedOffset> {
    let text = field.text(findings)?;
    let zone = if matches!(text, "UTC" | "Z") { Some(Utc.fix()) } else { text.parse().ok() };
    let zone = zone.filter(|zone: &FixedOffset| OFFSETS.contains(&zone.local_minus_utc()));
    if zone.is_none() {
        let message = format!(
            "{} is no fixed offset; write `UTC`, or one such as `\"+01:00\"`. The name of a place is not taken: with \
             summer time it has two offsets, and a window may hold both",
            field.shown()
        );
        field.problem(findings, message);
    }
    zone
}

fn hotfix_words(section: &Section<'_>, findings: &mut Findings) -> Option<Vec<String>> {
    let field = section.get("hotfix_words")?;
    if field.list_is_empty() {
        field.problem(findings, "without words nothing is a hotfix; switch the rule off with `rules: {hotfix: false}`");
    }
    let mut words = Vec::new();
    for (field, text) in section.texts("hotfix_words", findings) {
        if !text.chars().any(char::is_alphanumeric) {
            field.problem(findings, format!("{} has no word in it", field.shown()));
        }
        words.push(text.to_owned());
    }
    Some(words)
}

fn development(
    section: &Section<'_>,
    environments: &BTreeSet<String>,
    findings: &mut Findings,
) -> Option<BTreeSet<String>> {
    section.get("development")?;
    let known: Vec<&str> = environments.iter().map(String::as_str).collect();
    let mut names = BTreeSet::new();
    for (field, name) in section.texts("development", findings) {
        let wanted = tag("environment", name);
        if !known.is_empty() && !known.iter().any(|known| tag("environment", known) == wanted) {
            let message = format!("{} is none of `environments`; {}", field.shown(), hint(name, &known));
            field.problem(findings, message);
        }
        names.insert(name.to_owned());
    }
    Some(names)
}
