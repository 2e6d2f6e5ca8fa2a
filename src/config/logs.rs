//! `logs`: what is read from CloudWatch Logs, what of it is kept, and what must not leave.

use std::time::Duration;

use globset::Glob;
use regex::RegexBuilder;

use crate::config::field::{Field, Section};
use crate::config::problem::Findings;
use crate::config::settings::{Keep, LogRule, Logs, Redact};
use crate::model::log::Status;

/// AWS answers 5 requests a second of one account in one region, and others ask there too.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>
const REQUESTS_PER_SECOND: u32 = 3;
const MINUTE: Duration = Duration::from_mins(1);
const REREAD: Duration = Duration::from_mins(5);
const MEGABYTE: u64 = 1_000_000;
/// Memory that one pattern may take, in bytes.
const PATTERN_MEMORY: usize = 1024 * 1024;
/// Patterns for redaction, and the length of any pattern in bytes.
const MOST_PATTERNS: usize = 100;
const LONGEST_PATTERN: usize = 1_000;
const LEVELS: [(&str, Status); 5] = [
    ("debug", Status::Debug),
    ("info", Status::Info),
    ("warn", Status::Warn),
    ("error", Status::Error),
    ("critical", Status::Critical),
];

pub(super) fn read(root: &Section<'_>, findings: &mut Findings) -> Logs {
    let keys = ["collect", "requests_per_second", "reread", "rules", "lambda_lines", "daily_megabytes", "redact"];
    let section = root.section("logs", &keys, findings);
    let flag = |key: &str, findings: &mut Findings| section.get(key).and_then(|field| field.flag(findings));
    let requests_per_second = section.integer("requests_per_second", 1..=1_000, findings);
    let rules = section.get("rules").map(|field| field.list(findings)).unwrap_or_default();
    let daily = section.integer("daily_megabytes", 1..=u32::MAX, findings);
    Logs {
        collect: flag("collect", findings).unwrap_or(true),
        requests_per_second: requests_per_second.unwrap_or(REQUESTS_PER_SECOND),
        reread: section.duration("reread", MINUTE..=60 * MINUTE, findings).unwrap_or(REREAD),
        rules: self::rules(&rules, findings),
        lambda_lines: flag("lambda_lines", findings).unwrap_or(true),
        daily_bytes: daily.map(|megabytes| u64::from(megabytes) * MEGABYTE),
        redact: redact(&section, findings),
    }
}

fn rules(fields: &[Field<'_>], findings: &mut Findings) -> Vec<LogRule> {
    let mut rules = Vec::new();
    let mut fits_all = false;
    for field in fields {
        if fits_all {
            findings.warning(&field.place, "is never asked: the rule before it fits every line");
        }
        let Some(rule) = rule(field, findings) else { continue };
        fits_all =
            matches!(rule, LogRule { pipeline: None, environment: None, stage: None, level: None, pattern: None, .. });
        if fits_all && rule.keep == Keep::None {
            let message = "leaves out every line that no rule before it fits, errors too; `keep: errors` keeps those";
            findings.warning(&field.place, message);
        }
        rules.push(rule);
    }
    rules
}

fn rule(field: &Field<'_>, findings: &mut Findings) -> Option<LogRule> {
    let section = field.section(&["pipeline", "environment", "stage", "level", "pattern", "keep"], findings);
    let glob = |key: &str, findings: &mut Findings| {
        let text = section.text(key, findings)?;
        if let (Err(error), Some(field)) = (Glob::new(text), section.get(key)) {
            field.problem(findings, format!("is no pattern of names: {}", error.kind()));
        }
        Some(text.to_owned())
    };
    let [pipeline, environment, stage] = ["pipeline", "environment", "stage"].map(|key| glob(key, findings));
    let level = section.get("level").and_then(|field| field.word(&LEVELS, findings));
    let pattern = section.get("pattern").and_then(|field| pattern(field, findings));
    let Some(keep) = section.get("keep") else {
        field.problem(findings, "says nothing of how many lines are kept; write `keep: errors`, or `keep: 0.1`");
        return None;
    };
    Some(LogRule { pipeline, environment, stage, level, pattern, keep: keep_of(keep, findings)? })
}

fn keep_of(field: &Field<'_>, findings: &mut Findings) -> Option<Keep> {
    match field.scalar(findings)?.as_f64() {
        Some(share) if (0.0..=1.0).contains(&share) => Some(Keep::Share(share)),
        Some(_) => {
            field.problem(findings, format!("{} is no share; write a number from 0 to 1", field.shown()));
            None
        }
        None => field.word(&[("all", Keep::All), ("errors", Keep::Share(0.0)), ("none", Keep::None)], findings),
    }
}

/// A regular expression that can be used.
fn pattern(field: &Field<'_>, findings: &mut Findings) -> Option<String> {
    let text = field.text(findings)?;
    if text.len() > LONGEST_PATTERN {
        field.problem(findings, format!("has {} bytes; at most {LONGEST_PATTERN} are taken", text.len()));
    } else if let Err(error) = RegexBuilder::new(text).size_limit(PATTERN_MEMORY).build() {
        // The library draws its messages over several lines.
        let error = error.to_string();
        let last = error.lines().next_back().unwrap_or_default();
        field.problem(findings, format!("is no regular expression: {}", last.trim_start_matches("error: ")));
    }
    Some(text.to_owned())
}

fn redact(section: &Section<'_>, findings: &mut Findings) -> Redact {
    let section = section.section("redact", &["credentials", "emails", "cards", "patterns"], findings);
    let flag = |key: &str, findings: &mut Findings| section.get(key).and_then(|field| field.flag(findings));
    let usual = Redact::default();
    let patterns = section.get("patterns").map(|field| field.list(findings)).unwrap_or_default();
    if let Some(field) = patterns.get(MOST_PATTERNS) {
        field.problem(findings, format!("is one too many: at most {MOST_PATTERNS} patterns are taken"));
    }
    Redact {
        credentials: flag("credentials", findings).unwrap_or(usual.credentials),
        emails: flag("emails", findings).unwrap_or(usual.emails),
        cards: flag("cards", findings).unwrap_or(usual.cards),
        patterns: patterns.iter().filter_map(|field| pattern(field, findings)).collect(),
    }
}
