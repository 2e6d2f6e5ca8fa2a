//! What endpoints and functions write into their log groups, a minute at a time: as much as their metrics say, and an
//! error for each failure that they count.
//!
//! A request goes from stage to stage of its pipeline under one inference id. Only what a minute has is made, so that
//! months cost nothing until somebody reads them.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, Utc};

use super::{super::dice, Endpoint, Kind, Load, Mode, Resource, World};

mod endpoint;
mod function;

/// The days that a group keeps its events.
pub(in crate::sim) const RETENTION: i64 = 30;

/// One event in this many comes late.
const LATE: f64 = 0.01;

/// Seconds of the longest time of which every event is counted; of a longer one, the events of one minute in so many stand
/// for those of all: to make those of a week takes a minute. What is written seldom is told less well by that.
const COUNTED: i64 = 60 * 60;
const SAMPLED: i64 = 30;

/// One event of a log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// 56 digits, unique within its group, in the order in which events were written.
    pub id: String,
    /// The stream that it came in.
    pub stream: String,
    /// When it was written, Unix milliseconds.
    pub at: i64,
    /// From when it can be read, Unix milliseconds.
    pub ingested_at: i64,
    /// As it was written.
    pub text: String,
}

/// A log group, and who writes into it.
#[derive(Debug)]
pub(in crate::sim) struct LogGroup {
    pub(in crate::sim) resource: Arc<Resource>,
    /// The stages that a request passes on its way, this one last.
    way: Vec<Arc<Resource>>,
    /// The endpoint that a function calls.
    calls: Option<String>,
}

/// What is written into a log group in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::sim) struct Written {
    pub(in crate::sim) events: u64,
    /// Of their texts.
    pub(in crate::sim) bytes: u64,
}

/// A request, as the stage that works on it sees it.
#[derive(Debug)]
struct Request {
    /// Its number among those of its pipeline in this minute.
    number: i64,
    inference_id: String,
    /// When this stage begins with it, Unix milliseconds.
    at: i64,
    fails: bool,
}

/// One event before it has an id.
struct Said {
    stream: String,
    at: i64,
    text: String,
}

/// The name of the log group of a resource, when it has one.
fn group_of(resource: &Resource) -> Option<String> {
    match resource.kind {
        Kind::Endpoint(_) => Some(format!("/aws/sagemaker/Endpoints/{}", resource.name)),
        Kind::Function => Some(format!("/aws/lambda/{}", resource.name)),
        _ => None,
    }
}

impl World {
    /// The names of the log groups that an account has at `now`, sorted, each with the resource that writes there.
    pub(in crate::sim) fn log_groups(&self, account: &str, now: DateTime<Utc>) -> Vec<(String, Arc<Resource>)> {
        // A group outlives whoever wrote into it.
        let all = self.resources().into_iter().filter(|it| it.account == account && it.since <= now);
        let mut groups: Vec<_> = all.filter_map(|resource| Some((group_of(&resource)?, resource))).collect();
        groups.sort_by(|one, other| one.0.cmp(&other.0));
        groups
    }

    /// A log group that an account has at `now`.
    pub(in crate::sim) fn log_group(&self, account: &str, name: &str, now: DateTime<Utc>) -> Option<LogGroup> {
        let endpoint = name.strip_prefix("/aws/sagemaker/Endpoints/").map(|name| ("EndpointName", name));
        let function = || name.strip_prefix("/aws/lambda/").map(|name| ("FunctionName", name));
        let (dimension, name) = endpoint.or_else(function)?;
        let resource = self.by_dimension(account, dimension, name).filter(|resource| resource.since <= now)?;
        Some(self.group_by(resource))
    }

    /// Every event that is written into a log group from `from` up to but without `to` (Unix milliseconds), once the last
    /// of them has come; nothing when the account never had such a group.
    #[must_use]
    pub fn log_events(&self, account: &str, group: &str, from: i64, to: i64) -> Vec<LogEvent> {
        let resource = self
            .resources()
            .into_iter()
            .find(|resource| resource.account == account && group_of(resource).is_some_and(|name| name == group));
        let Some(resource) = resource else { return Vec::new() };
        let group = self.group_by(resource);
        let minutes = from.div_euclid(60_000)..=(to - 1).div_euclid(60_000);
        let events = minutes.flat_map(|minute| self.minute_of_logs(&group, minute * 60));
        events.filter(|event| (from..to).contains(&event.at)).collect()
    }

