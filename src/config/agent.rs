//! `limits`, `agent` and `log`: the daemon and its ceilings.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use crate::config::echo::hint;
use crate::config::field::{Field, Section};
use crate::config::problem::Findings;
use crate::config::settings::{Agent, Limits, Log, LogFormat};

const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace", "off"];

const LIMIT_KEYS: &[&str] = &[
    "cloudwatch_dollars_per_month",
    "datadog_series",
    "dollars_per_thousand_metrics",
    "statistics_billed_as_one",
    "dollars_per_gigabyte_of_logs",
    "dollars_per_million_log_events",
    "requests_per_second",
    "points_per_second",
];

/// Defaults are what AWS and Datadog publish; Datadog's prices are those of a year's contract.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>,
/// <https://aws.amazon.com/cloudwatch/pricing/>, <https://www.datadoghq.com/pricing/> (read in September 2026)
pub(super) fn limits(root: &Section<'_>, findings: &mut Findings) -> Limits {
    let section = root.section("limits", LIMIT_KEYS, findings);
    let any = 1..=u32::MAX;
    Limits {
        cloudwatch_dollars_per_month: section.amount("cloudwatch_dollars_per_month", findings),
        datadog_series: section.integer("datadog_series", any.clone(), findings).map(u64::from),
        dollars_per_thousand_metrics: section.amount("dollars_per_thousand_metrics", findings).unwrap_or(0.01),
        statistics_billed_as_one: section.integer("statistics_billed_as_one", any.clone(), findings).unwrap_or(5),
        dollars_per_gigabyte_of_logs: section.amount("dollars_per_gigabyte_of_logs", findings).unwrap_or(0.1),
        dollars_per_million_log_events: section.amount("dollars_per_million_log_events", findings).unwrap_or(1.7),
        requests_per_second: section.integer("requests_per_second", any.clone(), findings).unwrap_or(50),
        points_per_second: section.integer("points_per_second", any, findings).unwrap_or(180_000),
    }
}

pub(super) fn read(root: &Section<'_>, findings: &mut Findings) -> Agent {
    let section = root.section("agent", &["listen", "shutdown_deadline", "unready_after"], findings);
    let deadline = Duration::from_secs(1)..=Duration::from_mins(10);
    Agent {
        listen: section
            .get("listen")
            .and_then(|field| address(field, "8080", findings))
            .unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))),
        shutdown_deadline: section.duration("shutdown_deadline", deadline, findings).unwrap_or(Duration::from_secs(25)),
        unready_after: section.integer("unready_after", 1..=1_000, findings).unwrap_or(5),
    }
}

/// An address to listen on; `port` is for the example.
pub(super) fn address(field: &Field<'_>, port: &str, findings: &mut Findings) -> Option<SocketAddr> {
    let address = field.text(findings)?.parse().ok();
    if address.is_none() {
        let message = format!(
            "expected an address and a port, for example `127.0.0.1:{port}`, or `0.0.0.0:{port}` for all addresses, found {}",
            field.shown()
        );
        field.problem(findings, message);
    }
    address
}

pub(super) fn log(root: &Section<'_>, findings: &mut Findings) -> Log {
    let section = root.section("log", &["level", "format"], findings);
    let formats = [("auto", LogFormat::Auto), ("human", LogFormat::Human), ("json", LogFormat::Json)];
    Log {
        filter: section.get("level").and_then(|field| filter(field, findings)).unwrap_or_else(|| "info".to_owned()),
        format: section.word("format", &formats, findings).unwrap_or(LogFormat::Auto),
    }
}

/// `tracing` takes a lone word that is no level for a module, and shows all of it: `inof` would be a flood.
fn filter(field: &Field<'_>, findings: &mut Findings) -> Option<String> {
    let text = field.text(findings)?;
    let bare = |part: &str| !part.contains(['=', '[']) && !LEVELS.contains(&part.to_ascii_lowercase().as_str());
    if let Some(part) = text.split(',').map(str::trim).find(|part| bare(part)) {
        field.problem(findings, format!("{} names no level; {}", field.shown(), hint(part, LEVELS)));
    } else if EnvFilter::try_new(text).is_err() {
        field.problem(findings, format!("{} is no filter; write `info`, or `info,ddsync=debug`", field.shown()));
    }
    Some(text.to_owned())
}
