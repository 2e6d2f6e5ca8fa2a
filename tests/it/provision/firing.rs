//! Every monitor that we ship speaks once what it reads has crossed its threshold, and not a step before.
//!
//! Nothing here knows a monitor: what it reads, how long and against what is taken from the query that Datadog keeps. Made
//! up points of a group that nobody else has are sent to the intake, and Datadog is asked how the monitor is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use ddsync::provision::object::Kind;
use ddsync::query::{self, Comparator, Expr, Filter, MonitorQuery, Selector};
use serde_json::{Value, json};

use super::{ask, send, stored, templates};
use crate::process::wait_for;
use crate::scene::Scene;

const MINUTE: i64 = 60;
/// How far back points are sent: Datadog takes those of the last hour.
const BACK: i64 = 58 * MINUTE;
/// How far ahead points are sent: the clock runs fast, and windows end now.
const AHEAD: i64 = 8 * MINUTE;
/// Gaps of so long are filled, also at the beginning of a window and from what is before it.
const FILLED: i64 = 5 * MINUTE;
/// Steps of a value: whole numbers of what is counted, hundredths of what is measured.
const STEPS: u32 = 1 << 22;
const STEPS_OF_ONE: u32 = 100;
/// What is never more than this, so that a threshold beyond it is never crossed.
const AT_MOST: [(&str, u32); 8] = [
    ("mlpipeline.endpoint.has_backlog_without_capacity.max", 1),
    ("mlpipeline.endpoint.in_service", 1),
    ("mlpipeline.endpoint.status", 1),
    ("mlpipeline.stage.missing", 1),
    ("mlpipeline.deploy.change_failure_rate", 100),
    ("mlpipeline.deploy.last_failed", 1),
    ("ddsync.heartbeat", 1),
    ("ddsync.coverage", 100),
];
/// What else the monitor reads stands at this meanwhile: there is a lot, or nothing.
const OTHERS: [f64; 2] = [1_000.0, 0.0];
/// How long ago that comes which is counted, at most.
const AT_ONCE: i64 = 30 * MINUTE;

/// Something that a monitor reads.
#[derive(Debug, PartialEq)]
struct Source {
    metric: String,
    /// Of its filter.
    tags: Vec<String>,
    by: Vec<String>,
    counted: bool,
}

impl Source {
    fn of(selector: &Selector) -> Self {
        let mut tags = Vec::new();
        wanted(&selector.filter, &mut tags);
        Self { metric: selector.metric.clone(), tags, by: selector.by.clone(), counted: selector.is_count() }
    }

    fn value(&self, step: u32) -> f64 {
        if self.counted { step.into() } else { f64::from(step) / f64::from(STEPS_OF_ONE) }
    }

    fn steps(&self) -> u32 {
        let most = AT_MOST.iter().find(|(metric, _)| *metric == self.metric);
        most.map_or(STEPS, |(_, most)| most * STEPS_OF_ONE)
    }
}

/// The tags that a source needs to be let through.
fn wanted(filter: &Filter, tags: &mut Vec<String>) {
    match filter {
        Filter::Everything | Filter::Not(_) => {}
        Filter::Tag { key, value } => tags.push(format!("{key}:{}", value.0)),
        Filter::And(all) => all.iter().for_each(|one| wanted(one, tags)),
        Filter::Or(_) | Filter::Variable(_) => panic!("{filter:?} is in no monitor of ours"),
    }
}

/// A monitor as Datadog keeps it, and what it looks at.
struct Watched<'s> {
    scene: &'s Scene,
    /// The key of its template.
    key: String,
    body: Value,
    sources: Vec<Source>,
    /// Seconds that it looks back, from `delay` seconds ago.
    window: i64,
    delay: i64,
    comparator: Comparator,
    threshold: f64,
    /// It reads one thing and does not compute.
    plain: bool,
    /// What makes it speak, once that is known: of the first thing it reads, and of everything else.
    loud: Option<(f64, f64)>,
}