    /// What `depends-on` names goes before an endpoint, and before the first one the function of its stage.
    fn group_by(&self, resource: Arc<Resource>) -> LogGroup {
        let mut group = LogGroup { way: vec![resource.clone()], calls: None, resource };
        if group.resource.load == Load::Uniform {
            return group;
        }
        let all = self.resources();
        let find = |of: &Resource, stage: &str, function: bool| {
            let same = |one: &&Arc<Resource>| {
                (one.kind == Kind::Function) == function
                    && group_of(one).is_some()
                    && one.account == of.account
                    && one.tag("pipeline") == of.tag("pipeline")
                    && one.tag("model") == Some(stage)
            };
            all.iter().find(same).cloned()
        };
        let mut first = group.resource.clone();
        if first.kind == Kind::Function {
            let called = first.tag("model").and_then(|stage| find(&first, stage, false));
            group.calls = called.map(|endpoint| endpoint.name.clone());
            return group;
        }
        while let Some(found) = first.tag("depends-on").and_then(|before| find(&first, before, false)) {
            if group.way.contains(&found) {
                break;
            }
            group.way.insert(0, found.clone());
            first = found;
        }
        let starts = first.tag("model").and_then(|stage| find(&first, stage, true));
        group.way.splice(0..0, starts);
        group
    }

    /// The events of the minute that starts at `minute` (Unix seconds), in the order of their times and ids.
    pub(in crate::sim) fn minute_of_logs(&self, group: &LogGroup, minute: i64) -> Vec<LogEvent> {
        let resource = &*group.resource;
        let is_there = DateTime::from_timestamp(minute, 0).is_some_and(|at| resource.exists(at));
        if resource.load == Load::Silent || !is_there {
            return Vec::new();
        }
        let requests = self.requests(&group.way, minute);
        let mut said = match &resource.kind {
            Kind::Endpoint(endpoint) => endpoint::minute(self, resource, endpoint, minute, &requests),
            Kind::Function => function::minute(self, resource, group.calls.as_deref(), minute, &requests),
            _ => Vec::new(),
        };
        // What is said at the same time stays in its order.
        said.sort_by_key(|said| said.at);
        said.into_iter().zip(0_i64..).map(|(said, number)| self.event(resource, minute, said, number)).collect()
    }

    /// What has come of the minutes in `from..to` (Unix seconds) at `seen`: nothing, or what is counted or sampled.
    pub(in crate::sim) fn written(&self, group: &LogGroup, from: i64, to: i64, seen: DateTime<Utc>) -> Option<Written> {
        let every = if to - from > COUNTED { SAMPLED } else { 1 };
        let mut written = Written::default();
        for step in 0..(to - from).div_euclid(60 * every) {
            for event in self.minute_of_logs(group, from + step * 60 * every) {
                if event.ingested_at <= seen.timestamp_millis() {
                    written.events += every.unsigned_abs();
                    written.bytes += event.text.len() as u64 * every.unsigned_abs();
                }
            }
        }
        (written.events > 0).then_some(written)
    }

    fn event(&self, resource: &Resource, minute: i64, said: Said, number: i64) -> LogEvent {
        let roll =
            |what: &str| dice::roll(self.seed, &[&resource.account, &resource.name, what], minute * 1_000_000 + number);
        let spread = |what: &str, from: i64, to: i64| {
            from + i64::try_from(roll(what) % 1_000).unwrap_or(0) * (to - from) / 1_000
        };
        let late = dice::unit(roll("log is late")) < LATE && resource.load != Load::Uniform;
        let delay = if late { spread("log lateness", 20_000, 240_000) } else { spread("log delay", 300, 2_500) };
        let Said { stream, at, text } = said;
        LogEvent { id: format!("{at:016}{number:020}{:020}", roll("event")), stream, at, ingested_at: at + delay, text }
    }

