//! A report as CSV: a row a unit, for spreadsheets and data frames.

use chrono::{Offset, Utc};

use super::print::printable;
use super::report::Shown;
use super::units::{Numbers, Row, Share, Spread};
use crate::model::dora::{Ledger, Window, metrics};

/// What a spreadsheet takes for the beginning of a formula, in the wide forms of some keyboards too.
/// <https://owasp.org/www-community/attacks/CSV_Injection>
const FORMULA: [char; 9] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '|'];

/// Columns with what stands in them, in their order. Nothing stands where there is nothing.
type Columns = Vec<(&'static str, String)>;

/// The report as bytes.
///
/// # Errors
/// When the library refuses a row.
pub(super) fn csv(shown: &Shown) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let rows: Vec<Columns> = shown.units.iter().chain(&shown.blended).map(|row| columns(shown, row)).collect();
    let window = Window { days: shown.days, end: shown.to, zone: Utc.fix() };
    let nothing = Row::of(None, metrics(&[], &window), &Ledger::default(), &[]);
    let header = columns(shown, &nothing);
    writer.write_record(header.iter().map(|(name, _)| *name))?;
    for row in &rows {
        writer.write_record(row.iter().map(|(_, value)| value))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

fn columns(shown: &Shown, row: &Row) -> Columns {
    let Row { unit, teams, summary, metrics: _ } = row;
    let (scope, pipeline, environment) = match unit {
        Some(unit) => ("unit", text(&unit.pipeline), text(&unit.environment)),
        None => ("blended", String::new(), String::new()),
    };
    let teams: Vec<&str> = teams.iter().map(String::as_str).collect();
    let honesty = &shown.honesty.runs;
    let mut columns = vec![
        ("scope", scope.to_owned()),
        ("pipeline", pipeline),
        ("environment", environment),
        ("teams", text(&teams.join(", "))),
        ("from", shown.from.to_string()),
        ("to", shown.to.to_string()),
        ("days", shown.days.to_string()),
    ];
    columns.extend(numbers(summary));
    columns.extend([
        ("runs_listed", honesty.listed.to_string()),
        ("runs_attributed", honesty.attributed.to_string()),
        ("runs_unattributed", honesty.unattributed.len().to_string()),
        ("runs_pending", honesty.pending.len().to_string()),
    ]);
    columns
}

fn numbers(numbers: &Numbers) -> Columns {
    let Numbers { lead_time, change_failure_rate, recovery_time, rework_rate, .. } = numbers;
    let [lead_n, lead_median, lead_p90] = spread(*lead_time);
    let [failures, failures_of, failure_rate] = share(*change_failure_rate);
    let [recovered, recovery_median, recovery_p90] = spread(*recovery_time);
    let [reworks, reworks_of, rework_rate] = share(*rework_rate);
    vec![
        ("deployments", numbers.deployments.to_string()),
        ("deployments_per_day", numbers.per_day.to_string()),
        ("deployments_per_week", numbers.per_week.to_string()),
        ("active_days", numbers.active_days.to_string()),
        ("lead_time_commits", lead_n),
        ("lead_time_median_seconds", lead_median),
        ("lead_time_p90_seconds", lead_p90),
        ("lead_time_unknown", numbers.lead_time_unknown.to_string()),
        ("lead_time_without_commits", numbers.lead_time_without_commits.to_string()),
        ("change_failures", failures),
        ("change_failures_of", failures_of),
        ("change_failure_rate", failure_rate),
        ("recovered", recovered),
        ("recovery_median_seconds", recovery_median),
        ("recovery_p90_seconds", recovery_p90),
        ("recovery_open", numbers.recovery_open.to_string()),
        ("reworks", reworks),
        ("reworks_of", reworks_of),
        ("rework_rate", rework_rate),
    ]
}

fn spread(spread: Spread) -> [String; 3] {
    let seconds = |seconds: Option<i64>| seconds.map(|seconds| seconds.to_string()).unwrap_or_default();
    [spread.n.to_string(), seconds(spread.median), seconds(spread.p90)]
}

fn share(share: Share) -> [String; 3] {
    [share.k.to_string(), share.n.to_string(), share.rate.map(|rate| rate.to_string()).unwrap_or_default()]
}

/// Text of others that stays text in a spreadsheet: ' in front says so, and is not shown there.
fn text(name: &str) -> String {
    let name = printable(name);
    if name.trim_start().starts_with(FORMULA) { format!("'{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn a_name_stays_a_name_in_a_spreadsheet() {
        for hostile in ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "＝1", "|calc"] {
            assert_eq!(text(hostile), format!("'{hostile}"));
        }
        assert_eq!(text("\t=1\n"), "\u{fffd}=1\u{fffd}");
        assert_eq!(text("lease-1"), "lease-1");
    }
}
