//! What must hold whatever the machine: counts and ratios, no times.

use std::process::ExitCode;
use std::time::Duration;

use crate::drive::{Measured, Quota, growths, measure};
use crate::{Result, backfill, figure, heading, logs, program, provision, rise, rounded};

/// The size at which requests, points and prices are checked, and a fifth of it.
const SIZE: usize = 1000;
const FIFTH: usize = SIZE / 5;
/// How many times as much as linear growth more endpoints or pipelines may take, in memory and in processor time. Memory does not depend on what else
/// the machine does; processor time does, and is given room: with five times the endpoints, what grows with the square would take 25 times as much.
pub(crate) const MEMORY_ROOM: f64 = 1.1;
pub(crate) const PROCESSOR_ROOM: f64 = 1.6;
/// Of an average month.
const MINUTES_OF_A_MONTH: f64 = 365.25 / 12.0 * 24.0 * 60.0;
/// What CloudWatch asks for one metric requested. <https://aws.amazon.com/cloudwatch/pricing/>
const DOLLARS: f64 = 0.01 / 1000.0;

/// Prints each figure with its verdict; fails when one does not hold.
pub(crate) async fn check() -> Result<ExitCode> {
    heading("counts");
    let fifth = measure(FIFTH, Quota::Lifted).await?;
    let whole = measure(SIZE, Quota::Lifted).await?;
    let mut held = counts(&whole);
    for (name, growth) in growths(&fifth, &whole) {
        let most = rise(FIFTH, SIZE) * if name == "cpu" { PROCESSOR_ROOM } else { MEMORY_ROOM };
        held &= told(&format!("metrics.{name}_growth.{FIFTH}_to_{SIZE}"), &rounded(growth), "x", growth <= most);
    }
    held &= prices(&whole).await?;
    held &= plans().await?;
    held &= logs::counts();
    held &= backfill::told_counts(backfill::FEWER, &backfill::fill(backfill::FEWER).await?);
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn counts(measured: &Measured) -> bool {
    let mut held = true;
    let mut line = |name: &str, value: u64, unit: &str, holds: bool| {
        held &= told(&format!("metrics.{name}.{SIZE}"), &value.to_string(), unit, holds);
    };
    line("requests", measured.requests, "requests", measured.requests * 100 <= measured.requests_min * 105);
    line("requests_min", measured.requests_min, "requests", measured.requests_min > 0);
    line("list_metrics", measured.list_metrics, "requests", measured.list_metrics == 0);
    line("points", measured.points, "points", measured.points == measured.points_expected);
    line("points_accepted", measured.accepted, "points", measured.accepted == measured.arrived);
    line("points_fresh", measured.fresh, "points", measured.fresh > 0 && measured.fresh <= measured.accepted);
    line("points_astray", measured.astray, "points", measured.astray == 0);
    held
}

/// What the estimate says against what the polls were billed.
async fn prices(measured: &Measured) -> Result<bool> {
    let estimate = program::estimate().await?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let per_poll = |billed: u64| billed as f64 / SIZE as f64 * DOLLARS;
    let (hot, warm) = (per_poll(measured.billed.0), per_poll(measured.billed.1));
    let month = MINUTES_OF_A_MONTH;
    let expected = [
        ("hot60", estimate.hot60, hot * month),
        ("tiered", estimate.tiered, hot * month + warm * month / 5.0),
        ("all300", estimate.all300, (hot + warm) * month / 5.0),
        ("all60", estimate.all60, (hot + warm) * month),
    ];
    let mut held = true;
    for (name, value, expected) in expected {
        let name = format!("metrics.dollars_per_endpoint_month.{name}");
        held &= told(&name, &rounded(value), "dollars", (value - expected).abs() < 1e-6);
    }
    Ok(held)
}

/// What plans ask for, and how their processor time grows.
async fn plans() -> Result<bool> {
    let applied = provision::apply(Duration::ZERO).await?;
    let counts_hold = provision::told_counts(&applied);
    let growth = provision::imagined(SIZE).await? / provision::imagined(FIFTH).await?;
    let name = format!("plan.cpu_growth.{FIFTH}_to_{SIZE}");
    Ok(told(&name, &rounded(growth), "x", growth <= rise(FIFTH, SIZE) * PROCESSOR_ROOM) && counts_hold)
}

/// Prints a figure, and a line about it when it does not hold; whether it does.
pub(crate) fn told(name: &str, value: &str, unit: &str, holds: bool) -> bool {
    figure(name, value, unit);
    if !holds {
        println!("# {name} does not hold");
    }
    holds
}
