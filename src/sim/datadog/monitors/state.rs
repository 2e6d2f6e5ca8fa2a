//! How a monitor is: its query on the points that came in.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    super::{
        super::received::Received,
        events::Transition,
        objects::{ObjectKind, Objects},
        query::Sources,
        slos,
    },
    KIND, query_of,
};
use crate::query::{Comparator, MonitorQuery, Verdict, evaluate_monitor};

/// The name of the one group of a monitor without groups.
const WHOLE: &str = "*";
/// How many composites may stand on each other.
const MOST_NESTED: u32 = 5;
const DAY: i64 = 86_400;

/// From good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Ok,
    /// The query is not one that can be evaluated here.
    Unknown,
    NoData,
    Warn,
    Alert,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Unknown => "Unknown",
            Self::NoData => "No Data",
            Self::Warn => "Warn",
            Self::Alert => "Alert",
        }
    }

    fn triggers(self) -> bool {
        self >= Self::Warn
    }
}

/// A monitor's groups as they were when it was last looked at.
#[derive(Debug, Default)]
pub(in crate::sim::datadog) struct State {
    groups: BTreeMap<String, Group>,
    /// What happened to a group, and when.
    transitions: Vec<(String, Transition, i64)>,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    status: Status,
    /// Unix seconds of the last change to each; 0 for never.
    triggered: i64,
    resolved: i64,
    no_data: i64,
}

impl State {
    /// The worst of its groups.
    pub(in crate::sim::datadog) fn overall(&self) -> &'static str {
        self.worst().word()
    }

    fn worst(&self) -> Status {
        self.groups.values().map(|group| group.status).max().unwrap_or(Status::NoData)
    }

    pub(in crate::sim::datadog) fn groups(&self) -> Map<String, Value> {
        let group = |(name, group): (&String, &Group)| {
            let shown = json!({
                "name": name, "status": group.status.word(), "last_triggered_ts": group.triggered,
                "last_notified_ts": group.triggered.max(group.resolved), "last_resolved_ts": group.resolved,
                "last_nodata_ts": group.no_data,
            });
            (name.clone(), shown)
        };
        self.groups.iter().map(group).collect()
    }

    /// What happened since this was asked last.
    pub(super) fn take_transitions(&mut self) -> Vec<(String, Transition, i64)> {
        std::mem::take(&mut self.transitions)
    }

    fn note(&mut self, name: String, status: Status, now: i64) {
        let first = Group { status: Status::Ok, triggered: 0, resolved: 0, no_data: 0 };
        let group = self.groups.entry(name.clone()).or_insert(first);
        match (group.status == Status::Alert, status == Status::Alert) {
            (false, true) => self.transitions.push((name, Transition::Alert, now)),
            (true, false) if status == Status::Ok => self.transitions.push((name, Transition::Recovery, now)),
            _ => {}
        }
        if status.triggers() && !group.status.triggers() {
            group.triggered = now;
        }
        if status == Status::Ok && group.status != Status::Ok {
            group.resolved = now;
        }
        if status == Status::NoData {
            group.no_data = now;
        }
        group.status = status;
    }
}

/// What a monitor finds of one group; no status without data.
type Found = (String, Option<Status>);

/// Looks at a monitor, and before it at those that it is made of, at `now`, Unix seconds.
pub(super) fn refresh(objects: &mut Objects, id: &str, received: &Received, now: i64) {
    refresh_nested(objects, id, received, now, MOST_NESTED);
}

fn refresh_nested(objects: &mut Objects, id: &str, received: &Received, now: i64, depth: u32) {
    let Some(monitor) = objects.get(KIND, id).cloned() else { return };
    let query = query_of(&monitor);
    let found = match &query {
        Some(query @ MonitorQuery::Metric { .. }) => of_metric(query, &monitor["options"], received, now),
        Some(MonitorQuery::Composite(parts)) if depth > 0 => {
            for part in parts.monitors() {
                refresh_nested(objects, part, received, now, depth - 1);
            }
            let triggers = |part: &str| objects.states.get(part).is_some_and(|state| state.worst().triggers());
            Some(vec![whole(Some(parts.holds(&triggers)))])
        }
        Some(query) => Some(vec![whole(of_slo(query, objects, received, now))]),
        None => None,
    };
    let found = found.unwrap_or_else(|| vec![(WHOLE.to_owned(), Some(Status::Unknown))]);
    let state = objects.states.entry(id.to_owned()).or_default();
    for (name, status) in found {
        let before = state.groups.get(&name).map(|group| group.status);
        let status = status.unwrap_or_else(|| without_data(&monitor["options"], before));
        state.note(name, status, now);
    }
}

