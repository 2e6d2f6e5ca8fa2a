//! A back-fill of deployments by the program itself, and its figures.

use std::process::Stdio;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use tokio::process::Command;
use tokio::time::sleep;

use crate::child::clean;
use crate::company::{Requests, Simulator};
use crate::counts::told;
use crate::drive::Folder;
use crate::program::PROGRAM;
use crate::{Result, figure, heading, machine, rounded};

/// Runs whose back-fill is promised, and fewer for when time matters.
pub(crate) const RUNS: usize = 10_000;
pub(crate) const FEWER: usize = RUNS / 10;
/// One more of so many, so that enough are surely listed.
const ONE_MORE_OF: usize = 66;
/// Runs of a page. <https://docs.github.com/en/rest/actions/workflow-runs>
const PAGE: usize = 100;
/// One list more of so many: a page begins with runs that the one before ended with.
const ONE_MORE_LIST_OF: usize = 10;
/// Lists of the company's other workflow, which is small.
const OTHER_LISTS: usize = 5;
/// Days that the ledger keeps, less a few: the company is younger.
const DAYS: TimeDelta = TimeDelta::days(390);
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// What a back-fill took.
pub(crate) struct Filled {
    /// Requests that list runs.
    pub(crate) lists: u64,
    /// All requests, to GitHub and to Datadog.
    pub(crate) requests: u64,
    /// Writes to Datadog of a second back-fill.
    pub(crate) writes_again: u64,
    /// Seconds.
    pub(crate) wall: f64,
    /// Peak of resident memory, MB.
    pub(crate) rss: f64,
}

/// Fills an empty ledger and an empty Datadog with the deployments of so many runs, then does it again. Answers take no
/// time, so that what is measured is ours, and the simulator's.
pub(crate) async fn fill(runs: usize) -> Result<Filled> {
    let simulator = Simulator::with_deploys(runs + runs / ONE_MORE_OF).await?;
    let folder = Folder::new()?;
    let config = folder.write("ddsync.yaml", &simulator.config(&folder.path("state")))?;
    let Run { wall, rss, listed } = run(&simulator, &config).await?;
    if listed < runs {
        return Err(format!("only {listed} runs were listed").into());
    }
    let first = simulator.requests().await?;
    let written = writes(&first);
    if written == 0 {
        return Err("nothing was sent".into());
    }
    run(&simulator, &config).await?;
    let writes_again = writes(&simulator.requests().await?) - written;
    simulator.end().await?;
    let requests = first.to("github") + first.to("datadog");
    Ok(Filled { lists: first.of("github", "runs"), requests, writes_again, wall, rss })
}

/// What one run of the program took, and how many runs of workflows it says that it has seen.
struct Run {
    wall: f64,
    rss: f64,
    listed: usize,
}

async fn run(simulator: &Simulator, config: &str) -> Result<Run> {
    let since = (Utc::now() - DAYS).date_naive().to_string();
    let mut command = Command::new(PROGRAM);
    clean(&mut command).args(["dora", "backfill", "--since", &since, "--config", config]);
    command.envs(simulator.environment().iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let started = Instant::now();
    let child = command.spawn()?;
    let process = child.id().ok_or("it has ended")?;
    let mut rss: f64 = 0.0;
    let ends = child.wait_with_output();
    tokio::pin!(ends);
    let output = loop {
        tokio::select! {
            output = &mut ends => break output?,
            () = sleep(LOOK) => {}
        }
        // Between its end and our noticing there is nothing to read.
        rss = rss.max(machine::peak_of(process).unwrap_or_default());
    };
    let wall = started.elapsed().as_secs_f64();
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let listed = said.split_once(" runs listed").and_then(|(before, _)| before.rsplit(' ').next()?.parse().ok());
    Ok(Run { wall, rss, listed: listed.ok_or("it does not say how many runs it has listed")? })
}

fn writes(requests: &Requests) -> u64 {
    ["send_deployment", "patch_deployment", "post_event"].iter().map(|write| requests.of("datadog", write)).sum()
}

/// Prints the counts, with a line about each that does not hold; whether all do.
pub(crate) fn told_counts(runs: usize, filled: &Filled) -> bool {
    let pages = runs.div_ceil(PAGE);
    let most = (pages + pages / ONE_MORE_LIST_OF + OTHER_LISTS) as u64;
    let held = [
        told(&format!("dora.list_requests.{runs}"), &filled.lists.to_string(), "requests", filled.lists <= most),
        told(
            &format!("dora.writes_again.{runs}"),
            &filled.writes_again.to_string(),
            "requests",
            filled.writes_again == 0,
        ),
    ];
    !held.contains(&false)
}

/// Measures and prints; whether what is promised holds.
pub(crate) async fn print(runs: usize) -> Result<bool> {
    heading(&format!("dora {runs}"));
    let filled = fill(runs).await?;
    let held = told_counts(runs, &filled);
    figure(&format!("dora.requests.{runs}"), filled.requests, "requests");
    figure(&format!("dora.wall.{runs}"), rounded(filled.wall), "s");
    figure(&format!("dora.rss.{runs}"), rounded(filled.rss), "MB");
    Ok(held)
}
