//! The logs of the pretend company, from its groups to Datadog: each line once, with the pipeline's name on it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use ddsync::sim::{Fault, LogEvent, Rule, Sim};
use ddsync::source::logs::assemble::Joined;

use super::*;
use crate::kill::{life, seed};
use crate::process::{Place, wait_for};
use crate::scene::{NO_LOGS, Scene};

const MINUTE: i64 = 60_000;
pub(super) const DEVELOPMENT: &str = "111122223333";

fn event(event: LogEvent) -> Event {
    let LogEvent { id, stream, at, ingested_at, text } = event;
    Event { id, stream, at, ingested_at, text }
}

/// The lines that the events of a group make, as ids with their times.
pub(super) fn lines(sim: &Sim, account: &str, group: &str, from: i64, to: i64) -> BTreeMap<String, i64> {
    let mut events: Vec<Event> =
        sim.world().log_events(account, group, from - MINUTE, to).into_iter().map(event).collect();
    events.sort_by_key(|event| event.at);
    let mut assembler = Assembler::new(Limits::default());
    let mut done: Vec<Joined> = Vec::new();
    for event in events {
        assembler.push(event, &mut done);
    }
    assembler.flush_all(&mut done);
    let within = done.into_iter().filter(|joined| (from..to).contains(&joined.event.at) && joined.part == 0);
    within.map(|joined| (joined.event.id, joined.event.at)).collect()
}

/// The groups of tagged resources into which something is written between two instants, each with its account.
fn groups(sim: &Sim, from: i64, to: i64) -> Vec<(&'static str, String)> {
    let all = sim.world().resources().into_iter();
    let resources = all.filter(|it| it.listed && it.tags.iter().any(|(key, _)| key == "pipeline"));
    let named = resources.filter_map(|resource| {
        let account = [DEVELOPMENT, PRODUCTION].into_iter().find(|account| resource.account == **account)?;
        let names = ["/aws/sagemaker/Endpoints/", "/aws/lambda/"].map(|folder| format!("{folder}{}", resource.name));
        let talks = |group: &String| !sim.world().log_events(account, group, from, to).is_empty();
        names.into_iter().find(talks).map(|group| (account, group))
    });
    named.collect()
}

#[tokio::test]
async fn a_pass_delivers_what_was_written_in_the_last_minutes() {
    let mut scene = Scene::new().await;
    scene.config = scene.config.replace(NO_LOGS, "logs: {requests_per_second: 1000}\n");
    let screen = scene.run(&["once", "--only", "logs"]).await;
    assert_eq!(screen.code, Some(0), "{}", screen.whole());
    let now = morning().timestamp_millis();
    let logs = scene.sim.logs();
    let sent: Vec<&str> = logs.lines.iter().map(|line| line.text("event_id")).collect();
    let distinct: BTreeSet<&str> = sent.iter().copied().collect();
    assert_eq!(sent.len(), distinct.len(), "a line came twice");
    let mut expected = 0;
    for (account, group) in groups(&scene.sim, now - 14 * MINUTE, now - 5 * MINUTE) {
        // What has just been written may not be readable yet, or have more to come.
        for id in lines(&scene.sim, account, &group, now - 14 * MINUTE, now - 5 * MINUTE).keys() {
            assert!(distinct.contains(id.as_str()), "{group}: {id}");
            expected += 1;
        }
    }
    assert!(expected > 300, "{expected}");
    assert!(screen.stdout.contains(&format!("logs       {} lines of", sent.len())), "{}", screen.stdout);
    let split = logs.lines.iter().find(|line| line.text("service") == "lease").expect("a line of a pipeline");
    for key in ["pipeline", "environment", "env", "team", "stage", "aws_account", "region"] {
        assert!(split.tags.iter().any(|tag| tag.starts_with(&format!("{key}:"))), "{:?}", split.tags);
    }
    let of_function =
        logs.lines.iter().find(|line| line.text("ddsource") == "lambda" && line.text("service") == "lease");
    let tags = &of_function.expect("a line of a function").tags;
    assert!(tags.iter().any(|tag| tag.starts_with("model:")), "{tags:?}");
    // A second pass finds the rest and sends nothing again.
    let again = scene.run(&["once", "--only", "logs"]).await;
    assert_eq!(again.code, Some(0), "{}", again.whole());
    let sent = scene.sim.logs().lines;
    let distinct: BTreeSet<&str> = sent.iter().map(|line| line.text("event_id")).collect();
    assert_eq!(sent.len(), distinct.len(), "a line came twice");
}

