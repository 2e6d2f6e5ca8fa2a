//! Polls of one size, and their figures.

use std::path::{Path, PathBuf};

use crate::child::Again;
use crate::company::Simulator;
use crate::polling::{CONFIG, Report};
use crate::{Result, figure, heading, rounded};

/// Polls of everything that are measured. Times are their median, but for processor time, which the system counts in
/// steps of 10 ms: of it, the mean.
const ROUNDS: u32 = 3;
/// Minutes from one poll of the warm tier to the next.
const WARM_EVERY: u64 = 5;
/// Minutes that a poll of everything reads: the new ones and those it reads again.
const HOT_MINUTES: u64 = 1 + 15;
const WARM_MINUTES: u64 = WARM_EVERY + 15;
/// Queries of one request. <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
const MAX_QUERIES: u64 = 500;

/// Which quota the jobs keep to, and where they live.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quota {
    /// CloudWatch's, in the environment of the container image.
    Real,
    /// None, to see what is ours of a poll's time, in a bare environment.
    Lifted,
}

/// What the image says, and the variable in it that tells the allocator what to do.
const IMAGE: &str = include_str!("../../deploy/Dockerfile");
const ALLOCATOR: &str = "MALLOC_MMAP_THRESHOLD_";

/// What polls of everything took, each value that of one poll.
pub(crate) struct Measured {
    /// Requests to CloudWatch, by its own count; the most of any poll.
    pub(crate) requests: u64,
    /// The fewest requests that hold the queries.
    pub(crate) requests_min: u64,
    /// Requests of the process's first poll, which also asks for units.
    pub(crate) requests_first: u64,
    /// Calls of `ListMetrics` in the whole run.
    pub(crate) list_metrics: u64,
    /// Seconds.
    pub(crate) wall: f64,
    /// Seconds of processor time.
    pub(crate) cpu: f64,
    /// Peak of the whole run, its first poll and discovery included, MB.
    pub(crate) rss: f64,
    /// Points asked for, which is what counts against the quota.
    pub(crate) points: u64,
    /// Points that there were to ask for.
    pub(crate) points_expected: u64,
    /// Points that Datadog accepted, by our count.
    pub(crate) accepted: u64,
    /// The same, by the simulator's count.
    pub(crate) arrived: u64,
    /// Points that became new since the poll before, without what is derived.
    pub(crate) fresh: u64,
    /// Points lost, in the whole run.
    pub(crate) astray: u64,
    /// Metrics billed, hot and warm.
    pub(crate) billed: (u64, u64),
}

/// Polls `endpoints` endpoints.
pub(crate) async fn measure(endpoints: usize, quota: Quota) -> Result<Measured> {
    let simulator = Simulator::start(endpoints).await?;
    let folder = Folder::new()?;
    let config = folder.write("ddsync.yaml", &simulator.config(&folder.path("state")))?;
    let mut environment = simulator.environment().to_vec();
    environment.push((CONFIG.to_owned(), config));
    if quota == Quota::Real {
        environment.push((ALLOCATOR.to_owned(), of_image(ALLOCATOR)?.to_owned()));
    }
    let word = if quota == Quota::Lifted { "lifted" } else { "real" };
    let mut jobs = Again::start(&["jobs", word], &environment)?;

    let _: Report = jobs.ask("discover").await?;
    poll(&mut jobs).await?;
    let requests_first = simulator.requests().await?.to("cloudwatch");

    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        for _ in 1..WARM_EVERY {
            let _: Report = jobs.ask("minute").await?;
            let _: Report = jobs.ask("hot").await?;
        }
        let _: Report = jobs.ask("discover").await?;
        let _: Report = jobs.ask("minute").await?;
        let before: Report = jobs.ask("rest").await?;
        let (requests, arrived) = (simulator.requests().await?.to("cloudwatch"), simulator.points().await?);
        let (hot, warm) = poll(&mut jobs).await?;
        rounds.push(Round {
            requests: simulator.requests().await?.to("cloudwatch") - requests,
            arrived: simulator.points().await? - arrived,
            before,
            hot,
            warm,
        });
    }
    let last: Report = jobs.ask("report").await?;
    let list_metrics = simulator.requests().await?.of("cloudwatch", "ListMetrics");
    jobs.end().await?;
    simulator.end().await?;
    let newest = rounds.last().ok_or("no rounds")?;
    let (hot, warm) = (newest.hot.queries - newest.before.queries, newest.warm.queries - newest.hot.queries);
    Ok(Measured {
        requests: rounds.iter().map(|round| round.requests).max().unwrap_or(0),
        requests_min: (hot + warm).div_ceil(MAX_QUERIES),
        requests_first,
        list_metrics,
        wall: median(rounds.iter().map(|round| round.hot.wall + round.warm.wall)),
        cpu: mean(rounds.iter().map(|round| round.warm.cpu - round.before.cpu)),
        rss: last.peak,
        points: newest.warm.read - newest.before.read,
        points_expected: hot * HOT_MINUTES + warm * WARM_MINUTES,
        accepted: newest.warm.accepted - newest.before.accepted,
        arrived: newest.arrived,
        fresh: hot + warm * WARM_EVERY,
        astray: last.astray,
        billed: (newest.hot.billed - newest.before.billed, newest.warm.billed - newest.hot.billed),
    })
}

