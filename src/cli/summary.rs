//! What a pass or a run has done, for a person.

use super::print;
use crate::agent::jobs::totals::{Deployments, Lines, Totals};

/// So many characters tell a message: the totals keep only the start of a long one.
const TOLD_BY: usize = 150;

/// Prints the summary, or the same as one JSON object. Errors that hold one of the messages in `told` are not repeated.
pub(super) fn print(totals: &Totals, told: &[&str], json: bool) {
    if json {
        print::json(totals);
    } else {
        show(totals, told);
    }
}

fn show(totals: &Totals, told: &[&str]) {
    pipelines(totals);
    print::line("");
    numbers(totals);
    let told: Vec<String> = told.iter().map(|message| message.chars().take(TOLD_BY).collect()).collect();
    let untold = totals.errors.iter().filter(|(message, _)| !told.iter().any(|told| message.contains(told)));
    for (message, times) in untold {
        print::warning(format_args!("{times} times: {}", print::printable(message)));
    }
}

/// Pipelines with their stages and owners.
pub(super) fn pipelines(totals: &Totals) {
    if totals.pipelines.is_empty() {
        print::line("no pipeline was found");
        return;
    }
    let rows = totals.pipelines.iter().map(|pipeline| {
        let stages: Vec<&str> = pipeline.stages.iter().map(|stage| stage.name.as_str()).collect();
        vec![
            print::short(&pipeline.name),
            print::short(&pipeline.environment),
            pipeline.team.as_deref().map_or_else(|| "-".to_owned(), print::short),
            stages.join(", "),
        ]
    });
    print::line(print::table(&["pipeline", "environment", "team", "stages"], rows.collect()));
    let findings: u64 = totals.findings.values().sum();
    if findings > 0 {
        let kinds: Vec<String> = totals.findings.iter().map(|(word, times)| format!("{times} {word}")).collect();
        print::note(format_args!("{findings} findings: {} (`ddsync discover` explains)", kinds.join(", ")));
    }
}

/// What was asked, what it cost, what became of the points.
pub(super) fn numbers(totals: &Totals) {
    let points = &totals.points;
    let origin = &totals.origin;
    let requests: u64 = totals
        .requests
        .iter()
        .filter(|(api, _)| !api.starts_with("datadog:") && !api.starts_with("github:"))
        .map(|(_, n)| n)
        .sum();
    let sent = totals.requests.get("datadog:series").copied().unwrap_or(0);
    let worst = totals.coverage.values().copied().fold(100.0, f64::min);
    let rows = [
        ("queries", format!("{} planned in {} polls", totals.polls.queries, totals.polls.hot + totals.polls.warm)),
        ("requests", format!("{requests} to AWS, {sent} to Datadog")),
        ("price", format!("${:.4} so far, ${:.2} a month", totals.dollars, totals.month.cloudwatch_dollars)),
        (
            "collected",
            format!(
                "{} points: {} read, {} zeros filled, {} derived",
                points.collected, origin.read, origin.filled, origin.derived
            ),
        ),
        (
            "delivered",
            format!(
                "{} accepted, {} unchanged, {} refused, {} too old, {} pending",
                points.accepted, points.unchanged, points.refused, points.too_old, points.pending
            ),
        ),
        ("repaired", format!("{} came late, {} changed after they were sent", origin.late, origin.repaired)),
        ("coverage", format!("{worst:.1} % of the queries answered in full, at the worst account and region")),
    ];
    for (name, value) in rows {
        print::line(format_args!("{name:<10} {value}"));
    }
    let Lines { groups, accepted, left_out, lost, events, .. } = totals.logs;
    if groups > 0 {
        let logs = format!("{accepted} lines of {groups} log groups, {left_out} left out, {lost} lost");
        let failures = if events > 0 { format!(", {events} events about failures") } else { String::new() };
        print::line(format_args!("{:<10} {logs}{failures}", "logs"));
    }
    let Deployments { looks, new, unattributed, sent, marked } = totals.deployments;
    if looks > 0 {
        let deploys = format!("{new} new, {sent} sent, {marked} marked as failed, {unattributed} runs unattributed");
        print::line(format_args!("{:<10} {deploys}", "deploys"));
    }
}
