//! `schedules`: when each job runs.

use std::time::Duration;

use chrono::DateTime;
use cron::Schedule;

use crate::config::cron::{REFERENCE, parse};
use crate::config::field::Section;
use crate::config::problem::Findings;
use crate::config::settings::Schedules;

/// So many runs are looked at for the longest pause: more than a day of one a minute.
const RUNS: usize = 2_000;
const MINUTE: Duration = Duration::from_mins(1);
/// The longest pause that the monitors over deployments are made for.
const MONITORED: Duration = Duration::from_mins(5);

pub(super) fn read(root: &Section<'_>, backfill: Duration, findings: &mut Findings) -> Option<Schedules> {
    let section =
        root.section("schedules", &["discover", "logs", "hot", "warm", "report", "provision", "deploys"], findings);
    let discover = schedule(&section, "discover", "20 * * * * *", findings);
    let logs = schedule(&section, "logs", "*/10 * * * * *", findings);
    let hot = schedule(&section, "hot", "0 * * * * *", findings);
    let warm = schedule(&section, "warm", "30 */5 * * * *", findings);
    let report = schedule(&section, "report", "45 * * * * *", findings);
    let provision = schedule(&section, "provision", "50 */5 * * * *", findings);
    let deploys = schedule(&section, "deploys", "10 */2 * * * *", findings);
    if let (Some(field), Some(schedule)) = (section.get("deploys"), &deploys) {
        let (_, longest) = pauses(schedule);
        if longest > MONITORED {
            let message = format!(
                "pauses for {}: monitors over deployments expect a value every {}, and see none meanwhile",
                humantime::format_duration(longest),
                humantime::format_duration(MONITORED)
            );
            findings.warning(&field.place, message);
        }
    }
    for (key, schedule) in [("hot", &hot), ("warm", &warm)] {
        // The defaults need no second look.
        let (Some(field), Some(schedule)) = (section.get(key), schedule) else { continue };
        let (shortest, longest) = pauses(schedule);
        if longest > backfill {
            let message = format!(
                "pauses for {}, longer than `metrics.backfill` ({}): what is older than that is never read",
                humantime::format_duration(longest),
                humantime::format_duration(backfill)
            );
            findings.warning(&field.place, message);
        }
        if shortest < MINUTE {
            let message = "runs more often than once a minute: CloudWatch bills each run, and has one point a minute";
            findings.warning(&field.place, message);
        }
    }
    Some(Schedules {
        discover: discover?,
        logs: logs?,
        hot: hot?,
        warm: warm?,
        report: report?,
        provision: provision?,
        deploys: deploys?,
    })
}

fn schedule(section: &Section<'_>, key: &str, default: &str, findings: &mut Findings) -> Option<Schedule> {
    let (place, text) = match section.get(key) {
        Some(field) => (&field.place, field.text(findings)?),
        None => (&section.place, default),
    };
    match parse(text) {
        Ok(parsed) => {
            if let Some(warning) = parsed.warning {
                findings.warning(place, warning);
            }
            Some(parsed.schedule)
        }
        Err(message) => {
            findings.problem(place, message);
            None
        }
    }
}

/// The shortest and the longest time between two runs.
pub(super) fn pauses(schedule: &Schedule) -> (Duration, Duration) {
    let Some(start) = DateTime::from_timestamp(REFERENCE, 0) else { return (MINUTE, MINUTE) };
    let runs: Vec<_> = schedule.after(&start).take(RUNS).collect();
    let pauses = || runs.windows(2).filter_map(|pair| (pair[1] - pair[0]).to_std().ok());
    (pauses().min().unwrap_or(MINUTE), pauses().max().unwrap_or(MINUTE))
}
