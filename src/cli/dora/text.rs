//! A report as a person reads it.

use chrono::FixedOffset;

use super::print::{Mood, faint, painted, printable, short, strong, table, tall_table};
use super::report::{Honest, Shown};
use super::units::{Row, Share, Spread};
use super::{counted, instant, rounded};
use crate::model::pipeline::quoted;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A week without a deployment.
const NO_BAR: char = '·';

/// Seconds after which GitHub should have been read again: many times over, by the usual schedule.
const FRESH: i64 = 3_600;

/// Weeks whose numbers fit below their bars.
const NUMBERED: usize = 4;

/// The report; with `bars` one for each week.
pub(super) fn text(shown: &Shown, zone: FixedOffset, bars: bool) -> String {
    let mut lines = vec![strong(heading(shown, zone))];
    let only = shown.only.words();
    if !only.is_empty() {
        lines.push(printable(&format!("only {only}")));
    }
    lines.push(String::new());
    if shown.units.is_empty() {
        let words = match shown.honesty.runs.listed {
            0 => {
                "no deployment is known yet: `ddsync run` follows the workflows that `github` in the configuration names, \
                 `ddsync dora backfill` reads their history"
            }
            _ => "no deployment is known: no run says what it deployed, see below",
        };
        lines.push(words.to_owned());
    } else {
        lines.extend(units(shown, bars));
    }
    lines.push(String::new());
    lines.push(strong("What it rests on"));
    lines.extend(honesty(&shown.honesty, shown, zone));
    lines.push(String::new());
    let definitions = shown.definitions.iter().map(|it| vec![it.term.clone(), it.means.clone()]);
    lines.push(table(&["definition in force", "means"], definitions.collect()));
    lines.push(faint("`--json` has the id and the duration behind every number; `ddsync dora explain ID` tells why"));
    lines.join("\n")
}

fn heading(shown: &Shown, zone: FixedOffset) -> String {
    format!("DORA of {} days: {} to {}", shown.days, instant(shown.from, zone), instant(shown.to, zone))
}

fn units(shown: &Shown, bars: bool) -> Vec<String> {
    let mut header =
        vec!["unit", "deployment frequency", "change lead time", "change failure rate", "recovery time", "rework rate"];
    if bars {
        header.push("weeks");
    }
    let rows: Vec<&Row> = shown.units.iter().chain(&shown.blended).collect();
    let most = rows.iter().filter(|row| row.unit.is_some()).flat_map(|row| &row.metrics.weeks);
    let most = most.map(|week| week.deployments).max().unwrap_or(0);
    let last = rows.len().saturating_sub(1);
    let cells = rows.iter().enumerate().map(|(index, row)| {
        let mut cells = cells(row, shown.units.len());
        if bars {
            cells.push(weeks(row, most));
        }
        // A line between two rows.
        if index < last {
            let height = cells.iter().map(Vec::len).max().unwrap_or(0);
            cells.iter_mut().take(1).for_each(|cell| cell.resize(height + 1, String::new()));
        }
        cells
    });
    let mut lines = vec![tall_table(&header, cells.collect())];
    if bars && most > 0 {
        let words =
            format!("weeks: deployments of each, the oldest first, every row on one scale: █ is {most} or more");
        lines.push(faint(words));
    }
    lines
}

fn cells(row: &Row, units: usize) -> Vec<Vec<String>> {
    let teams: Vec<&str> = row.teams.iter().map(String::as_str).collect();
    let team = if teams.is_empty() { "no team".to_owned() } else { format!("team {}", short(&teams.join(", "))) };
    let name = match &row.unit {
        Some(unit) => vec![short(&unit.pipeline), short(&unit.environment), team],
        None => vec!["BLENDED".to_owned(), format!("all {units} units together"), team],
    };
    let numbers = &row.summary;
    let frequency = vec![
        numbers.deployments.to_string(),
        format!("{:.2} a week", numbers.per_week),
        format!("on {}", counted(numbers.active_days, "day")),
    ];
    let mut lead = spread(numbers.lead_time);
    lead.push(counted(numbers.lead_time.n, "commit"));
    if numbers.lead_time_unknown > 0 {
        lead.push(format!("{} unknown", counted(numbers.lead_time_unknown, "deployment")));
    }
    if numbers.lead_time_without_commits > 0 {
        lead.push(format!("{} without commits", numbers.lead_time_without_commits));
    }
    let mut recovery = spread(numbers.recovery_time);
    recovery.push(format!("{} recovered", numbers.recovery_time.n));
    if numbers.recovery_open > 0 {
        recovery.push(format!("{} open", numbers.recovery_open));
    }
    vec![name, frequency, lead, share(numbers.change_failure_rate), recovery, share(numbers.rework_rate)]
}

