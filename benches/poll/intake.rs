//! How fast points go out: serialised, split, compressed, sent and answered.

use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use ddsync::client::datadog::Client;
use ddsync::clock::Clock;
use ddsync::model::series::{Kind, Point, Series, sorted};
use ddsync::sink::series::deliver;

use crate::child::Again;
use crate::company::Simulator;
use crate::drive::Folder;
use crate::polling::{CONFIG, configured};
use crate::{Result, figure, heading};

/// Endpoints, series of each, and points of each series: what a poll of the warm tier sends.
const ENDPOINTS: usize = 2500;
const SERIES: usize = 33;
const POINTS: usize = 5;

pub(crate) async fn print() -> Result<()> {
    heading("series");
    let simulator = Simulator::start(0).await?;
    let folder = Folder::new()?;
    let config = folder.write("ddsync.yaml", &simulator.config(&folder.path("state")))?;
    let mut environment = simulator.environment().to_vec();
    environment.push((CONFIG.to_owned(), config));
    let mut child = Again::start(&["intake"], &environment)?;
    let rate: f64 = child.answer().await?;
    child.end().await?;
    simulator.end().await?;
    figure("series.points_per_second", format!("{rate:.0}"), "points/s");
    Ok(())
}

/// Sends and prints points per second.
pub(crate) async fn serve() -> Result<()> {
    let settings = configured()?.datadog;
    let client = Client::new(&settings)?;
    let series = all();
    let started = Instant::now();
    let delivery = deliver(&client, &settings, &Clock::Real, &series).await;
    let seconds = started.elapsed().as_secs_f64();
    if delivery.fate.accepted != (ENDPOINTS * SERIES * POINTS) as u64 {
        return Err(delivery.last_error.unwrap_or_else(|| "points were lost".to_owned()).into());
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rate = delivery.fate.accepted as f64 / seconds;
    println!("{rate}");
    Ok(())
}

fn all() -> Vec<Series> {
    let now = Utc::now().timestamp();
    let names: Vec<Arc<str>> = (0..SERIES).map(|n| format!("mlpipeline.endpoint.metric_{n}.average").into()).collect();
    let of_endpoint = |endpoint: usize| {
        let pairs = [
            ("pipeline", format!("uniform-{}", endpoint / 50)),
            ("environment", "data_dev".to_owned()),
            ("env", "data_dev".to_owned()),
            ("team", "docs".to_owned()),
            ("stage", format!("stage-{endpoint}")),
            ("endpoint", format!("uniform-{endpoint}")),
            ("variant", "alltraffic".to_owned()),
            ("aws_account", "111122223333".to_owned()),
            ("region", "us-west-2".to_owned()),
        ];
        let tags = sorted(pairs.iter().map(|(key, value)| format!("{key}:{value}")).collect());
        names.iter().enumerate().map(move |(number, name)| Series {
            name: Arc::clone(name),
            kind: Kind::Gauge,
            interval: 60,
            unit: "second".into(),
            tags: Arc::clone(&tags),
            points: points(now, endpoint + number),
        })
    };
    (0..ENDPOINTS).flat_map(of_endpoint).collect()
}

/// Values with many digits, as measurements have them.
fn points(now: i64, seed: usize) -> Vec<Point> {
    let minutes = (1..).zip(0..POINTS).map(|(back, n)| (now - 60 * back, seed * 7919 + n * 104_729));
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let mut points: Vec<Point> = minutes.map(|(at, noise)| Point { at, value: (noise as f64).sqrt() }).collect();
    points.reverse();
    points
}
