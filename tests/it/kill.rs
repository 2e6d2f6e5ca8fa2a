//! Nothing is lost: killed at any moment, with everything failing now and then, and stopped in order.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use ddsync::sim::{Fault, Rule};

use crate::{
    process::{Place, wait_for},
    scene::morning,
    truth::{self, Span},
};

/// Simulated seconds a real second.
const RATE: f64 = 80.0;
/// So often is the process killed.
const KILLS: u32 = 50;
/// Real milliseconds between a start and the next kill.
const LIVES: (u64, u64) = (80, 1900);
/// Names the seed of a run that is to be repeated.
pub(crate) const SEED: &str = "DDSYNC_KILL_SEED";

/// Everything that goes wrong in real life, often.
fn faults() -> Vec<Rule> {
    let rule = |service, kind, probability| Rule::new(service, kind).with_probability(probability);
    let mut rules = Vec::new();
    for service in ["tagging", "sagemaker", "cloudwatch", "sts"] {
        rules.extend([
            rule(service, Fault::Throttle, 0.04),
            rule(service, Fault::ServerError(500), 0.02),
            rule(service, Fault::ServerError(503), 0.02),
            rule(service, Fault::Reset, 0.03),
            rule(service, Fault::Slow(60), 0.05),
        ]);
    }
    rules.extend([
        rule("cloudwatch", Fault::PartialData, 0.003),
        rule("cloudwatch", Fault::InternalError, 0.002),
        rule("cloudwatch", Fault::SmallPages(97), 0.1),
        rule("cloudwatch", Fault::EmptyPageWithToken, 0.05),
        rule("tagging", Fault::SmallPages(7), 0.2),
        rule("sagemaker", Fault::SmallPages(5), 0.2),
        rule("datadog", Fault::ServerError(500), 0.06),
        rule("datadog", Fault::RateLimited, 0.05),
        rule("datadog", Fault::Reset, 0.04),
        rule("datadog", Fault::LostAnswer, 0.05),
        rule("datadog", Fault::Slow(50), 0.05),
    ]);
    rules
}

/// A seed for what is random.
pub(crate) fn seed() -> u64 {
    match std::env::var(SEED) {
        Ok(text) => text.parse().expect("DDSYNC_KILL_SEED is a whole number"),
        Err(_) => u64::from(rand::random::<u32>()),
    }
}

