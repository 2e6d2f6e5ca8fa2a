//! The measured process: the daemon's own jobs, moved from minute to minute on demand.
//!
//! It reads one word a line and answers each with a [`Report`] as JSON:
//!
//! | word | what it does |
//! |---|---|
//! | `discover`, `report` | that job, once |
//! | `hot`, `warm` | a poll of that tier, a minute of the company's time after the last `minute` |
//! | `minute` | nothing but letting a minute of the company's time pass |
//! | `rest` | lets the quota of a second come back |

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use ddsync::agent::jobs::Jobs;
use ddsync::client::{aws, datadog};
use ddsync::clock::Clock;
use ddsync::config::Settings;
use ddsync::state::Store;
use serde::{Deserialize, Serialize};

use crate::{Result, machine};

/// The configuration's file, in the environment.
pub(crate) const CONFIG: &str = "DDSYNC_CONFIG";
/// Minutes that the company is ahead of the jobs, so that they need not wait for it.
const AHEAD: TimeDelta = TimeDelta::minutes(40);
/// A quota beyond what one machine can ask.
const LIFTED: u32 = 1_000_000_000;

/// What has been done since the start, and what it took.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Seconds that this word took.
    pub(crate) wall: f64,
    /// Seconds of processor time since the start.
    pub(crate) cpu: f64,
    /// Peak of resident memory, MB.
    pub(crate) peak: f64,
    /// Queries asked of CloudWatch.
    pub(crate) queries: u64,
    /// Metrics billed by CloudWatch.
    pub(crate) billed: u64,
    /// Points read.
    pub(crate) read: u64,
    /// Points that Datadog accepted.
    pub(crate) accepted: u64,
    /// Points that were lost or filled: every minute is there and nothing goes wrong, so there are none.
    pub(crate) astray: u64,
}

/// The settings of a measured process, which is told in its environment where they are.
pub(crate) fn configured() -> Result<Settings> {
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    let config = environment.get(CONFIG).ok_or("no configuration is named")?;
    let loaded = ddsync::config::load(Path::new(config), &environment).map_err(|problems| problems.to_string())?;
    Ok(loaded.settings)
}

pub(crate) async fn serve(lifted: bool) -> Result<()> {
    let mut settings = configured()?;
    if lifted {
        settings.limits.requests_per_second = LIFTED;
        settings.limits.points_per_second = LIFTED;
    }
    let mut minute = Utc::now() - AHEAD;
    let store = Store::open(&settings.state, "benchmark", Clock::Real)?;
    let datadog = datadog::Client::new(&settings.datadog)?;
    let clients = aws::connect(&settings.accounts, &settings.limits, &settings.logs, Clock::Real).await;
    let mut jobs = Jobs::new(settings, from(minute), store, datadog, clients, None);
    let table = jobs.table();
    // Nothing else runs while the next word is waited for.
    for word in std::io::stdin().lines() {
        let word = word?;
        let started = Instant::now();
        match word.as_str() {
            "minute" => minute += TimeDelta::minutes(1),
            "rest" => tokio::time::sleep(Duration::from_millis(1100)).await,
            word => {
                jobs.set_clock(from(minute));
                for job in table.iter().filter(|job| job.kind.word() == word) {
                    jobs.work(job).await.map_err(|failure| format!("{job}: {}", failure.message))?;
                }
            }
        }
        println!("{}", serde_json::to_string(&report(&jobs, started)?)?);
    }
    Ok(())
}

/// A clock that shows `start` now, however long the words before took.
fn from(start: DateTime<Utc>) -> Clock {
    let (real, simulated) = (Utc::now().timestamp_millis(), start.timestamp_millis());
    Clock::Scaled { real_origin_ms: real, sim_origin_ms: simulated, rate: 1.0 }
}

fn report(jobs: &Jobs, started: Instant) -> Result<Report> {
    let wall = started.elapsed().as_secs_f64();
    let totals = jobs.totals();
    let points = &totals.points;
    let lost = points.refused + points.too_old + points.pending + totals.origin.filled;
    Ok(Report {
        wall,
        cpu: machine::cpu()?,
        peak: machine::peak()?,
        queries: totals.polls.queries,
        billed: totals.polls.billed,
        read: totals.origin.read,
        accepted: points.accepted,
        astray: lost + u64::from(!points.balances()),
    })
}
