//! Series about deployments, worked out anew each time: whole values, so that they can be sent again at will. Pure.

use std::collections::BTreeMap;

use chrono::FixedOffset;

use crate::model::catalogue::{ATTRIBUTIONS, DeployMetric, WINDOWS};
use crate::model::dora::{
    Judged, Ledger, Metrics, Outcome, Rules, Standing, UnitKey, Verdict, Window, honesty, metrics,
};
use crate::model::series::{Kind, Point, Series, sorted};
use crate::model::tag::tag;
use crate::sink::dora::marker::{result, unit_tags};
use crate::sink::series::MAX_AGE;

const DAY: i64 = 86_400;
/// Seconds after its end in which a deployment is counted: what became too old on its way would be told as lost, though
/// it was sent before.
const COUNTED: i64 = MAX_AGE - 300;

/// Every series for the instant `now`, Unix seconds. Days are those of `zone`.
///
/// Rates and durations without anything that they are made of have no point. A unit that did nothing for the longest
/// window has none at all, and while no run is known nothing is said of runs.
#[must_use]
pub fn series(ledger: &Ledger, rules: &Rules, zone: FixedOffset, now: i64) -> Vec<Series> {
    let judged = ledger.judge(rules);
    let mut units: BTreeMap<UnitKey, Vec<&Judged<'_>>> = BTreeMap::new();
    for judged in &judged {
        units.entry(judged.deployment.unit.key()).or_default().push(judged);
    }
    let mut all = runs(ledger, zone, now);
    for unit in units.values() {
        all.extend(counts(unit, now));
        all.extend(gauges(unit, zone, now));
    }
    all
}

/// How many runs say what they deployed, and how many do not.
fn runs(ledger: &Ledger, zone: FixedOffset, now: i64) -> Vec<Series> {
    let metric = DeployMetric::Runs;
    let mut all = Vec::new();
    for days in WINDOWS {
        let known = honesty(ledger, &Window { days, end: now, zone });
        if known.known_since.is_none() {
            continue;
        }
        let counts = [known.attributed, known.unattributed.len(), known.pending.len()];
        all.extend(ATTRIBUTIONS.iter().zip(counts).map(|(attribution, runs)| {
            let tags = vec![tag("attribution", attribution), tag("window", &format!("{days}d"))];
            Series::gauge(metric.name(), metric.datadog_unit(), tags, now, count(runs))
        }));
    }
    all
}

/// How many ended in each second of nearly the last hour, by how they did.
fn counts(unit: &[&Judged<'_>], now: i64) -> Vec<Series> {
    let mut counted: BTreeMap<Vec<String>, BTreeMap<i64, f64>> = BTreeMap::new();
    for judged in unit {
        let young = judged.finished_at().filter(|at| (now - COUNTED..=now).contains(at));
        if let Some((at, result)) = young.zip(result(judged)) {
            let mut tags = unit_tags(judged, judged.deployment.team.as_deref());
            tags.push(tag("result", result));
            *counted.entry(tags).or_default().entry(at).or_default() += 1.0;
        }
    }
    let metric = DeployMetric::Count;
    let series = counted.into_iter().map(|(tags, points)| Series {
        name: metric.name().into(),
        kind: Kind::Count,
        interval: 60,
        unit: metric.datadog_unit().into(),
        tags: sorted(tags),
        points: points.into_iter().map(|(at, value)| Point { at, value }).collect(),
    });
    series.collect()
}

fn gauges(unit: &[&Judged<'_>], zone: FixedOffset, now: i64) -> Vec<Series> {
    let oldest = now - i64::from(WINDOWS[WINDOWS.len() - 1]) * DAY;
    // The team of the newest that has one: it may have changed.
    let newest = |judged: &&&Judged<'_>| judged.finished_at();
    let Some(last) = unit.iter().filter(|judged| is_up(judged)).max_by_key(newest) else { return Vec::new() };
    if last.finished_at() < Some(oldest) {
        return Vec::new();
    }
    let team = unit.iter().filter(|judged| judged.deployment.team.is_some()).max_by_key(newest);
    let tags = unit_tags(last, team.and_then(|judged| judged.deployment.team.as_deref()));
    let gauge = |metric: DeployMetric, tags: &[String], value: f64| {
        Series::gauge(metric.name(), metric.datadog_unit(), tags.to_vec(), now, value)
    };
    let mut all = Vec::new();
    for days in WINDOWS {
        let tags = [&*tags, &[tag("window", &format!("{days}d"))]].concat();
        let window = metrics(unit, &Window { days, end: now, zone });
        all.extend(values(&window).into_iter().filter_map(|(metric, value)| Some(gauge(metric, &tags, value?))));
    }
    let destroyed = unit
        .iter()
        .filter(|judged| judged.standing == Standing::Destroy && matches!(judged.outcome, Outcome::Reached { .. }));
    if destroyed.map(|judged| judged.finished_at()).max() < Some(last.finished_at())
        && let Some(finished_at) = last.finished_at()
    {
        let excused = last.word.is_some_and(|word| word.verdict == Verdict::Ok);
        let failed = (last.standing == Standing::FailedUp && !excused) || (last.failure && last.recovery.is_none());
        all.push(gauge(DeployMetric::LastAge, &tags, number(now.saturating_sub(finished_at).max(0))));
        all.push(gauge(DeployMetric::LastFailed, &tags, f64::from(u8::from(failed))));
    }
    all
}

/// An `up` that ended, well or not.
fn is_up(judged: &Judged<'_>) -> bool {
    matches!(judged.standing, Standing::Counts | Standing::CountsAsFailedUp | Standing::FailedUp)
        && judged.finished_at().is_some()
}

fn values(metrics: &Metrics) -> [(DeployMetric, Option<f64>); 8] {
    let percent = |share: f64| share * 100.0;
    let seconds = |seconds: Option<i64>| seconds.map(number);
    let Metrics { frequency, change_failure_rate, lead_time, recovery_time, rework_rate, .. } = metrics;
    [
        (DeployMetric::Deployments, Some(count(change_failure_rate.of.len()))),
        (DeployMetric::Failures, Some(count(change_failure_rate.hits.len()))),
        (DeployMetric::Frequency, Some(frequency.per_day)),
        (DeployMetric::LeadTimeP50, seconds(lead_time.durations.median)),
        (DeployMetric::LeadTimeP90, seconds(lead_time.durations.p90)),
        (DeployMetric::ChangeFailureRate, change_failure_rate.value().map(percent)),
        (DeployMetric::RecoveryTimeP50, seconds(recovery_time.durations.median)),
        (DeployMetric::ReworkRate, rework_rate.value().map(percent)),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "a span of seconds is far below 2^52")]
fn number(seconds: i64) -> f64 {
    seconds as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts of deployments are far below 2^52")]
fn count(count: usize) -> f64 {
    count as f64
}
