//! What a process has done since its start, for the summary of `once`, `run --for` and the demo. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::agent::deploys;
use crate::client::aws::Api;
use crate::model::catalogue::Tier;
use crate::model::pipeline::Pipeline;
use crate::model::resource::Scope;
use crate::model::series::Fate;
use crate::sink::series::Delivery;
use crate::sink::{dora, logs};
use crate::source::discover::Inventory;
use crate::source::metrics::budget::Fit;
use crate::source::metrics::{Collected, Origin};

/// Version of [`Totals`] as JSON; a field is never renamed or removed under one version.
pub const VERSION: u32 = 1;

/// Messages that are told apart. A daemon runs for months, and AWS puts a new request id into each of its messages.
const MAX_MESSAGES: usize = 100;
/// Counts the errors whose messages are not told apart any more.
const OTHERS: &str = "other errors";

/// Everything that was done. This is the JSON object that `once --json`, `run --json` and `demo --json` print.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// [`VERSION`].
    pub version: u32,
    /// Pipelines found by the last discovery, in every account and region.
    pub pipelines: Vec<FoundPipeline>,
    /// Findings of the last discovery, by their word.
    pub findings: BTreeMap<String, u64>,
    /// Points of pipelines' metrics, by what became of them: `collected` is the sum of the others.
    pub points: Fate,
    /// Where the collected points come from.
    pub origin: Origin,
    /// Polls made, and what they asked for.
    pub polls: Polls,
    /// Percent of the queries that CloudWatch answered in full in the newest poll, by `account/region tier`.
    pub coverage: BTreeMap<String, f64>,
    /// Requests made, retries included, by `service:Operation`.
    pub requests: BTreeMap<String, u64>,
    /// Dollars that the CloudWatch requests made so far cost.
    pub dollars: f64,
    /// Estimates for a month, and what was given up to stay within `limits`.
    pub month: Month,
    /// What became of deployments; all zero without `github`.
    #[serde(default)]
    pub deployments: Deployments,
    /// What became of lines of logs; all zero where none are followed.
    #[serde(default)]
    pub logs: Lines,
    /// The newest minute that is committed, Unix seconds, by `tier account/region`.
    pub committed: BTreeMap<String, i64>,
    /// Errors met, with how often, the message cut at 300 characters; after 100 messages the rest is `other errors`.
    pub errors: BTreeMap<String, u64>,
}

/// A pipeline as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundPipeline {
    /// Its name.
    pub name: String,
    /// Its environment.
    pub environment: String,
    /// Its team; none when no tag names one.
    pub team: Option<String>,
    /// The route that its owner tag names.
    pub owner: Option<String>,
    /// The account's name in the configuration.
    pub account: String,
    /// Its region.
    pub region: String,
    /// Its stages.
    pub stages: Vec<FoundStage>,
}

/// A stage as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundStage {
    /// Its name.
    pub name: String,
    /// Kinds of its endpoints, for example `async`; empty for a stage of functions.
    pub kinds: Vec<String>,
    /// Upstream stages.
    pub depends_on: Vec<String>,
}

/// Polls made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Polls {
    /// Of the hot tier, all accounts and regions together.
    pub hot: u64,
    /// Of the warm tier.
    pub warm: u64,
    /// Queries asked.
    pub queries: u64,
    /// Queries that came back partial and were asked again.
    pub asked_again: u64,
    /// Metrics billed, those of results that were asked again included.
    pub billed: u64,
}

/// What became of deployments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployments {
    /// Looks at GitHub.
    pub looks: u64,
    /// That were not known before.
    pub new: u64,
    /// Runs of the newest look that say nothing of what they deployed.
    pub unattributed: u64,
    /// Sent to Datadog.
    pub sent: u64,
    /// Failures that were marked in Datadog, each remediation once more.
    pub marked: u64,
}

/// What became of lines of logs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    /// Log groups that are followed, in every account and region.
    pub groups: u64,
    /// Pages that were read.
    pub pages: u64,
    /// Lines that Datadog took.
    pub accepted: u64,
    /// Lines that the configuration leaves out.
    pub left_out: u64,
    /// Lines that Datadog never takes: refused, or too old.
    pub lost: u64,
    /// Events about requests that failed.
    #[serde(default)]
    pub events: u64,
}

/// What a month costs at the present rate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Month {
    /// CloudWatch dollars.
    pub cloudwatch_dollars: f64,
    /// Series in Datadog.
    pub datadog_series: u64,
    /// Seconds between two polls of the warm tier.
    pub warm_every_seconds: u64,
    /// Metrics that are not read, to stay within `limits`.
    pub given_up: Vec<String>,
}

impl Totals {
    /// Adds pages that were read of log groups.
    pub fn read_logs(&mut self, pages: usize) {
        self.logs.pages += pages as u64;
    }

    /// Adds an event about requests that failed.
    pub fn told_failures(&mut self) {
        self.logs.events += 1;
        *self.requests.entry("datadog:events".to_owned()).or_default() += 1;
    }

