//! The third part of the demo: dashboards and monitors are planned, applied, changed by hand, and put right.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{CommandError, Program};
use crate::cli::print;
use crate::provision::plan::{Action, Cause, Plan, Step};
use crate::sim::{ObjectKind, Sim};

/// Of which monitor somebody changes the threshold, and to what.
const CHANGED: &str = "ddsync_key:oldest-request-age/pipeline/lease/data_prod";
const THRESHOLD: i64 = 7200;

/// How often the company may change while it is applied.
const ATTEMPTS: usize = 3;

/// What happened, in numbers.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Applied {
    /// Objects that the first apply made.
    pub(super) created: u64,
    /// Dashboards among them.
    pub(super) dashboards: u64,
    /// Monitors among them.
    pub(super) monitors: u64,
    /// SLOs among them.
    pub(super) slos: u64,
    /// Objects that the plan found changed by hand.
    pub(super) drift: u64,
    /// What the last plan would still do; 0.
    pub(super) left: u64,
}

/// What `ddsync plan --json` prints, the part that is needed here.
#[derive(Deserialize)]
struct Planned {
    #[serde(flatten)]
    plan: Plan,
    summary: Value,
}

/// Plans, applies, changes a monitor by hand, plans and applies again, plans a last time.
pub(super) async fn apply(program: &Program<'_>, sim: &Sim, quiet: bool) -> Result<Applied, CommandError> {
    let say = |name: &str, words: &str| {
        if !quiet {
            print::line(format_args!("{name:<10} {words}"));
        }
    };
    if !quiet {
        print::line("");
        print::heading("Dashboards, monitors and SLOs, from templates");
    }
    let first = program.json::<Planned>(&["plan", "--json"]).await?;
    let created = number(&first.summary, "create");
    program.text(&["apply", "--auto-approve"]).await?;
    let held = |kind| sim.objects(kind).len() as u64;
    let mut applied = Applied {
        created,
        dashboards: held(ObjectKind::Dashboard),
        monitors: held(ObjectKind::Monitor),
        slos: held(ObjectKind::Slo),
        ..Applied::default()
    };
    say(
        "applied",
        &format!(
            "{created} objects: {} dashboards, {} monitors, {} SLOs; production of team Docs pages @pagerduty-Docs, that of \
             others @pagerduty-ml",
            applied.dashboards, applied.monitors, applied.slos
        ),
    );
    change_by_hand(sim)?;
    let second = program.json::<Planned>(&["plan", "--json"]).await?;
    applied.drift = number(&second.summary, "drift");
    let fields = second.plan.steps.iter().flat_map(|step| step.fields().iter().map(move |field| (step, field)));
    let shown = fields.filter(|(_, field)| field.path.contains("critical")).map(|(step, field)| {
        format!("somebody set {} of {} to {}; the plan puts back {}", field.path, step.identity, field.old, field.new)
    });
    for line in shown {
        say("by hand", &line);
    }
    let last = settled(program).await?;
    applied.left = last.steps.len() as u64;
    say("planned", &last.summary().to_string());
    Ok(applied)
}

/// The plan after an apply. The company lives on, and a pipeline may come or go meanwhile: only that is applied again.
async fn settled(program: &Program<'_>) -> Result<Plan, CommandError> {
    let mut plan = Plan::default();
    for _attempt in 0..ATTEMPTS {
        program.text(&["apply", "--auto-approve"]).await?;
        plan = program.json::<Planned>(&["plan", "--json"]).await?.plan;
        let deployed = |step: &Step| {
            let Action::Update { cause, .. } = step.action else { return true };
            matches!(cause, Cause::Gone | Cause::Back)
        };
        if plan.steps.is_empty() || !plan.steps.iter().all(deployed) {
            break;
        }
    }
    Ok(plan)
}

fn number(summary: &Value, key: &str) -> u64 {
    summary[key].as_u64().unwrap_or(0)
}

/// What a person does in Datadog when a monitor is loud at night.
fn change_by_hand(sim: &Sim) -> Result<(), CommandError> {
    let monitors = sim.objects(ObjectKind::Monitor);
    let ours = |monitor: &&Value| monitor["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == CHANGED));
    let missing = || CommandError::Failed(format!("no monitor is tagged {CHANGED}"));
    let monitor = monitors.iter().find(ours).ok_or_else(missing)?;
    let id = monitor["id"].to_string();
    let query = monitor["query"].as_str().and_then(|query| query.rsplit_once('>')).ok_or_else(missing)?;
    let query = format!("{}> {THRESHOLD}", query.0);
    let edited = sim.edit_by_hand(ObjectKind::Monitor, &id, "/query", json!(query))
        && sim.edit_by_hand(ObjectKind::Monitor, &id, "/options/thresholds/critical", json!(THRESHOLD));
    if edited { Ok(()) } else { Err(missing()) }
}
