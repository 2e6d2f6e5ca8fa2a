//! The second part of the demo: one request that failed, on its way through the stages of its pipeline.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CommandError, Program};
use crate::cli::print;
use crate::sim::Sim;
use crate::sink::events::FAILURES;

const PIPELINE: &str = "Lease";
const ENVIRONMENT: &str = "data_prod";
/// What is read before the first request that is looked at.
const BEFORE: TimeDelta = TimeDelta::minutes(30);
/// Characters of a line that are shown.
const WIDTH: usize = 118;

/// The way of a request that failed.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Way {
    /// Its inference id; empty when none failed.
    pub(super) id: String,
    /// The stages that it came to.
    pub(super) stages: Vec<String>,
    /// The one in which it failed.
    pub(super) failed_in: Option<String>,
}

/// An object of `ddsync logs tail --json`, the part that is needed here.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Told {
    Line { time: DateTime<Utc>, stage: String, status: String, inference_id: Option<String> },
    Way { stages: Vec<Step> },
}

#[derive(Deserialize)]
struct Step {
    stage: String,
    failed: Option<Value>,
}

/// Shows the request that failed after the most stages; of several the first since `origin`.
pub(super) async fn follow(
    program: &Program<'_>,
    sim: &Sim,
    origin: DateTime<Utc>,
    quiet: bool,
) -> Result<Way, CommandError> {
    let tail = async |more: &[&str]| -> Result<String, CommandError> {
        // The morning goes on until the command has begun.
        let since = format!("{}s", (sim.clock().now() - origin + BEFORE).num_seconds());
        let words = ["logs", "tail", "--pipeline", PIPELINE, "--environment", ENVIRONMENT, "--since", &since];
        let text = program.text(&[&words, more].concat()).await?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    let Some(id) = farthest(&told(&tail(&["--json"]).await?)?, origin) else { return Ok(Way::default()) };
    let mut way = Way { id, ..Way::default() };
    for told in told(&tail(&["--id", &way.id, "--json"]).await?)? {
        if let Told::Way { stages } = told {
            way.failed_in = stages.iter().find(|step| step.failed.is_some()).map(|step| step.stage.clone());
            way.stages = stages.into_iter().map(|step| step.stage).collect();
        }
    }
    if !quiet {
        let text = tail(&["--id", &way.id]).await?;
        print::line("");
        print::heading(format_args!("One request that failed: ddsync logs tail --pipeline {PIPELINE} --id {}", way.id));
        for line in text.lines() {
            print::line(cut(line));
        }
        let events = sim.events();
        let named = events.iter().map(|event| &event["attributes"]).find(|event| names(event, &way.id));
        if let Some(title) = named.and_then(|event| event["attributes"]["title"].as_str()) {
            print::line(format_args!("named in   the event \"{}\"", print::printable(title)));
        }
    }
    Ok(way)
}

fn told(text: &str) -> Result<Vec<Told>, CommandError> {
    let odd = |error| CommandError::Failed(format!("`ddsync logs tail` printed something else than JSON: {error}"));
    text.lines().map(|line| serde_json::from_str(line).map_err(odd)).collect()
}

/// The request since `origin` that failed after the most stages.
fn farthest(told: &[Told], origin: DateTime<Utc>) -> Option<String> {
    let mut stages: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut farthest: Option<(usize, &str)> = None;
    for told in told {
        let Told::Line { time, stage, status, inference_id: Some(id) } = told else { continue };
        if *time < origin {
            continue;
        }
        let passed = stages.entry(id).or_default();
        passed.insert(stage);
        if status == "error" && farthest.is_none_or(|(most, _)| passed.len() > most) {
            farthest = Some((passed.len(), id));
        }
    }
    farthest.map(|(_, id)| id.to_owned())
}

/// Whether an event is about failures and names a request.
fn names(event: &Value, id: &str) -> bool {
    let is_ours = event["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == FAILURES));
    is_ours && event["message"].as_str().is_some_and(|text| text.contains(id))
}

/// As long as a terminal is wide, but for the last line, which says what all others come to.
fn cut(line: &str) -> String {
    if line.starts_with("way of ") || line.chars().count() <= WIDTH {
        line.to_owned()
    } else {
        line.chars().take(WIDTH - 1).chain(['…']).collect()
    }
}
