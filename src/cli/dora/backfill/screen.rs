//! A back-fill as a person reads it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset, Utc};

use super::super::print::{printable, strong, table};
use super::super::{counted, instant};
use super::Done;
use super::rates::{Failures, Rates, Why};
use crate::client::datadog::SendError;
use crate::model::dora::{DeploymentId, Judged, UnitKey};
use crate::model::pipeline::quoted;
use crate::sink::dora::{Delivery, Differences};
use crate::source::deploys::{Stopped, Summary, Unfit};

/// So many deployments are named where several are meant.
const NAMED: usize = 5;

/// What a rehearsal would send.
#[derive(Debug, Default)]
pub(super) struct Planned {
    units: BTreeMap<UnitKey, Unsent>,
    /// Deployments that Datadog has already; `None` when it could not be asked.
    found: Option<usize>,
    /// Why it could not be asked, when somebody tried.
    error: Option<SendError>,
}

/// What a unit would send.
#[derive(Debug, Clone, Copy)]
struct Unsent {
    deployments: usize,
    failures: usize,
    /// Ends of the first and the last, Unix seconds.
    first: i64,
    last: i64,
}

impl Planned {
    /// Of what the ledger has not sent, and what Datadog says that it has.
    pub(super) fn of(open: &[&Judged<'_>], listed: Option<Result<Differences, SendError>>) -> Self {
        let mut planned = Self::default();
        let mut missing: Option<BTreeSet<DeploymentId>> = None;
        match listed {
            Some(Ok(differences)) => missing = Some(differences.missing.into_iter().collect()),
            Some(Err(error)) => planned.error = Some(error),
            None => {}
        }
        let wanted = |one: &&&Judged<'_>| missing.as_ref().is_none_or(|missing| missing.contains(&one.id));
        let mut sent = 0;
        for one in open.iter().filter(wanted) {
            let Some(at) = one.finished_at() else { continue };
            let first = Unsent { deployments: 0, failures: 0, first: at, last: at };
            let unit = planned.units.entry(one.deployment.unit.key()).or_insert(first);
            unit.deployments += 1;
            unit.failures += usize::from(one.failure);
            (unit.first, unit.last) = (unit.first.min(at), unit.last.max(at));
            sent += 1;
        }
        planned.found = missing.is_some().then(|| open.len() - sent);
        planned
    }
}

/// What deserves a look, and whether the back-fill has done all that it should.
pub(super) struct Told {
    pub(super) warnings: Vec<String>,
    pub(super) errors: Vec<String>,
    pub(super) finished: bool,
}

pub(super) fn text(done: &Done, (since, until): (DateTime<Utc>, DateTime<Utc>), zone: FixedOffset) -> String {
    let span = format!("{} to {}", instant(since.timestamp(), zone), instant(until.timestamp(), zone));
    let what = if done.planned.is_some() { "Rehearsal of a back-fill" } else { "Back-fill" };
    let mut lines = vec![strong(format!("{what}: {span}")), github(&done.summary)];
    if let Some(Ok(alerts)) = done.alerts {
        lines.push(format!("Alerts   {} of our monitors", counted(alerts, "alert")));
    }
    lines.extend(done.delivery.as_ref().map(datadog));
    if let Some(planned) = &done.planned {
        lines.push(String::new());
        lines.extend(would_send(planned, zone));
    }
    if let Some(Ok(differences)) = &done.proof {
        lines.push(String::new());
        lines.push(strong("Proof: the ledger against Datadog's list"));
        if done.summary.listed == 0 && !done.summary.troubles.is_empty() {
            lines.push("GitHub could not be read: what was known before is compared".to_owned());
        }
        lines.extend(proof(differences));
        lines.push(String::new());
        lines.push(strong("Where Datadog's rates differ from ours"));
        lines.extend(differing(&done.rates));
    }
    lines.join("\n")
}

fn github(summary: &Summary) -> String {
    let Summary { listed, attributed, unattributed, pending, compared, .. } = summary;
    let runs = counted(*listed, "run");
    format!(
        "GitHub   {runs} listed: {attributed} attributed, {unattributed} unattributed, {pending} pending; {} of commits",
        counted(*compared, "comparison")
    )
}

fn datadog(delivery: &Delivery) -> String {
    let Delivery { sent, found, marked, unmarked, posted, requests, .. } = delivery;
    format!(
        "Datadog  {} sent, {found} found there; {} told, {unmarked} taken back; {} posted; {}",
        counted(*sent, "deployment"),
        counted(*marked, "failure"),
        counted(*posted, "marker"),
        counted(usize::try_from(*requests).unwrap_or(usize::MAX), "request")
    )
}

fn would_send(planned: &Planned, zone: FixedOffset) -> Vec<String> {
    let (deployments, failures) = planned
        .units
        .values()
        .fold((0, 0), |(deployments, failures), unit| (deployments + unit.deployments, failures + unit.failures));
    let found = match planned.found {
        Some(found) => format!("; Datadog has {found} others already"),
        None => "; what of it Datadog has already is not known".to_owned(),
    };
    let mut lines = vec![strong(format!(
        "Would send {} and tell that {failures} of them failed{found}",
        counted(deployments, "deployment")
    ))];
    if !planned.units.is_empty() {
        let rows = planned.units.iter().map(|(key, unit)| {
            vec![
                key.pipeline.clone(),
                key.environment.clone(),
                unit.deployments.to_string(),
                unit.failures.to_string(),
                instant(unit.first, zone),
                instant(unit.last, zone),
            ]
        });
        let header = ["pipeline", "environment", "deployments", "failures", "first", "last"];
        lines.push(table(&header, rows.collect()));
    }
    lines.push("nothing was written or sent".to_owned());
    lines
}

fn proof(differences: &Differences) -> Vec<String> {
    let Differences { same, missing, unexpected, repeated, moved, foreign } = differences;
    let mut lines = vec![format!("{} in both", are(*same))];
    let differing = [
        (missing, "only in the ledger"),
        (unexpected, "only in Datadog, where it does not count here or is not known"),
        (repeated, "in Datadog more than once"),
        (moved, "in Datadog with another end than it was sent with"),
    ];
    let found = differing.iter().filter(|(ids, _)| !ids.is_empty());
    lines.extend(found.map(|(ids, what)| format!("{} {what}: {}", are(ids.len()), named(*ids))));
    if *foreign > 0 {
        lines.push(format!("{} in Datadog that somebody else has sent", are(*foreign)));
    }
    if is_proven(differences) {
        lines.push("no difference".to_owned());
    }
    lines
}

fn are(count: usize) -> String {
    format!("{} {}", counted(count, "deployment"), if count == 1 { "is" } else { "are" })
}

fn is_proven(differences: &Differences) -> bool {
    let Differences { missing, unexpected, repeated, moved, .. } = differences;
    [missing, unexpected, repeated, moved].iter().all(|ids| ids.is_empty())
}

/// Rates are never told by themselves: what makes the difference stands beside them.
fn differing(rates: &Rates) -> Vec<String> {
    let mut lines = Vec::new();
    for (unit, Failures { ours, theirs, of }) in &rates.units {
        lines.push(format!(
            "change failure rate of {} in {}: {ours}/{of} here, {theirs}/{of} there",
            quoted(&unit.pipeline),
            quoted(&unit.environment)
        ));
    }
    for (why, ids) in &rates.because {
        let words = because(*why, ids.len());
        // Most have none in most companies, and each of them says so in `explain`.
        lines.push(if *why == Why::NoCommit { words } else { format!("{words}: {}", named(ids)) });
    }
    lines.push(
        "change lead time: Datadog takes all commits of the repository since the previous deployment; here only those \
         that touch the pipeline's files count, and no merges"
            .to_owned(),
    );
    lines.push("every rate: a service there is the pipeline in all environments, until `env` is filtered".to_owned());
    lines
}

fn because(why: Why, count: usize) -> String {
    let deployments = counted(count, "deployment");
    match why {
        Why::Further => format!(
            "change failure rate: a rollback over several deployments speaks there against the first after its target, \
             here against the one that was live; so {deployments} failed there alone"
        ),
        Why::RuleOff => format!(
            "change failure rate: `dora.rules.rollback` is off here, and Datadog's own rule is not; so {deployments} \
             failed there alone"
        ),
        Why::Word => format!(
            "change failure rate: a person said that it is no failure, and Datadog's own rule goes by the rollback; so \
             {deployments} failed there alone"
        ),
        Why::Untold => format!("change failure rate: {deployments} failed here and could not be told yet"),
        Why::Rerun => format!(
            "recovery time: {deployments} recovered here by what is no deployment of its own there, such as a re-run of \
             an older one, or could not be told yet"
        ),
        Why::NoCommit => {
            format!(
                "change lead time: {deployments} went without a commit (in development, or not known), and have none there"
            )
        }
    }
}

fn named<'a>(ids: impl IntoIterator<Item = &'a DeploymentId>) -> String {
    let ids: Vec<&DeploymentId> = ids.into_iter().collect();
    let mut names: Vec<String> = ids.iter().take(NAMED).map(|id| printable(id.as_str())).collect();
    if ids.len() > NAMED {
        names.push(format!("{} more", ids.len() - NAMED));
    }
    names.join(", ")
}