fn whole(triggered: Option<bool>) -> Found {
    let status = triggered.map(|triggered| if triggered { Status::Alert } else { Status::Ok });
    (WHOLE.to_owned(), status)
}

/// What a group is in whose window there is nothing. <https://docs.datadoghq.com/monitors/configuration/#no-data>
fn without_data(options: &Value, before: Option<Status>) -> Status {
    match options["on_missing_data"].as_str() {
        Some("resolve") => Status::Ok,
        Some("show_no_data" | "show_and_notify_no_data") => Status::NoData,
        _ if options["notify_no_data"] == true => Status::NoData,
        // It stays what it was.
        _ => before.unwrap_or(Status::NoData),
    }
}

/// Every group of a metric query; none when it cannot be evaluated.
fn of_metric(query: &MonitorQuery, options: &Value, received: &Received, now: i64) -> Option<Vec<Found>> {
    let (comparator, _) = query.condition()?;
    let sources = Sources::of(query.expr()?, received);
    let delay = options["evaluation_delay"].as_i64().unwrap_or(0);
    let verdicts = evaluate_monitor(query, &|metric| sources.stored(metric), now - delay).ok()?;
    let counted = query.expr()?.selectors().iter().all(|selector| selector.is_count());
    let missing = options["on_missing_data"].as_str().unwrap_or("default");
    // No event is no event: what counts is 0 when nobody says otherwise.
    let zero = counted && missing == "default" && options["notify_no_data"] != true;
    // A group is left alone while it is new: <https://docs.datadoghq.com/monitors/configuration/#new-group-delay>
    let wait = options["new_group_delay"].as_i64().unwrap_or(0);
    let is_known = |verdict: &Verdict| sources.since(&verdict.tags).is_none_or(|first| now - first >= wait);
    let found = |verdict: Verdict| {
        let value = verdict.value.or(zero.then_some(0.0));
        (group_name(&verdict), value.map(|value| status_of(value, comparator, &options["thresholds"])))
    };
    Some(verdicts.into_iter().filter(is_known).map(found).collect())
}

fn group_name(verdict: &Verdict) -> String {
    let tags: Vec<String> = verdict.tags.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    if tags.is_empty() { WHOLE.to_owned() } else { tags.join(",") }
}

fn status_of(value: f64, comparator: Comparator, thresholds: &Value) -> Status {
    let reached = |key: &str| thresholds[key].as_f64().is_some_and(|threshold| comparator.holds(value, threshold));
    if reached("critical") {
        Status::Alert
    } else if reached("warning") {
        Status::Warn
    } else {
        Status::Ok
    }
}

/// Does an alert on an SLO trigger? None without data.
fn of_slo(query: &MonitorQuery, objects: &Objects, received: &Received, now: i64) -> Option<bool> {
    // How many times faster than allowed the budget was spent.
    let burned = |slo: &str, days: u32, seconds: i64| {
        let slo = objects.get(ObjectKind::Slo, slo)?;
        Some(slos::bad_part(slo, received, now - seconds, now)? / slos::budget(slo, days)?)
    };
    match query {
        MonitorQuery::ErrorBudget { slo, over_days, comparator, threshold } => {
            let spent = burned(slo, *over_days, i64::from(*over_days) * DAY)?;
            Some(comparator.holds(spent * 100.0, *threshold))
        }
        MonitorQuery::BurnRate { slo, over_days, long_window_seconds, short_window_seconds, comparator, threshold } => {
            let in_window = |seconds: u64| {
                let burned = burned(slo, *over_days, i64::try_from(seconds).ok()?)?;
                Some(comparator.holds(burned, *threshold))
            };
            Some(in_window(*long_window_seconds)? && in_window(*short_window_seconds)?)
        }
        MonitorQuery::Metric { .. } | MonitorQuery::Composite(_) => None,
    }
}