/// The value of a variable in the container image.
fn of_image(name: &str) -> Result<&'static str> {
    let assignment = |line: &'static str| line.strip_prefix("ENV ")?.strip_prefix(name)?.strip_prefix('=');
    IMAGE.lines().find_map(assignment).ok_or_else(|| format!("deploy/Dockerfile does not set {name}").into())
}

/// One poll of everything, and the totals before and after it.
struct Round {
    requests: u64,
    arrived: u64,
    before: Report,
    hot: Report,
    warm: Report,
}

async fn poll(jobs: &mut Again) -> Result<(Report, Report)> {
    Ok((jobs.ask("hot").await?, jobs.ask("warm").await?))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(crate) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

/// How many times as much processor time and memory `large` took.
pub(crate) fn growths(small: &Measured, large: &Measured) -> [(&'static str, f64); 2] {
    [("cpu", large.cpu / small.cpu), ("rss", large.rss / small.rss)]
}

/// The size of which bounds are promised, and the bounds: seconds without the limiter, and MB in the image.
const PROMISED: usize = 1000;
const MOST_SECONDS_UNLIMITED: f64 = 1.0;
const MOST_MEMORY: f64 = 60.0;
/// Seconds that a poll may take beyond what the quota takes.
const OWN_SECONDS: f64 = 1.0;
/// CloudWatch's quota a second, for each account and region.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>
const REQUESTS_A_SECOND: f64 = 50.0;
const POINTS_A_SECOND: f64 = 180_000.0;

/// Whether what is promised of times and memory holds here; a line about each that does not.
fn promises(endpoints: usize, real: &Measured, lifted: &Measured) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let quota = (real.requests as f64 / REQUESTS_A_SECOND).max(real.points as f64 / POINTS_A_SECOND);
    let bounds = [
        ("wall", real.wall, quota + OWN_SECONDS),
        ("wall_unlimited", lifted.wall, if endpoints == PROMISED { MOST_SECONDS_UNLIMITED } else { f64::INFINITY }),
        ("rss", real.rss, if endpoints == PROMISED { MOST_MEMORY } else { f64::INFINITY }),
    ];
    let broken = bounds.iter().filter(|(_, value, most)| value > most);
    broken.map(|(name, value, most)| broken_promise(&format!("metrics.{name}.{endpoints}"), *value, *most)).count() == 0
}

/// Says that a figure is not what is promised.
pub(crate) fn broken_promise(name: &str, value: f64, most: f64) {
    println!("# {name} does not hold: {} is more than {}", rounded(value), rounded(most));
}

/// Measures and prints; whether what is promised holds.
pub(crate) async fn print(endpoints: usize) -> Result<(Measured, bool)> {
    heading(&format!("metrics {endpoints}"));
    let real = measure(endpoints, Quota::Real).await?;
    let lifted = measure(endpoints, Quota::Lifted).await?;
    let line = |name: &str, value: String, unit: &str| figure(&format!("metrics.{name}.{endpoints}"), value, unit);
    line("requests", real.requests.to_string(), "requests");
    line("requests_min", real.requests_min.to_string(), "requests");
    line("requests_first", real.requests_first.to_string(), "requests");
    line("list_metrics", real.list_metrics.to_string(), "requests");
    line("wall", rounded(real.wall), "s");
    line("wall_unlimited", rounded(lifted.wall), "s");
    line("cpu", rounded(real.cpu), "s");
    line("rss", rounded(real.rss), "MB");
    line("rss_unlimited", rounded(lifted.rss), "MB");
    line("points", real.points.to_string(), "points");
    line("points_accepted", real.accepted.to_string(), "points");
    let held = promises(endpoints, &real, &lifted);
    Ok((real, held))
}

/// A folder for temporary files that goes away.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Result<Self> {
        static FOLDERS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = FOLDERS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ddsync-bench-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// The path of an entry.
    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    /// Writes a file; its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<String> {
        let path = self.path(name);
        std::fs::write(Path::new(&path), text)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind is a few kilobytes in the folder for temporary files.
        let _left = std::fs::remove_dir_all(&self.0);
    }
}
