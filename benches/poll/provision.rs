//! Plans and applies of one size, and their figures.

use std::collections::BTreeMap;
use std::time::Duration;

use ddsync::provision::object::Kind;

use crate::child::Again;
use crate::company::{Requests, Simulator};
use crate::counts::told;
use crate::drive::{Folder, broken_promise, mean};
use crate::polling::CONFIG;
use crate::provisioning::{CHOSEN, Report};
use crate::{Result, figure, heading, rounded};

/// Pipelines that are applied, and those of which a plan's processor time is promised and its memory told.
const APPLIED: usize = 50;
pub(crate) const PLANNED: usize = 1000;
/// How long a call of Datadog's API takes.
const CALL: Duration = Duration::from_millis(200);
/// Plans of which processor time is the mean, since the system counts it in steps of 10 ms.
const ROUNDS: u32 = 3;

/// What is promised: requests of a plan that finds nothing to do, and seconds.
const MOST_CALLS: u64 = 5;
/// The body of each dashboard is one more.
const MOST_CALLS_COLD: u64 = MOST_CALLS + APPLIED as u64;
const MOST_SECONDS: f64 = 25.0;
const MOST_PROCESSOR_SECONDS: f64 = 1.0;

/// Handles that the pretend Datadog knows, so that a plan asks for them as anybody's does.
const ROUTES: &str = "routes: {default: {page: \"@pagerduty-ml\", notify: \"@slack-ml\"}}\n";

/// A first apply, and what follows when nothing changes.
pub(crate) struct Applied {
    /// Objects that it made.
    pub(crate) made: usize,
    /// Seconds.
    pub(crate) wall: f64,
    /// Requests of the first plan after it, which has the body of no dashboard yet.
    pub(crate) calls_cold: u64,
    /// Requests of the plan after that.
    pub(crate) calls: u64,
    /// Steps of both plans.
    pub(crate) steps: usize,
    /// Writes of a second apply.
    pub(crate) writes_again: u64,
}

/// Applies 50 pipelines to an empty Datadog, whose answers take `latency`.
pub(crate) async fn apply(latency: Duration) -> Result<Applied> {
    let bench = Bench::start(latency).await?;
    let mut planner = bench.planner(APPLIED, "chosen")?;
    let first: Report = planner.ask("apply").await?;
    let expected: BTreeMap<Kind, usize> = CHOSEN.iter().map(|(kind, count)| (*kind, count * APPLIED)).collect();
    if first.undone > 0 || first.done != expected {
        let Report { undone, reason, done, .. } = first;
        return Err(format!("made {done:?} and not {expected:?}; {undone} steps failed: {reason}").into());
    }
    let mut calls = vec![bench.requests().await?.to("datadog")];
    let mut steps = 0;
    for _ in 0..2 {
        let report: Report = planner.ask("plan").await?;
        steps += report.steps;
        calls.push(bench.requests().await?.to("datadog"));
    }
    let writes = bench.requests().await?.writes("datadog");
    let _: Report = planner.ask("apply").await?;
    let writes_again = bench.requests().await?.writes("datadog") - writes;
    planner.end().await?;
    bench.end().await?;
    let (calls_cold, calls) = (calls[1] - calls[0], calls[2] - calls[1]);
    Ok(Applied { made: first.done.values().sum(), wall: first.wall, calls_cold, calls, steps, writes_again })
}

/// Seconds of processor time from pipelines to a plan that finds nothing to do, with every template that is shipped, and
/// the peak of the process's memory in MB.
pub(crate) struct Planned {
    pub(crate) cpu: f64,
    pub(crate) rss: f64,
}

/// Plans for so many pipelines when Datadog has told everything.
pub(crate) async fn plan(pipelines: usize) -> Result<Planned> {
    let bench = Bench::start(Duration::ZERO).await?;
    let mut planner = bench.planner(pipelines, "all")?;
    let made: Report = planner.ask("apply").await?;
    // Looks at the dashboards, so that the next plan need not.
    let _: Report = planner.ask("look").await?;
    planner.end().await?;
    // What applies has a peak of its own, so another process plans.
    let mut planner = bench.planner(pipelines, "all")?;
    let whole: Report = planner.ask("plan").await?;
    let _: Report = planner.ask("look").await?;
    let cpu = offline(&mut planner, ROUNDS).await?;
    planner.end().await?;
    bench.end().await?;
    if made.undone + whole.steps > 0 {
        return Err(format!("{} steps of an apply were not done: {}", made.undone + whole.steps, made.reason).into());
    }
    Ok(Planned { cpu, rss: whole.peak })
}