/// Everything that goes wrong in real life, often.
fn faults() -> Vec<Rule> {
    let rule = |service, kind, probability| Rule::new(service, kind).with_probability(probability);
    let mut rules = vec![
        rule("logs", Fault::SmallPages(7), 0.1),
        rule("logs", Fault::EmptyPageWithToken, 0.05),
        rule("datadog", Fault::RateLimited, 0.03),
    ];
    for service in ["logs", "datadog"] {
        rules.extend([
            rule(service, Fault::ServerError(500), 0.03),
            rule(service, Fault::Reset, 0.03),
            rule(service, Fault::Slow(50), 0.05),
        ]);
    }
    rules.push(rule("logs", Fault::Throttle, 0.03));
    rules
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_no_line_is_missing_and_minutes_are_counted_whole() {
    const KILLS: u32 = 50;
    let seed = seed();
    let again = format!("seed {seed}");
    // Three requests a second are a budget for real time.
    let more = "logs: {requests_per_second: 20, reread: 5m}\nlog: {level: warn}\n";
    let place = Place::open(seed, morning(), 20.0, more).await;
    let clock = place.sim.clock();
    let mut process = place.start(&[], &[]);
    wait_for("no line has come", async || place.sim.logs().lines.len() > 100).await;
    let from = (clock.now().timestamp_millis() - 10 * MINUTE).div_euclid(MINUTE) * MINUTE;
    place.sim.faults().set(faults());
    for kill in 0..KILLS {
        tokio::time::sleep(life(seed, kill, (80, 1_500))).await;
        assert!(process.runs(), "it ended by itself; {again}\n{}", process.log());
        process.kill();
        process = place.start(&[], &[]);
    }
    let fired = place.sim.faults().fired();
    assert!(fired > 50, "only {fired} faults");
    place.sim.faults().clear();
    let killed = clock.now();
    place.pass(TimeDelta::minutes(12)).await;
    process.signal("TERM");
    assert_eq!(process.ends().await, Some(0), "{again}\n{}", process.log());
    let logs = place.sim.logs();
    let mut sent: BTreeMap<&str, usize> = BTreeMap::new();
    for line in &logs.lines {
        *sent.entry(line.text("event_id")).or_default() += 1;
    }
    let to = (killed.timestamp_millis() + 2 * MINUTE).div_euclid(MINUTE) * MINUTE;
    let mut missing = Vec::new();
    let mut fewest: BTreeMap<i64, f64> = BTreeMap::new();
    for (account, group) in groups(&place.sim, from, to) {
        for (id, at) in lines(&place.sim, account, &group, from, to) {
            *fewest.entry(at.div_euclid(MINUTE) * 60).or_default() += 1.0;
            if !sent.contains_key(id.as_str()) {
                missing.push(format!("{group} {at} {id}"));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "{} lines are missing; {again}: {:#?}",
        missing.len(),
        &missing[..missing.len().min(5)]
    );
    // A batch is a body's worth of lines.
    let twice: usize = sent.values().map(|times| times - 1).sum();
    assert!(twice <= KILLS as usize * 1_000, "{twice} lines came again; {again}");
    // Of a stack trace whose middle came late, its middle is a line of its own; whether it was late for us depends on when
    // we were killed. So a minute has at least the lines that its events make together, and at most those that were sent.
    let mut counted: BTreeMap<i64, f64> = BTreeMap::new();
    let distinct: BTreeMap<&str, i64> = logs.lines.iter().map(|line| (line.text("event_id"), line.at)).collect();
    for at in distinct.values() {
        *counted.entry(at.div_euclid(MINUTE) * 60).or_default() += 1.0;
    }
    let ledger = place.sim.ledger();
    let mut told: BTreeMap<i64, f64> = BTreeMap::new();
    for (series, points) in &ledger.series {
        if series.metric == "mlpipeline.logs.lines" {
            for (at, value) in points {
                *told.entry(*at).or_default() += value.value;
            }
        }
    }
    for (minute, fewest) in fewest.range(from / 1_000..to / 1_000) {
        let (told, most) = (told.get(minute).unwrap_or(&0.0), counted.get(minute).unwrap_or(&0.0));
        assert!((fewest..=most).contains(&told), "{minute}: {fewest} <= {told} <= {most}; {again}");
        assert!(most - fewest <= fewest / 20.0, "{minute}: {fewest} to {most} says little; {again}");
    }
}