/// What went wrong, with what to do.
pub(super) fn troubles(done: &Done) -> Told {
    let mut told = Told { warnings: Vec::new(), errors: Vec::new(), finished: true };
    let summary = &done.summary;
    told.warnings.extend(summary.unfit.iter().map(|unfit| {
        let Unfit { repository, workflow, title, listed } = unfit;
        let runs = counted(*listed, "run");
        format!(
            "no title of {runs} of {repository}, {workflow} fits its `run_name` in `github`; the newest is {}",
            quoted(title)
        )
    }));
    told.errors.extend(summary.troubles.iter().take(NAMED).map(ToString::to_string));
    if let Some(more) = summary.troubles.len().checked_sub(NAMED).filter(|more| *more > 0) {
        told.errors.push(format!("{more} more could not be read"));
    }
    match &summary.stopped {
        None => {}
        Some(Stopped::Failing(error)) => told.errors.push(error.to_string()),
        Some(Stopped::Limited { error, .. }) => told.unfinished(&format!("{error}")),
        Some(Stopped::Deadline) => told.unfinished("github answers so slowly that not everything could be read"),
    }
    if let Some(Err(error)) = &done.alerts {
        told.of_datadog("alerts cannot be read", error);
    }
    if let Some(delivery) = &done.delivery {
        for (id, words) in delivery.refused.iter().take(NAMED) {
            told.errors.push(format!("datadog refuses {}: {words}", id.as_str()));
        }
        if let Some(more) = delivery.refused.len().checked_sub(NAMED).filter(|more| *more > 0) {
            told.errors.push(format!("datadog refuses {more} more"));
        }
        match &delivery.error {
            Some(error) if delivery.pending > 0 => {
                told.of_datadog(
                    &format!("{} of deployments, failures and markers are not there yet", delivery.pending),
                    error,
                );
            }
            None if delivery.pending > 0 => {
                told.unfinished(&format!(
                    "{} of deployments, failures and markers are not there yet",
                    delivery.pending
                ));
            }
            _ => {}
        }
    }
    match &done.proof {
        Some(Err(error)) => told.of_datadog("there is no proof", error),
        Some(Ok(differences)) if told.finished && told.errors.is_empty() && !is_proven(differences) => {
            told.errors.push(
                "the ledger and Datadog differ; what is only in the ledger was taken by Datadog, whose list may lag behind: \
                 run this again in some minutes, and what is missing then was deleted there, and is not sent again. What \
                 is only in Datadog is known again by a back-fill that begins earlier"
                    .to_owned(),
            );
        }
        _ => {}
    }
    if let Some(error) = done.planned.as_ref().and_then(|planned| planned.error.as_ref()) {
        told.of_datadog("what Datadog has already is not known", error);
    }
    told
}

impl Told {
    /// What heals by itself is only not finished.
    fn of_datadog(&mut self, what: &str, error: &SendError) {
        if error.is_retriable() {
            self.unfinished(&format!("{what}: {error}"));
        } else {
            self.errors.push(format!("{what}: {error}"));
        }
    }

    fn unfinished(&mut self, why: &str) {
        self.finished = false;
        self.warnings.push(format!("not finished: {why}; the same command goes on from there"));
    }
}