/// Seconds of processor time from pipelines to a plan that finds nothing to do, without any server.
pub(crate) async fn imagined(pipelines: usize) -> Result<f64> {
    let bench = Bench::start(Duration::ZERO).await?;
    let mut planner = bench.planner(pipelines, "all")?;
    let _: Report = planner.ask("imagine").await?;
    let cpu = offline(&mut planner, 1).await?;
    planner.end().await?;
    bench.end().await?;
    Ok(cpu)
}

async fn offline(planner: &mut Again, rounds: u32) -> Result<f64> {
    let mut reports: Vec<Report> = Vec::new();
    for _ in 0..rounds {
        reports.push(planner.ask("offline").await?);
    }
    if let Some(changed) = reports.iter().find(|report| report.steps > 0 || report.unchanged == 0) {
        return Err(format!("{} steps where nothing has changed", changed.steps).into());
    }
    Ok(mean(reports.iter().map(|report| report.cpu)))
}

/// Prints the counts of an apply, with a line about each that does not hold; whether all do.
pub(crate) fn told_counts(applied: &Applied) -> bool {
    let Applied { made, calls, calls_cold, steps, writes_again, .. } = applied;
    let held = [
        told(&format!("plan.calls.{APPLIED}"), &calls.to_string(), "requests", *calls <= MOST_CALLS),
        told(
            &format!("plan.calls_cold.{APPLIED}"),
            &calls_cold.to_string(),
            "requests",
            *calls_cold <= MOST_CALLS_COLD,
        ),
        told(&format!("plan.steps.{APPLIED}"), &steps.to_string(), "steps", *steps == 0),
        told(&format!("apply.writes_again.{made}"), &writes_again.to_string(), "requests", *writes_again == 0),
    ];
    !held.contains(&false)
}

/// Measures and prints; whether what is promised holds.
pub(crate) async fn print_apply() -> Result<bool> {
    heading("apply");
    println!("# {APPLIED} pipelines, each with 1 dashboard, 12 monitors and 2 SLOs; a call takes {CALL:?}");
    let applied = apply(CALL).await?;
    let counts_hold = told_counts(&applied);
    let name = format!("apply.wall.{}", applied.made);
    figure(&name, rounded(applied.wall), "s");
    Ok(promise(&name, applied.wall, MOST_SECONDS) && counts_hold)
}

/// Measures and prints; whether what is promised holds.
pub(crate) async fn print_plan(pipelines: usize) -> Result<bool> {
    heading(&format!("plan {pipelines}"));
    let Planned { cpu, rss } = plan(pipelines).await?;
    let name = format!("plan.cpu.{pipelines}");
    figure(&name, rounded(cpu), "s");
    figure(&format!("plan.rss.{pipelines}"), rounded(rss), "MB");
    Ok(pipelines != PLANNED || promise(&name, cpu, MOST_PROCESSOR_SECONDS))
}

fn promise(name: &str, value: f64, most: f64) -> bool {
    if value > most {
        broken_promise(name, value, most);
    }
    value <= most
}

/// A Datadog, and a folder for what plans.
struct Bench {
    simulator: Simulator,
    folder: Folder,
}

impl Bench {
    async fn start(latency: Duration) -> Result<Self> {
        Ok(Self { simulator: Simulator::with_latency(0, latency).await?, folder: Folder::new()? })
    }

    fn planner(&self, pipelines: usize, templates: &str) -> Result<Again> {
        let config = self.simulator.config(&self.folder.path("state")) + ROUTES;
        let config = self.folder.write("ddsync.yaml", &config)?;
        let mut environment = self.simulator.environment().to_vec();
        environment.push((CONFIG.to_owned(), config));
        Again::start(&["planner", &pipelines.to_string(), templates], &environment)
    }

    async fn requests(&self) -> Result<Requests> {
        self.simulator.requests().await
    }

    async fn end(self) -> Result<()> {
        self.simulator.end().await
    }
}
