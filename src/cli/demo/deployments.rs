//! The fourth part of the demo: a deployment arrives, a monitor speaks against it, and its rollback puts it right.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CommandError, Program};
use crate::cli::print;
use crate::sim::github::history::{Action, Cause, Conclusion};
use crate::sim::{Deploy, Dispatch, ObjectKind, Sim};

const REPOSITORY: &str = "acme/ml-pipelines";
const PIPELINE: &str = "Lease";
const ENVIRONMENT: &str = "data_prod";
/// The monitor that alerts, and the stage that it alerts for.
const MONITOR: &str = "ddsync_key:failure-ratio/pipeline/lease/data_prod";
const GROUP: &str = "stage:page-split";
/// Minutes that each deployment takes, and that pass before somebody or something speaks.
const MINUTES: i64 = 2;

/// What became of one bad deployment, step by step.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Followed {
    /// Whether Datadog had it after it ended.
    pub(super) sent: bool,
    /// Whether Datadog was told of the failure after the alert.
    pub(super) marked: bool,
    /// Seconds from its end to that of the rollback.
    pub(super) recovered_seconds: Option<i64>,
    /// What spoke against the rollback itself: something may go wrong on any morning.
    pub(super) rollback_failed: Option<String>,
}

/// What `ddsync dora explain --json` prints, the part that is needed here.
#[derive(Deserialize)]
struct Explained {
    failure: bool,
    evidence: Vec<Value>,
    recovery: Option<Recovery>,
    life: Life,
}

#[derive(Deserialize)]
struct Recovery {
    seconds: i64,
}

#[derive(Deserialize)]
struct Life {
    sent: Option<Value>,
    marked: Option<i64>,
}

impl Explained {
    /// What spoke against it. On a slow machine the morning goes on meanwhile, and may bring alerts of its own.
    fn because(&self) -> String {
        let stage = GROUP.trim_start_matches("stage:");
        let words: Vec<&str> = self.evidence.iter().filter_map(|evidence| evidence["words"].as_str()).collect();
        print::printable(words.iter().find(|words| words.contains(stage)).or(words.first()).unwrap_or(&""))
    }
}

/// Deploys, alerts, rolls back, and prints the report. The company's monitors have to be there.
pub(super) async fn follow(program: &Program<'_>, sim: &Sim, quiet: bool) -> Result<Followed, CommandError> {
    let say = |name: &str, words: &str| {
        if !quiet {
            print::line(format_args!("{name:<10} {words}"));
        }
    };
    if !quiet {
        print::line("");
        print::heading("Deployments, from GitHub");
    }
    let mut seen = Followed::default();
    let before = live(sim)?;
    let bad = dispatch(sim, "main", Cause::Planned)?;
    pass(sim, TimeDelta::minutes(MINUTES + 1)).await;
    let arrived = look(program, &bad).await?;
    seen.sent = arrived.life.sent.is_some();
    let short = |deploy: &Deploy| deploy.commit.chars().take(7).collect::<String>();
    say(
        "deployed",
        &format!(
            "{PIPELINE} to {ENVIRONMENT} at {}; a deployment in Datadog, and a line on its dashboards",
            short(&bad)
        ),
    );

    alert(sim)?;
    let alerted = look(program, &bad).await?;
    seen.marked = alerted.failure && alerted.life.marked.is_some();
    say("marked", &format!("as a failure: {}", alerted.because()));

    let rollback = dispatch(sim, &before.commit, Cause::Rollback)?;
    pass(sim, TimeDelta::minutes(MINUTES + 1)).await;
    let over = look(program, &bad).await?;
    seen.recovered_seconds = over.recovery.map(|recovery| recovery.seconds);
    let to = short(&before);
    if let Some(seconds) = seen.recovered_seconds {
        let after = humantime::format_duration(Duration::from_secs(u64::try_from(seconds / 60 * 60).unwrap_or(0)));
        say("put right", &format!("by the rollback to {to}, {after} after it ended"));
    } else {
        let itself = explain(program, &rollback).await?;
        seen.rollback_failed = itself.failure.then(|| itself.because());
        let because = seen.rollback_failed.as_deref().unwrap_or("nobody knows why");
        say("still bad", &format!("after the rollback to {to}: {because}"));
    }
    if !quiet {
        let report = program.text(&["dora", "report", "--pipeline", PIPELINE, "--environment", ENVIRONMENT]).await?;
        print::line("");
        print::line(String::from_utf8_lossy(&report).trim_end());
    }
    Ok(seen)
}

/// The deployment that is live.
fn live(sim: &Sim) -> Result<Deploy, CommandError> {
    let good = |deploy: &Deploy| {
        deploy.repository == REPOSITORY
            && deploy.pipeline == PIPELINE
            && deploy.environment == ENVIRONMENT
            && deploy.action == Action::Up
            && deploy.attempts.last().is_some_and(|attempt| attempt.conclusion == Conclusion::Success)
    };
    let missing = || CommandError::Failed(format!("{PIPELINE} was never deployed to {ENVIRONMENT}"));
    sim.deploys().into_iter().rfind(good).ok_or_else(missing)
}

fn dispatch(sim: &Sim, branch: &str, cause: Cause) -> Result<Deploy, CommandError> {
    let asked = Dispatch {
        pipeline: PIPELINE.to_owned(),
        action: Action::Up,
        environment: ENVIRONMENT.to_owned(),
        branch: branch.to_owned(),
        cause,
        minutes: MINUTES,
        conclusion: Conclusion::Success,
    };
    let missing = || CommandError::Failed(format!("{REPOSITORY} has no {branch}"));
    sim.dispatch(REPOSITORY, &asked).ok_or_else(missing)
}

/// Lets time of the company pass.
async fn pass(sim: &Sim, time: TimeDelta) {
    let until: DateTime<Utc> = sim.clock().now() + time;
    while sim.clock().now() < until {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Looks at GitHub and at Datadog's alerts once, and tells what is known of a deployment then.
async fn look(program: &Program<'_>, deploy: &Deploy) -> Result<Explained, CommandError> {
    program.text(&["once", "--only", "dora"]).await?;
    explain(program, deploy).await
}

async fn explain(program: &Program<'_>, deploy: &Deploy) -> Result<Explained, CommandError> {
    program.json(&["dora", "explain", &deploy.id.to_string(), "--json"]).await
}

fn alert(sim: &Sim) -> Result<(), CommandError> {
    let monitors = sim.objects(ObjectKind::Monitor);
    let ours = |monitor: &&Value| monitor["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == MONITOR));
    let id = monitors.iter().find(ours).map(|monitor| monitor["id"].to_string());
    let raised = id.is_some_and(|id| sim.alert(&id, GROUP, sim.clock().now().timestamp()));
    if raised { Ok(()) } else { Err(CommandError::Failed(format!("no monitor is tagged {MONITOR}"))) }
}