impl<'s> Watched<'s> {
    async fn new(scene: &'s Scene, key: &str, body: Value) -> Self {
        let text = body["query"].as_str().expect("a query");
        let query = query::parse_monitor(text).unwrap_or_else(|why| panic!("{key}: {why}: {text}"));
        let (comparator, threshold) = query.condition().expect("a threshold");
        let delay = body["options"]["evaluation_delay"].as_i64().unwrap_or(0);
        let (window, exprs) = match query {
            MonitorQuery::Metric { window_seconds, expr, .. } => (window_seconds, vec![expr]),
            MonitorQuery::BurnRate { slo, short_window_seconds, .. } => {
                (short_window_seconds, of_slo(scene, &slo).await)
            }
            MonitorQuery::ErrorBudget { .. } | MonitorQuery::Composite(_) => {
                panic!("{key} is of a kind that is new here")
            }
        };
        let plain = body["type"] != "slo alert" && matches!(exprs.as_slice(), [Expr::Series(_)]);
        let mut sources = Vec::new();
        for source in exprs.iter().flat_map(Expr::selectors).map(Source::of) {
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        let window = i64::try_from(window).expect("seconds");
        Self { scene, key: key.to_owned(), body, sources, window, delay, comparator, threshold, plain, loud: None }
    }

    /// Sends a point a minute of everything it reads: these values in its window, and `others` before it. What is counted
    /// comes all at once, so that it adds up to its value.
    async fn send(&self, group: &str, values: &[f64], others: f64, ahead: i64) {
        let now = self.scene.sim.clock().now().timestamp();
        let begin = now - self.delay - self.window;
        let at_once = (now - self.delay - AT_ONCE.min(self.window / 2)).div_euclid(MINUTE) * MINUTE;
        let minutes = (now - BACK).div_euclid(MINUTE) + 1..=(now + ahead).div_euclid(MINUTE);
        let point = |source: &Source, value: f64, at: i64| {
            let value = match source.counted {
                true if at == at_once => value,
                true => 0.0,
                false if at > begin - FILLED => value,
                false => others,
            };
            json!({"timestamp": at, "value": value})
        };
        let series = self.sources.iter().zip(values).map(|(source, value)| {
            let points: Vec<Value> = minutes.clone().map(|minute| point(source, *value, minute * MINUTE)).collect();
            let groups = source.by.iter().map(|key| format!("{key}:{group}"));
            let tags: Vec<String> = source.tags.iter().cloned().chain(groups).collect();
            let kind = if source.counted { 1 } else { 3 };
            json!({"metric": source.metric, "type": kind, "interval": MINUTE, "tags": tags, "points": points})
        });
        send(self.scene, &json!({"series": series.collect::<Vec<_>>()})).await;
    }

    /// How a group is now.
    async fn status(&self, group: &str) -> String {
        let path = format!("/api/v1/monitor/{}", self.body["id"]);
        let (status, monitor) = ask(self.scene, &path, &[("group_states", "all")]).await;
        assert_eq!(status, 200, "{monitor}");
        let by: BTreeSet<&String> = self.sources.iter().flat_map(|source| &source.by).collect();
        let name: Vec<String> = by.iter().map(|key| format!("{key}:{group}")).collect();
        let name = if name.is_empty() { "*".to_owned() } else { name.join(",") };
        let state = &monitor["state"]["groups"][&name]["status"];
        state.as_str().unwrap_or_else(|| panic!("{}: no group {name} in {monitor}", self.key)).to_owned()
    }

    /// How a group is when one thing it reads has a value and everything else another.
    async fn at(&self, group: &str, lever: usize, value: f64, others: f64) -> String {
        let mut values = vec![others; self.sources.len()];
        values[lever] = value;
        self.send(group, &values, others, AHEAD).await;
        self.status(group).await
    }

    /// The last value of one thing it reads that leaves it quiet and the first that does not, while everything else stays
    /// as it is. None when it does not depend on this.
    async fn edge(&self, group: &str, lever: usize, others: f64, loud: &[&str]) -> Option<(f64, f64)> {
        let value = |step| self.sources[lever].value(step);
        let is_loud = async |step| loud.contains(&&*self.at(group, lever, value(step), others).await);
        let (mut low, mut high) = (0, self.sources[lever].steps());
        let mut low_is_loud = is_loud(low).await;
        let high_is_loud = is_loud(high).await;
        if low_is_loud == high_is_loud {
            // Nothing can be divided by 0.
            low = 1;
            low_is_loud = is_loud(low).await;
        }
        if low_is_loud == high_is_loud {
            return None;
        }
        while high - low > 1 {
            let middle = low.midpoint(high);
            *(if is_loud(middle).await == low_is_loud { &mut low } else { &mut high }) = middle;
        }
        Some(if low_is_loud { (value(high), value(low)) } else { (value(low), value(high)) })
    }

    /// Finds where everything it reads makes it speak, and looks at it on both sides; a line for whatever is wrong.
    async fn wrong(&mut self) -> Vec<String> {
        let mut wrong = Vec::new();
        for lever in 0..self.sources.len() {
            let mut edge = None;
            let (group, mut others) = (format!("fresh-{lever}"), 0.0);
            for stand in OTHERS {
                if edge.is_none() {
                    (edge, others) = (self.edge(&group, lever, stand, &["Alert"]).await, stand);
                }
            }
            let Some((quiet, loud)) = edge else {
                wrong.push(format!("{}: no value of {} makes a difference", self.key, self.sources[lever].metric));
                continue;
            };
            let crosses = |value| self.comparator.holds(value, self.threshold);
            if self.plain && (crosses(quiet) || !crosses(loud)) {
                wrong.push(format!("{}: {quiet} is fine and {loud} is not", self.key));
            }
            self.loud = self.loud.or(Some((loud, others)));
            wrong.extend(self.in_turn(lever, others, quiet, loud).await);
            self.send(&group, &vec![0.0; self.sources.len()], 0.0, AHEAD).await;
        }
        wrong
    }

    /// A group that is quiet, then speaks, then is quiet again.
    async fn in_turn(&self, lever: usize, others: f64, quiet: f64, loud: f64) -> Vec<String> {
        let group = &format!("again-{lever}");
        let warns = !self.body["options"]["thresholds"]["warning"].is_null();
        let near = if warns { "Warn" } else { "OK" };
        let mut turns = vec![(quiet, near), (loud, "Alert"), (quiet, near)];
        if warns {
            let (quiet, loud) = self.edge(group, lever, others, &["Warn", "Alert"]).await.expect("it warns");
            turns.extend([(quiet, "OK"), (loud, "Warn")]);
        }
        let mut wrong = Vec::new();
        for (value, expected) in turns {
            let status = self.at(group, lever, value, others).await;
            if status != expected {
                let metric = &self.sources[lever].metric;
                wrong.push(format!("{}: {status}, not {expected}, while {metric} is {value}", self.key));
            }
        }
        self.send(group, &vec![0.0; self.sources.len()], 0.0, AHEAD).await;
        wrong
    }

    /// Makes a group speak of which nothing comes after now.
    async fn speak_last(&self) {
        let Some((loud, others)) = self.loud else { return };
        let mut values = vec![others; self.sources.len()];
        values[0] = loud;
        self.send("last", &values, others, 0).await;
        assert_eq!(self.status("last").await, "Alert", "{}", self.key);
    }

    /// What it should be once nothing has come for longer than it looks back.
    /// <https://docs.datadoghq.com/monitors/configuration/#no-data>
    fn without_data(&self) -> &'static str {
        let counts = self.sources.iter().all(|source| source.counted);
        match self.body["options"]["on_missing_data"].as_str() {
            Some("resolve") => "OK",
            Some("show_and_notify_no_data") => "No Data",
            Some("default") if counts && self.comparator.holds(0.0, self.threshold) => "Alert",
            Some("default") if counts => "OK",
            Some("default") => "Alert",
            other => panic!("{}: {other:?} when data is missing", self.key),
        }
    }
}