    /// Adds lines that are not sent.
    pub fn left_out_logs(&mut self, lines: u64) {
        self.logs.left_out += lines;
    }

    /// Adds a delivery of lines.
    pub fn sent_logs(&mut self, delivery: &logs::Delivery) {
        self.logs.accepted += delivery.accepted;
        self.logs.lost += delivery.refused + delivery.too_old;
        *self.requests.entry("datadog:logs".to_owned()).or_default() += delivery.requests;
    }

    /// Adds a poll.
    pub fn polled(&mut self, tier: Tier, collected: &Collected, fate: &Fate, dollars: f64) {
        match tier {
            Tier::Hot => self.polls.hot += 1,
            Tier::Warm => self.polls.warm += 1,
        }
        self.polls.queries += collected.coverage.asked;
        self.polls.asked_again += collected.coverage.asked_again;
        self.polls.billed += collected.coverage.billed;
        self.points += fate;
        self.origin += &collected.origin;
        self.dollars += dollars;
        for error in collected.errors.iter().chain(&collected.refused) {
            self.error(&error.to_string());
        }
    }

    /// Adds points that were computed outside of a poll, with what became of them.
    pub fn derived(&mut self, fate: &Fate) {
        self.points += fate;
        self.origin.derived += fate.collected;
    }

    /// Notes the share of queries that were answered, 0 to 1.
    pub fn covered(&mut self, scope: &Scope, tier: Tier, ratio: f64) {
        self.coverage.insert(format!("{scope} {tier}"), ratio * 100.0);
    }

    /// Notes what is committed.
    pub fn committed(&mut self, scope: &Scope, tier: Tier, until: i64) {
        self.committed.insert(format!("{tier} {scope}"), until);
    }

    /// Adds requests that are no API of AWS.
    pub fn requested(&mut self, what: &str, requests: u64) {
        *self.requests.entry(what.to_owned()).or_default() += requests;
    }

    /// Adds the requests of a delivery.
    pub fn delivered(&mut self, delivery: &Delivery) {
        self.requested("datadog:series", delivery.requests);
        if let Some(error) = &delivery.last_error {
            self.error(error);
        }
    }

    /// Adds a look at deployments and its delivery.
    pub fn deployed(&mut self, collected: &deploys::Collected, delivery: &dora::Delivery) {
        let Deployments { looks, new, unattributed, sent, marked } = &mut self.deployments;
        *looks += 1;
        *new += collected.new as u64;
        *unattributed = collected.summary.unattributed as u64;
        *sent += delivery.sent as u64;
        *marked += delivery.marked as u64;
    }

    /// Adds what one account and region has asked and found.
    pub fn scope(&mut self, scope: &Scope, requests: &BTreeMap<Api, u64>, inventory: Option<&Inventory>) {
        for (api, requests) in requests {
            *self.requests.entry(api.action().to_owned()).or_default() += requests;
        }
        let Some(inventory) = inventory else { return };
        self.pipelines.extend(inventory.pipelines.iter().map(|pipeline| found(scope, pipeline)));
        for finding in &inventory.findings {
            *self.findings.entry(finding.kind.word().to_owned()).or_default() += 1;
        }
    }

    /// Notes what the month costs.
    pub fn budget(&mut self, fit: &Fit) {
        self.version = VERSION;
        self.month = Month {
            cloudwatch_dollars: fit.dollars,
            datadog_series: fit.series,
            warm_every_seconds: fit.warm_every,
            given_up: fit.given_up.clone(),
        };
    }

    /// Counts an error.
    pub fn error(&mut self, message: &str) {
        let mut message: String = message.chars().take(300).collect();
        if self.errors.len() >= MAX_MESSAGES && !self.errors.contains_key(&message) {
            OTHERS.clone_into(&mut message);
        }
        *self.errors.entry(message).or_default() += 1;
    }
}

fn found(scope: &Scope, pipeline: &Pipeline) -> FoundPipeline {
    let stages = pipeline.stages.iter().map(|stage| FoundStage {
        name: stage.name.clone(),
        kinds: stage.kinds.iter().map(ToString::to_string).collect(),
        depends_on: stage.depends_on.clone(),
    });
    FoundPipeline {
        name: pipeline.name.clone(),
        environment: pipeline.environment.clone(),
        team: pipeline.team.clone(),
        owner: pipeline.owner.clone(),
        account: scope.account.clone(),
        region: scope.region.clone(),
        stages: stages.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_never_repeat_do_not_fill_the_memory() {
        let mut totals = Totals::default();
        for request in 0..1000 {
            totals.error(&format!("throttled (request {request})"));
        }
        assert_eq!(totals.errors.len(), MAX_MESSAGES + 1);
        assert_eq!(totals.errors[OTHERS], 900);
        assert_eq!(totals.errors.values().sum::<u64>(), 1000);
    }
}