fn spread(spread: Spread) -> Vec<String> {
    match (spread.median, spread.p90) {
        (Some(median), Some(p90)) => vec![format!("median {}", rounded(median)), format!("p90 {}", rounded(p90))],
        _ => vec!["none".to_owned()],
    }
}

fn share(share: Share) -> Vec<String> {
    let rate = share.rate.map_or_else(|| "none".to_owned(), |rate| format!("{:.1} %", rate * 100.0));
    vec![rate, format!("{}/{}", share.k, share.n)]
}

fn weeks(row: &Row, most: usize) -> Vec<String> {
    let counts: Vec<usize> = row.metrics.weeks.iter().map(|week| week.deployments).collect();
    let mut lines = vec![counts.iter().map(|count| bar(*count, most)).collect()];
    if counts.len() <= NUMBERED {
        lines.push(counts.iter().map(usize::to_string).collect::<Vec<_>>().join(" "));
    }
    lines
}

/// The more, the higher; what is there is seen.
fn bar(count: usize, most: usize) -> char {
    if count == 0 {
        return NO_BAR;
    }
    let step = (count.min(most) * BARS.len()).div_ceil(most.max(1));
    BARS.get(step.saturating_sub(1)).copied().unwrap_or(NO_BAR)
}

fn honesty(honest: &Honest, shown: &Shown, zone: FixedOffset) -> Vec<String> {
    let runs = &honest.runs;
    let of = if shown.only.words().is_empty() { "" } else { ", whatever they deployed" };
    let mut lines = vec![format!(
        "  runs created in the window{of}: {} listed = {} attributed + {} unattributed + {} pending",
        runs.listed,
        runs.attributed,
        runs.unattributed.len(),
        runs.pending.len()
    )];
    if let Some(title) = &honest.unfit_title {
        let none = if honest.nothing_fits { "no title fits the pattern, and " } else { "" };
        let runs = match honest.unfit {
            1 => "1 run does not say what it deployed; it is".to_owned(),
            n => format!("{n} runs do not say what they deployed; the newest is"),
        };
        let words = format!("  {none}{runs} called {}", quoted(title));
        let url = honest.unfit_url.as_deref().unwrap_or_default();
        let mood = if honest.nothing_fits { Mood::Bad } else { Mood::Changed };
        lines.push(painted(mood, printable(&words)));
        lines.push(printable(&format!("    {url}")));
        let line = honest.run_name.iter().map(|line| format!("    put this line into its workflow: {line}"));
        lines.extend(line);
    }
    if honest.without_file > 0 {
        let what = if honest.without_file == 1 { "run names" } else { "runs name" };
        let words = format!("  {} {what} a pipelines' file that cannot be read at the commit", honest.without_file);
        lines.push(painted(Mood::Changed, words));
    }
    lines.push(match honest.looked_at {
        None => painted(Mood::Changed, "  GitHub has not been read whole yet".to_owned()),
        Some(at) if at < shown.to - FRESH => painted(
            Mood::Changed,
            format!("  the window is not full: GitHub was last read whole on {}", instant(at, zone)),
        ),
        Some(at) => format!("  GitHub was last read whole on {}", instant(at, zone)),
    });
    match runs.known_since {
        None => lines.push("  no run is known".to_owned()),
        Some(since) if since > shown.from => lines.push(painted(
            Mood::Changed,
            format!("  the window is not full: the oldest known run is of {}", instant(since, zone)),
        )),
        Some(since) => lines.push(format!("  the oldest known run is of {}", instant(since, zone))),
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{bar, rounded};

    #[test]
    fn a_bar_is_never_lower_for_more_and_never_missing() {
        let bars: String = (0..=9).map(|count| bar(count, 9)).collect();
        assert_eq!(bars, "·▁▂▃▄▅▆▇██");
        assert_eq!((bar(0, 0), bar(1, 1), bar(1, 1_000), bar(9, 5)), ('·', '█', '▁', '█'));
    }

    #[test]
    fn a_duration_has_two_units() {
        let cases = [(0, "0 s"), (59, "59 s"), (3_599, "59 min 59 s"), (3_629, "1 h"), (3_630, "1 h 1 min")];
        let days = [(86_399, "1 d"), (103_680, "1 d 5 h"), (5_184_000, "60 d")];
        for (seconds, words) in cases.into_iter().chain(days) {
            assert_eq!(rounded(seconds), words, "{seconds}");
        }
    }
}