/// What an SLO counts.
async fn of_slo(scene: &Scene, id: &str) -> Vec<Expr> {
    let (status, slo) = ask(scene, &format!("/api/v1/slo/{id}"), &[]).await;
    assert_eq!(status, 200, "{slo}");
    let text = |part: &str| slo["data"]["query"][part].as_str().expect("a query").to_owned();
    ["numerator", "denominator"].map(|part| query::parse(&text(part)).expect("a query that is one")).into()
}

/// A line for each monitor that does not speak when it should, or does when it should not.
pub(super) async fn wrong(scene: &Scene) -> String {
    let monitors = stored(scene).into_iter().filter(|(kind, ..)| *kind == Kind::Monitor);
    let mut by_template: BTreeMap<String, Value> = BTreeMap::new();
    for (_, mark, body) in monitors {
        by_template.entry(mark.identity.template).or_insert(body);
    }
    assert!(by_template.keys().eq(templates("monitors").keys()), "there is one of {:?}", by_template.keys());

    let (mut words, mut all) = (String::new(), Vec::new());
    for (key, body) in by_template {
        let mut watched = Watched::new(scene, &key, body).await;
        for line in watched.wrong().await {
            let _ = writeln!(words, "{line}");
        }
        all.push(watched);
    }
    // Datadog says of no alert of an SLO what it does without events.
    all.retain(|watched| watched.loud.is_some() && watched.body["type"] != "slo alert");
    for watched in &all {
        watched.speak_last().await;
    }
    let longest = all.iter().map(|watched| watched.delay + watched.window).max().unwrap_or_default() + MINUTE;
    let end = scene.sim.clock().now().timestamp() + longest;
    wait_for("the clock stands still", async || scene.sim.clock().now().timestamp() > end).await;
    for watched in &all {
        let (status, expected) = (watched.status("last").await, watched.without_data());
        if status != expected {
            let _ = writeln!(words, "{}: {status}, not {expected}, once nothing comes any more", watched.key);
        }
    }
    words
}