/// The same numbers for the same seed: when to kill, between two spans of milliseconds.
pub(crate) fn life(seed: u64, kill: u32, (least, most): (u64, u64)) -> Duration {
    let mut mixed = seed.wrapping_add(u64::from(kill).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    Duration::from_millis(least + (mixed ^ (mixed >> 31)) % (most - least))
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_every_point_is_there_once_and_right() {
    let seed = seed();
    let again = format!("seed {seed}; the same again: {SEED}={seed} cargo test --test it kill::killed");
    let place = Place::open(seed, morning(), RATE, "log: {level: warn}\n").await;
    let clock = place.sim.clock();
    let mut process = place.start(&[], &[]);
    wait_for("nothing is committed", async || place.checkpoints() == 4).await;
    let from = clock.now().timestamp() - 15 * 60;
    place.sim.faults().set(faults());
    let began = Instant::now();
    for kill in 0..KILLS {
        tokio::time::sleep(life(seed, kill, LIVES)).await;
        assert!(process.runs(), "it ended by itself; {again}\n{}", process.log());
        process.kill();
        process = place.start(&[], &[]);
    }
    let fired = place.sim.faults().fired();
    assert!(fired > 300, "only {fired} faults");
    place.sim.faults().clear();
    let killed = clock.now();
    place.pass(TimeDelta::minutes(32)).await;
    process.signal("TERM");
    assert_eq!(process.ends().await, Some(0), "{again}\n{}", process.log());
    let span = Span { from, stopped: clock.now().timestamp() };
    let again = format!(
        "{again} ({:?} of kills, {} simulated minutes, {fired} faults)",
        began.elapsed(),
        (killed.timestamp() - from) / 60
    );
    truth::compare(&place.sim, span, |_| true).assert_none(&again);
    truth::assert_one_set_of_tags(&place.sim);
    let ledger = place.sim.ledger();
    assert_eq!((ledger.too_old, ledger.too_new, ledger.changed_tags), (0, 0, 0), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_longer_than_the_backfill_is_named_and_the_rest_arrives() {
    let place = Place::open(21, morning(), RATE, "metrics: {backfill: 16m}\n").await;
    let clock = place.sim.clock();
    let mut process = place.start(&[], &[]);
    wait_for("nothing is committed", async || place.checkpoints() == 4).await;
    place.pass(TimeDelta::minutes(2)).await;
    process.kill();
    let killed = clock.now();
    place.pass(TimeDelta::minutes(30)).await;
    let mut process = place.start(&[], &[]);
    let restarted = clock.now();
    wait_for("the lost minutes are not named", async || losses(&process.log()).len() >= 4).await;
    let oldest = restarted - TimeDelta::minutes(16);
    for lost in losses(&process.log()).iter().take(4) {
        assert!(killed - TimeDelta::minutes(9) <= lost.from && lost.from <= killed, "{lost:?}");
        assert!(oldest <= lost.until && lost.until <= oldest + TimeDelta::minutes(8), "{lost:?}");
    }
    place.pass(TimeDelta::minutes(24)).await;
    process.signal("TERM");
    assert_eq!(process.ends().await, Some(0));
    // A busy machine can hold the process up for more than the backfill once more: then that is named and counted too.
    let losses = losses(&process.log());
    let named: f64 = losses.iter().map(|lost| lost.minutes).sum();
    let ledger = place.sim.ledger();
    let counted = ledger.series.iter().filter(|(series, _)| series.metric == "ddsync.minutes.lost");
    let counted: f64 = counted.flat_map(|(_, points)| points.values()).map(|kept| kept.value).sum();
    assert!((counted - named).abs() < 1e-9, "{counted} minutes are counted as lost, {named} are named");
    let lost_until = losses.iter().map(|lost| lost.until).max().expect("four losses");
    // Whoever polls last after the restart decides what is too old.
    let from = lost_until.max(restarted - TimeDelta::minutes(8)).timestamp();
    truth::compare(&place.sim, Span { from, stopped: clock.now().timestamp() }, |_| true).assert_none(&process.log());
}

/// What the log names as lost for ever.
#[derive(Debug)]
struct Lost {
    minutes: f64,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

fn losses(log: &str) -> Vec<Lost> {
    let read = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect("the log is JSON");
        let field = |key: &str| line.pointer(&format!("/fields/{key}")).or(line.get(key)).cloned();
        let instant = |key: &str| -> DateTime<Utc> {
            let text = field(key).unwrap_or_else(|| panic!("no {key} in {line}"));
            text.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no instant {key} in {line}"))
        };
        let minutes = field("minutes").and_then(|value| value.as_f64()).expect("the log tells how many");
        Lost { minutes, from: instant("lost_from"), until: instant("lost_until") }
    };
    let whole = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.filter(|line| line.contains("metrics.backfill")).map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_finishes_and_commits_all_that_was_delivered() {
    let place = Place::open(22, morning(), 120.0, "").await;
    let mut process = place.start(&[], &[]);
    wait_for("nothing is committed", async || place.checkpoints() == 4).await;
    place.pass(TimeDelta::minutes(4)).await;
    process.signal("TERM");
    assert_eq!(process.ends().await, Some(0), "{}", process.log());
    let committed = place.committed("hot");
    let ledger = place.sim.ledger();
    let hot = ledger.series.iter().filter(|(series, _)| series.metric == "mlpipeline.endpoint.backlog.max");
    let last = hot.filter_map(|(_, points)| points.keys().last()).max();
    assert_eq!(committed.iter().max(), last.map(|minute| minute + 60).as_ref(), "{committed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sigint_waits_for_what_runs_and_a_second_one_does_not() {
    let place = Place::open(23, morning(), 60.0, "").await;
    place.sim.faults().add(Rule::new("cloudwatch", Fault::Slow(20_000)));
    let mut process = place.start(&[], &[]);
    let asked = || place.sim.requests().keys().any(|(_, operation)| operation == "GetMetricData");
    wait_for("CloudWatch is not asked", async || asked()).await;
    process.signal("INT");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(process.runs(), "{}", process.log());
    let second = Instant::now();
    process.signal("INT");
    assert_eq!(process.ends().await, Some(1), "{}", process.log());
    assert!(second.elapsed() < Duration::from_secs(5));
}
