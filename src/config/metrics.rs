//! `metrics`: what is read from CloudWatch, and how.

use std::time::Duration;

use crate::config::custom;
use crate::config::echo::nearest;
use crate::config::field::{Field, Section};
use crate::config::problem::Findings;
use crate::config::settings::Metrics;
use crate::model::catalogue::{Metric, table};

const MINUTE: Duration = Duration::from_mins(1);
const DELAY: Duration = Duration::from_mins(2);
const REREAD_HOT: Duration = Duration::from_mins(5);
const REREAD_WARM: Duration = Duration::from_mins(15);
/// Datadog stores points of the last hour; five minutes are for reading and sending.
/// <https://docs.datadoghq.com/api/latest/metrics/#submit-metrics>
const MAX_BACKFILL: Duration = Duration::from_mins(55);
const CONCURRENCY: usize = 16;

pub(super) fn read(root: &Section<'_>, findings: &mut Findings) -> Metrics {
    let keys = ["delay", "reread", "backfill", "concurrency", "tiers", "disable", "custom"];
    let section = root.section("metrics", &keys, findings);
    let backfill = section.duration("backfill", MINUTE..=MAX_BACKFILL, findings).unwrap_or(MAX_BACKFILL);
    let backfill = whole_minutes(section.get("backfill"), backfill, findings);
    let delay = section.duration("delay", Duration::ZERO..=MAX_BACKFILL, findings).unwrap_or(DELAY);
    if delay >= backfill {
        let place = section.get("delay").or(section.get("backfill")).map_or(&section.place, |field| &field.place);
        let [delay, backfill] = [delay, backfill].map(humantime::format_duration);
        findings.problem(place, format!("the delay ({delay}) has to be shorter than `backfill` ({backfill})"));
    }
    let reread = section.section("reread", &["hot", "warm"], findings);
    let catalogue = table();
    let custom = custom::read(&section, &catalogue, findings);
    let tiers = section.section("tiers", &["hot", "warm"], findings);
    let concurrency = section.integer("concurrency", 1..=64, findings);
    Metrics {
        delay,
        reread_hot: reread_of(&reread, "hot", REREAD_HOT, backfill, findings),
        reread_warm: reread_of(&reread, "warm", REREAD_WARM, backfill, findings),
        backfill,
        concurrency: concurrency.and_then(|count| usize::try_from(count).ok()).unwrap_or(CONCURRENCY),
        hot: patterns(&tiers, "hot", &catalogue, &custom, findings),
        warm: patterns(&tiers, "warm", &catalogue, &custom, findings),
        disable: patterns(&section, "disable", &catalogue, &custom, findings),
        custom,
    }
}

fn reread_of(
    section: &Section<'_>,
    key: &str,
    default: Duration,
    backfill: Duration,
    findings: &mut Findings,
) -> Duration {
    let Some(field) = section.get(key) else { return default.min(backfill) };
    let Some(reread) = field.duration(MINUTE..=MAX_BACKFILL, findings) else { return default };
    if reread > backfill {
        let backfill = humantime::format_duration(backfill);
        field.problem(findings, format!("{} is more than `metrics.backfill` ({backfill})", field.shown()));
    }
    whole_minutes(Some(field), reread, findings)
}

/// `CloudWatch` is read in periods of a minute.
fn whole_minutes(field: Option<&Field<'_>>, duration: Duration, findings: &mut Findings) -> Duration {
    let rest = Duration::new(duration.as_secs() % 60, duration.subsec_nanos());
    if let Some(field) = field.filter(|_| !rest.is_zero()) {
        let minutes = duration.as_secs().div_ceil(60);
        field.problem(findings, format!("expected whole minutes, found {}; write `{minutes}m`", field.shown()));
    }
    duration
}

/// Names of metrics, or their starts. A pattern that matches nothing is likely misspelt, and harmless.
fn patterns(
    section: &Section<'_>,
    key: &str,
    catalogue: &[Metric],
    custom: &[Metric],
    findings: &mut Findings,
) -> Vec<String> {
    let names = || catalogue.iter().chain(custom).map(|metric| metric.name.as_ref());
    let mut patterns = Vec::new();
    for (field, pattern) in section.texts(key, findings) {
        let prefix = pattern.strip_suffix('*');
        if prefix.unwrap_or(pattern).contains('*') {
            field.problem(findings, format!("{} takes a `*` at its end alone", field.shown()));
        } else if !names().any(|name| prefix.map_or(name == pattern, |prefix| name.starts_with(prefix))) {
            let meant = match nearest(pattern, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`ddsync metrics` lists the names".to_owned(),
            };
            findings.warning(&field.place, format!("{} matches no metric; {meant}", field.shown()));
        }
        patterns.push(pattern.to_owned());
    }
    patterns
}
