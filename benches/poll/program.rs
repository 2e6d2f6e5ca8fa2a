//! The program as it is shipped: its price, its start, its rest, its size.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::child::clean;
use crate::company::Simulator;
use crate::drive::Folder;
use crate::{Result, figure, heading, machine, rounded};

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_ddsync");
/// How often the start is measured; the median counts.
const STARTS: usize = 9;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the daemon is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(5);

/// Dollars of CloudWatch for one endpoint and month.
pub(crate) struct Dollars {
    /// The hot tier alone, every 60 s.
    pub(crate) hot60: f64,
    /// The hot tier every 60 s, the warm tier every 300 s: the default.
    pub(crate) tiered: f64,
    /// Everything every 300 s.
    pub(crate) all300: f64,
    /// Everything every 60 s.
    pub(crate) all60: f64,
}

/// Asks `ddsync estimate`.
pub(crate) async fn estimate() -> Result<Dollars> {
    let folder = Folder::new()?;
    let all = ask_estimate(&folder, "").await?;
    let metrics: Vec<Value> = serde_json::from_slice(&output(&["metrics", "--json"]).await?)?;
    let warm = metrics.iter().filter(|metric| metric["tier"] == "warm");
    let warm: Vec<&str> = warm.filter_map(|metric| metric["name"].as_str()).collect();
    let hot = ask_estimate(&folder, &format!("metrics: {{disable: [{}]}}\n", warm.join(", "))).await?;
    let dollars = |estimate: &Value, pointer: &str| {
        let total = estimate.pointer(pointer).and_then(Value::as_f64).ok_or_else(|| format!("no {pointer}"))?;
        Result::Ok(total / f64::from(ESTIMATED))
    };
    Ok(Dollars {
        hot60: dollars(&hot, "/configured/dollars")?,
        tiered: dollars(&all, "/configured/dollars")?,
        all300: dollars(&all, "/dollars_all_300s")?,
        all60: dollars(&all, "/dollars_all_60s")?,
    })
}

/// Endpoints that are estimated.
const ESTIMATED: u32 = 1000;

async fn ask_estimate(folder: &Folder, extra: &str) -> Result<Value> {
    let config = folder.write("ddsync.yaml", &format!("regions: [us-west-2]\n{extra}"))?;
    let answer = output(&["estimate", "--json", "--endpoints", &ESTIMATED.to_string(), "--config", &config]).await?;
    Ok(serde_json::from_slice(&answer)?)
}

async fn output(arguments: &[&str]) -> Result<Vec<u8>> {
    let output = clean(Command::new(PROGRAM).args(arguments)).output().await?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(output.stdout)
}

pub(crate) async fn dollars() -> Result<()> {
    heading("dollars");
    println!(
        "# ddsync estimate --json --endpoints {ESTIMATED}; hot60 is the hot tier alone, all60 everything each minute"
    );
    let dollars = estimate().await?;
    for (name, value) in
        [("hot60", dollars.hot60), ("tiered", dollars.tiered), ("all300", dollars.all300), ("all60", dollars.all60)]
    {
        figure(&format!("metrics.dollars_per_endpoint_month.{name}"), rounded(value), "dollars");
    }
    Ok(())
}

pub(crate) async fn print() -> Result<()> {
    heading("program");
    figure("start.wall", rounded(start().await?), "s");
    figure("idle.rss", rounded(idle().await?), "MB");
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let size = std::fs::metadata(PROGRAM)?.len() as f64;
    figure("binary.size", rounded(size / 1e6), "MB");
    Ok(())
}

fn daemon(config: &str, environment: &[(String, String)]) -> Result<Child> {
    let mut command = Command::new(PROGRAM);
    let variables = environment.iter().map(|(name, value)| (name, value));
    let command = clean(&mut command).args(["run", "--config", config]).envs(variables);
    Ok(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn()?)
}

/// Seconds from the start of the daemon's process to its first connection to AWS.
async fn start() -> Result<f64> {
    let simulator = Simulator::start(0).await?;
    let mut walls = Vec::new();
    for _ in 0..STARTS {
        let folder = Folder::new()?;
        let config = folder.write("ddsync.yaml", &simulator.config(&folder.path("state")))?;
        let aws = TcpListener::bind("127.0.0.1:0").await?;
        let mut environment = simulator.environment().to_vec();
        environment.push(("AWS_ENDPOINT_URL".to_owned(), format!("http://{}", aws.local_addr()?)));
        let started = Instant::now();
        let mut child = daemon(&config, &environment)?;
        let _connection = timeout(PATIENCE, aws.accept()).await.map_err(|_| "the daemon asks nothing")??;
        walls.push(started.elapsed().as_secs_f64());
        child.kill().await?;
    }
    simulator.end().await?;
    walls.sort_by(f64::total_cmp);
    Ok(walls[walls.len() / 2])
}

/// Resident memory of a daemon that has found nothing to measure, MB.
async fn idle() -> Result<f64> {
    let simulator = Simulator::start(0).await?;
    let folder = Folder::new()?;
    let config = folder.write("ddsync.yaml", &simulator.config(&folder.path("state")))?;
    let mut child = daemon(&config, simulator.environment())?;
    let discovered = async {
        while simulator.requests().await?.of("tagging", "GetResources") == 0 {
            sleep(Duration::from_millis(50)).await;
        }
        Result::Ok(())
    };
    timeout(PATIENCE, discovered).await.map_err(|_| "the daemon discovers nothing")??;
    sleep(IDLE).await;
    let resident = machine::resident(child.id().ok_or("the daemon has ended")?)?;
    child.kill().await?;
    simulator.end().await?;
    Ok(resident)
}