    /// What the last stage of a way does in a minute.
    fn requests(&self, way: &[Arc<Resource>], minute: i64) -> Vec<Request> {
        let Some(resource) = way.last() else { return Vec::new() };
        let depth = i64::try_from(way.len()).unwrap_or(1) - 1;
        let pipeline = resource.tag("pipeline").unwrap_or(&resource.name);
        let (worked, _) = self.worked(way, minute);
        let request = |(number, fails): (i64, bool)| {
            let words = [&resource.account, pipeline, "request"];
            let begins = number * 27_811 % 45_000;
            let delay = dice::roll(self.seed, &[&resource.account, &resource.name, "begins"], minute + number) % 1_500;
            let at = minute * 1_000 + begins + depth * 4_000 + i64::try_from(delay).unwrap_or(0);
            Request { number, inference_id: uuid(self.seed, &words, minute * 1_000 + number), at, fails }
        };
        worked.into_iter().map(request).collect()
    }

    /// The numbers of the requests of a minute on which the last stage of a way works, with whether each fails there, and
    /// the numbers that have failed by then. What fails in one stage does not reach the next.
    fn worked(&self, way: &[Arc<Resource>], minute: i64) -> (Vec<(i64, bool)>, BTreeSet<i64>) {
        let Some((resource, before)) = way.split_last() else { return (Vec::new(), BTreeSet::new()) };
        let (_, mut lost) = self.worked(before, minute);
        let count = |metric: &str| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few requests")]
            let count = self.value(resource, metric, "Sum", minute).unwrap_or(0.0) as usize;
            count
        };
        let (done, failed) = metrics(&resource.kind).map_or((0, 0), |(done, failed)| (count(done), count(failed)));
        let numbers: Vec<i64> = (0..).filter(|number| !lost.contains(number)).take(done).collect();
        let mut luck: Vec<(u64, i64)> = numbers
            .iter()
            .map(|number| {
                (dice::roll(self.seed, &[&resource.account, &resource.name, "fails"], minute * 1_000 + number), *number)
            })
            .collect();
        luck.sort_unstable();
        let failing: BTreeSet<i64> = luck.into_iter().take(failed).map(|(_, number)| number).collect();
        lost.extend(&failing);
        (numbers.into_iter().map(|number| (number, failing.contains(&number))).collect(), lost)
    }

    /// The average of a metric of a minute, in its unit.
    fn average(&self, resource: &Resource, metric: &str, minute: i64) -> f64 {
        self.value(resource, metric, "Average", minute).unwrap_or(0.0)
    }
}

/// The metrics that count what is done and what of it fails.
fn metrics(kind: &Kind) -> Option<(&'static str, &'static str)> {
    match kind {
        Kind::Endpoint(Endpoint { mode: Mode::Async, .. }) => Some(("InvocationsProcessed", "InvocationFailures")),
        Kind::Endpoint(Endpoint { mode: Mode::RealTime | Mode::Serverless, .. }) => {
            Some(("Invocations", "Invocation5XXErrors"))
        }
        Kind::Function => Some(("Invocations", "Errors")),
        _ => None,
    }
}

/// A random UUID, always the same of the same words.
fn uuid(seed: u64, words: &[&str], number: i64) -> String {
    let (high, low) = (dice::roll(seed ^ 1, words, number), dice::roll(seed ^ 2, words, number));
    let (time, clock) = (high >> 16 & 0xffff, low >> 48 & 0x3fff | 0x8000);
    format!("{:08x}-{time:04x}-4{:03x}-{clock:04x}-{:012x}", high >> 32, high & 0xfff, low & 0xffff_ffff_ffff)
}

/// A moment as programs write it: with milliseconds, without a zone.
fn moment(at: i64) -> impl std::fmt::Display {
    DateTime::from_timestamp_millis(at).unwrap_or_default().format("%Y-%m-%dT%H:%M:%S%.3f")
}

#[cfg(test)]
mod tests;
