//! One request on its way through the stages of a pipeline.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::lines::{Entry, time};
use super::{CommandError, print};

/// So many ids are told where several are meant.
const TOLD: usize = 10;

/// The ids that a request has: a function gives it a request id, and passes it on under an inference id.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request<'a> {
    /// What was asked for.
    id: &'a str,
    inferences: BTreeSet<&'a str>,
    /// With the group in which they mean something.
    requests: BTreeSet<(&'a str, &'a str)>,
}

/// The whole id of which the beginning was typed; `None` when no line carries one.
///
/// # Errors
/// When it is the beginning of several.
pub(super) fn resolve<'a>(entries: &'a [Entry], typed: &str) -> Result<Option<&'a str>, CommandError> {
    let ids = entries.iter().flat_map(|entry| [entry.inference(), entry.request()]).flatten();
    let found: BTreeSet<&str> = ids.filter(|id| id.starts_with(typed)).collect();
    if let Some(whole) = found.get(typed) {
        return Ok(Some(whole));
    }
    let mut all = found.iter().copied();
    match (all.next(), all.next()) {
        (Some(_), Some(_)) => {
            let told: Vec<String> = found.iter().take(TOLD).map(|id| format!("  {}", print::printable(id))).collect();
            let more = if found.len() > TOLD { format!("\n  and {} more", found.len() - TOLD) } else { String::new() };
            let typed = print::printable(typed);
            let words = format!("{typed} begins {} ids; write one of\n{}{more}", found.len(), told.join("\n"));
            Err(CommandError::Usage(words))
        }
        (one, _) => Ok(one),
    }
}

impl<'a> Request<'a> {
    /// What lines tell of an id: those that carry two name the same request.
    pub(super) fn of(entries: &'a [Entry], id: &'a str) -> Self {
        let mut request = Self { id, inferences: BTreeSet::from([id]), requests: BTreeSet::new() };
        for entry in entries {
            match (entry.inference(), entry.request()) {
                (Some(inference), Some(own)) if own == id => _ = request.inferences.insert(inference),
                (Some(inference), Some(own)) if inference == id => {
                    request.requests.insert((&entry.source.group.name, own));
                }
                _ => {}
            }
        }
        request
    }

    /// Whether a line is about it. What names another inference of the same invocation is not.
    pub(super) fn has(&self, entry: &Entry) -> bool {
        let named = entry.inference().map(|inference| self.inferences.contains(inference));
        let is_own = |request| request == self.id || self.requests.contains(&(&*entry.source.group.name, request));
        named.unwrap_or_else(|| entry.request().is_some_and(is_own))
            || entry.request().is_some_and(|request| request == self.id)
    }
}

/// The JSON object after the lines of `logs tail --id --json`.
#[derive(Debug, Serialize)]
pub(super) struct Way<'a> {
    /// Version of this object.
    version: u32,
    kind: &'static str,
    id: &'a str,
    /// In the order in which the request came to them.
    stages: Vec<Step<'a>>,
}

#[derive(Debug, Serialize)]
struct Step<'a> {
    environment: &'a str,
    stage: &'a str,
    from: String,
    to: String,
    lines: usize,
    /// Its first error.
    failed: Option<Failed<'a>>,
}

#[derive(Debug, Serialize)]
struct Failed<'a> {
    time: String,
    error_class: &'a str,
}

impl<'a> Way<'a> {
    /// `entries` are those of the request, in the order of time.
    pub(super) fn of(id: &'a str, entries: &[&'a Entry]) -> Self {
        let mut places: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut stages: Vec<Step<'a>> = Vec::new();
        for entry in entries {
            let (environment, stage) = (entry.source.environment.as_str(), entry.source.group.stage.as_str());
            let at = time(entry.line.at);
            let place = *places.entry((environment, stage)).or_insert_with(|| {
                stages.push(Step { environment, stage, from: at.clone(), to: at.clone(), lines: 0, failed: None });
                stages.len() - 1
            });
            let Some(step) = stages.get_mut(place) else { continue };
            step.lines += 1;
            step.to.clone_from(&at);
            if entry.line.status.is_error() && step.failed.is_none() {
                let class = entry.line.attributes.get("error_class").and_then(|class| class.as_str());
                step.failed = Some(Failed { time: at, error_class: class.unwrap_or("other") });
            }
        }
        Self { version: 1, kind: "way", id, stages }
    }

    /// What a person reads; with the environments where there are several.
    pub(super) fn text(&self, environments: bool) -> String {
        let name = |step: &Step<'_>| super::text::stage(step.environment, step.stage, environments);
        let stages = self.stages.iter().map(|step| format!("{} {}", name(step), clock(&step.from)));
        let failed = self.stages.iter().filter_map(|step| Some((step, step.failed.as_ref()?)));
        let failed: Vec<String> = failed
            .map(|(step, failed)| format!("in {} at {} ({})", name(step), clock(&failed.time), failed.error_class))
            .collect();
        let end = if failed.is_empty() { "no error".to_owned() } else { format!("failed {}", failed.join(", ")) };
        let mood = if failed.is_empty() { print::Mood::Good } else { print::Mood::Bad };
        let stages = stages.collect::<Vec<_>>().join(" -> ");
        print::painted(mood, print::printable(&format!("way of {}: {stages}; {end}", self.id)))
    }
}

/// The time of day of an instant that is written out.
fn clock(time: &str) -> &str {
    time.split_once('T').map_or(time, |(_, clock)| clock.trim_end_matches('Z'))
}
