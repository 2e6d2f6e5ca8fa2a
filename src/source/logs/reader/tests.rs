#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::log::Origin;
use crate::model::resource::{Resource, ResourceKind};
use crate::source::discover::{Epoch, Tracked};
use crate::source::logs::choose::{Keep, Rule};
use crate::source::logs::redact;

/// A full minute.
const START: i64 = 1_788_739_200_000;
const SECOND: i64 = 1_000;

pub(in crate::source::logs) fn group() -> Group {
    let resource = Resource {
        arn: "arn:aws:lambda:us-west-2:1:function:f".into(),
        name: "f".into(),
        kind: ResourceKind::Function,
        tags: BTreeMap::new(),
    };
    let epochs = Arc::from([Epoch { since: 0, tags: Arc::from([]) }]);
    let owner = Arc::new(Tracked { resource, epochs, stage: "split".into() });
    let origin = Arc::new(Origin { group: "/aws/lambda/f".into(), ..Origin::default() });
    Group { name: "/aws/lambda/f".into(), origin, pipeline: "lease".into(), stage: "split".into(), owner }
}

pub(in crate::source::logs) fn policy(rules: Vec<Rule>) -> Policy {
    let redaction = Redaction::new(&redact::Rules::default()).unwrap();
    Policy { rules: Rules { rules, ..Rules::default() }, redaction, reread: 2 * MINUTE }
}

pub(in crate::source::logs) fn event(id: &str, at: i64, ingested_at: i64, text: &str) -> Event {
    Event { id: id.to_owned(), stream: "s".to_owned(), at, ingested_at, text: text.to_owned() }
}

/// What a group holds, answered in pages.
struct Server {
    events: Vec<Event>,
    page: usize,
}

impl Server {
    fn page(&self, window: &Window, now: i64) -> (Vec<Event>, Option<String>) {
        let mut all: Vec<&Event> = self.events.iter().collect();
        all.sort_by_key(|event| event.at);
        let there = all.into_iter().filter(|it| it.ingested_at <= now && (window.from..window.to).contains(&it.at));
        let skip: usize = window.token.as_deref().map_or(0, |token| token.parse().unwrap());
        let mut rest: Vec<Event> = there.skip(skip).cloned().collect();
        let more = rest.len() > self.page;
        rest.truncate(self.page);
        (rest, more.then(|| (skip + self.page).to_string()))
    }
}

/// A reader, and what Datadog has of it.
struct Follower {
    reader: Reader,
    sent: Vec<String>,
    counted: BTreeMap<i64, u64>,
}

impl Follower {
    fn new(now: i64) -> Self {
        Self { reader: Reader::new(None, now), sent: Vec::new(), counted: BTreeMap::new() }
    }

    /// Reads a whole window; with `fails_at` the delivery of that page fails, and the rest is left.
    fn look(&mut self, server: &Server, now: i64, policy: &Policy, fails_at: Option<usize>) {
        for page in 0.. {
            let window = self.reader.window(now).clone();
            let (events, next) = server.page(&window, now);
            let items = self.reader.take(events, next, &group(), policy);
            if fails_at == Some(page) {
                return self.reader.abort();
            }
            for item in &items {
                self.sent.extend(item.lines.iter().map(|line| line.id.clone()));
                self.reader.settle(item);
            }
            self.counted.extend(self.reader.changed().map(|(minute, tally)| (minute, tally.lines)));
            self.reader.delivered();
            if self.reader.commit(policy) {
                return;
            }
        }
    }

    /// Another process goes on from the state.
    fn restart(&mut self, now: i64) {
        let state = serde_json::to_string(self.reader.position()).unwrap();
        self.reader = Reader::new(Some(serde_json::from_str(&state).unwrap()), now);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Look,
    Fail(usize),
    Restart,
}

fn step() -> impl Strategy<Value = (i64, Step)> {
    let what = prop_oneof![4 => Just(Step::Look), 1 => (0_usize..3).prop_map(Step::Fail), 1 => Just(Step::Restart)];
    (SECOND..50 * SECOND, what)
}

proptest! {
    /// Pages, failures, restarts and late events: with nothing later than what is read again.
    #[test]
    fn for_all_that_happens_each_event_is_sent_once_and_each_minute_is_counted_whole(
        events in proptest::collection::vec((0_i64..10 * MINUTE, 0_i64..110 * SECOND), 0..80),
        steps in proptest::collection::vec(step(), 0..40),
        page in 1_usize..30,
    ) {
        let at = |number: usize, (at, late): &(i64, i64)| {
            event(&number.to_string(), START + at, START + at + late, &format!("INFO: {number}"))
        };
        let server = Server { events: events.iter().enumerate().map(|(number, it)| at(number, it)).collect(), page };
        let policy = policy(Vec::new());
        let mut follower = Follower::new(START);
        let mut now = START;
        for (pause, step) in &steps {
            now += pause;
            match step {
                Step::Look => follower.look(&server, now, &policy, None),
                Step::Fail(page) => follower.look(&server, now, &policy, Some(*page)),
                Step::Restart => follower.restart(now),
            }
        }
        // However far behind it is, it comes along: chunks grow.
        for _ in 0..30 {
            now += MINUTE;
            follower.look(&server, now, &policy, None);
        }
        let mut sent: Vec<usize> = follower.sent.iter().map(|id| id.parse().unwrap()).collect();
        sent.sort_unstable();
        prop_assert_eq!(sent, (0..events.len()).collect::<Vec<_>>());
        let mut counted: BTreeMap<i64, u64> = BTreeMap::new();
        for (at, _) in &events {
            *counted.entry(minute_of(START + at)).or_default() += 1;
        }
        prop_assert_eq!(follower.counted, counted);
        prop_assert!(follower.reader.position().seen.is_empty(), "old minutes are forgotten");
    }
}

#[test]
fn a_stack_trace_that_is_written_while_it_is_read_is_one_line() {
    let lines =
        ["Traceback (most recent call last):", "  File \"a.py\", line 1, in f", "ValueError: no", "INFO: after"];
    let events = lines.iter().zip(0..).map(|(text, n)| {
        let at = START + 58 * SECOND + n * SECOND;
        event(&n.to_string(), at, at, text)
    });
    let server = Server { events: events.collect(), page: 100 };
    let policy = policy(Vec::new());
    let mut follower = Follower::new(START);
    follower.look(&server, START + 59 * SECOND + 500, &policy, None);
    assert_eq!((follower.sent.len(), follower.reader.waits()), (0, true));
    // It is held for what is missing, also by the state.
    follower.restart(START + 60 * SECOND);
    for seconds in [70, 80, 300, 600] {
        follower.look(&server, START + seconds * SECOND, &policy, None);
    }
    follower.restart(START + 601 * SECOND);
    follower.look(&server, START + 610 * SECOND, &policy, None);
    assert_eq!(follower.sent, ["0", "3"]);
    assert_eq!(follower.counted, BTreeMap::from([(START, 1), (START + MINUTE, 1)]));
}

#[test]
fn what_is_left_out_is_counted_and_not_read_again() {
    let server =
        Server { events: vec![event("a", START, START, "INFO: a"), event("b", START, START, "ERROR b")], page: 9 };
    let none = Rule {
        pipeline: None,
        environment: None,
        stage: None,
        at_most: Some(crate::model::log::Status::Info),
        pattern: None,
        keep: Keep::None,
    };
    let policy = policy(vec![none]);
    let mut follower = Follower::new(START);
    for seconds in [30, 60] {
        follower.look(&server, START + seconds * SECOND, &policy, None);
    }
    assert_eq!((follower.sent.as_slice(), follower.counted[&START]), (&["b".to_owned()][..], 2));
    assert_eq!(follower.reader.position().seen.len(), 2);
}

#[test]
fn what_nobody_takes_any_more_is_given_up_and_named() {
    let server = Server { events: vec![event("a", START + SECOND, START, "INFO: a")], page: 9 };
    let mut follower = Follower::new(START);
    follower.look(&server, START, &policy(Vec::new()), None);
    let oldest = START + 90 * SECOND;
    assert_eq!(follower.reader.give_up_before(oldest), Some((START, oldest)));
    assert_eq!(follower.reader.give_up_before(oldest), None);
    follower.look(&server, START + 100 * SECOND, &policy(Vec::new()), None);
    assert_eq!(follower.sent, [""; 0]);
}

#[test]
fn a_group_that_comes_about_later_is_read_from_then_on_and_has_lost_nothing() {
    let mut follower = Follower::new(START);
    let (hour, day) = (60 * MINUTE, 24 * 60 * MINUTE);
    for at in (START..=START + day).step_by(usize::try_from(hour).unwrap()) {
        assert_eq!(follower.reader.give_up_before(at - 18 * hour), None);
        follower.reader.nothing_before(at - 2 * MINUTE);
    }
    let now = START + day + MINUTE;
    let server = Server { events: vec![event("a", START + day, START + day, "INFO: first")], page: 9 };
    follower.look(&server, now, &policy(Vec::new()), None);
    assert_eq!(follower.sent, ["a"]);
}

#[test]
fn a_group_that_is_far_behind_is_read_in_steps_that_grow_while_little_is_found() {
    let server = Server { events: Vec::new(), page: 9 };
    let mut follower = Follower::new(START);
    let now = START + 18 * 60 * MINUTE;
    let looks = (1..100).find(|_| {
        follower.look(&server, now, &policy(Vec::new()), None);
        follower.reader.position().until == now
    });
    assert!(looks.unwrap() <= 8, "{looks:?}");
}

#[test]
fn a_full_group_is_read_whole_once_a_minute_and_in_between_its_end() {
    let events = (0..600).map(|n| event(&n.to_string(), START + n * SECOND, START + n * SECOND, "INFO: x")).collect();
    let server = Server { events, page: 50 };
    let policy = policy(Vec::new());
    let mut follower = Follower::new(START);
    let mut depths = Vec::new();
    for look in 30..50 {
        let now = START + look * 10 * SECOND;
        let window = follower.reader.window(now).clone();
        depths.push((window.to - window.from) / SECOND);
        follower.look(&server, now, &policy, None);
    }
    assert_eq!(follower.sent.len(), 490);
    assert!(depths.iter().filter(|depth| **depth <= 30).count() > 12, "{depths:?}");
    assert!(depths.iter().rev().take(12).any(|depth| *depth >= 120), "{depths:?}");
}

#[test]
fn what_is_read_at_once_is_one_window_and_ends_with_what_waits() {
    let policy = policy(Vec::new());
    let now = START + 3 * 3_600 * SECOND;
    let mut reader = Reader::since(START + 30 * SECOND);
    let window = reader.window(now).clone();
    // A stack trace may have begun before.
    assert_eq!((window.from, window.to), (START - MINUTE, now));
    let events = vec![
        event("1", now - 3 * SECOND, now, "Traceback (most recent call last):"),
        event("2", now - 3 * SECOND, now, "  File \"x\""),
        event("3", now - 3 * SECOND, now, "KeyError: 'x'"),
    ];
    assert_eq!(reader.take(events, None, &group(), &policy), []);
    reader.delivered();
    assert!(reader.commit(&policy));
    let items = reader.finish(&group(), &policy);
    assert_eq!(items.iter().map(|item| (item.keys.len(), item.lines.len())).collect::<Vec<_>>(), [(3, 1)]);
    assert_eq!(reader.finish(&group(), &policy), []);
}

#[test]
fn a_printed_line_of_a_function_carries_the_request_of_its_invocation() {
    let mut reader = Reader::new(None, START + MINUTE);
    let said =
        ["START RequestId: 8f5c0b9e-1111-4111-8111-111111111111", "printed", "[ERROR] KeyError: 'x'", "request_id=own"];
    let events =
        said.iter().zip(0..).map(|(text, number)| event(&number.to_string(), START + number, 0, text)).collect();
    reader.window(START + MINUTE);
    let items = reader.take(events, None, &group(), &policy(Vec::new()));
    let told: Vec<_> = items.iter().flat_map(|item| &item.lines).map(|line| line.request_id().unwrap_or("-")).collect();
    let request = "8f5c0b9e-1111-4111-8111-111111111111";
    assert_eq!(told, [request, request, request, "own"]);
}

#[test]
fn a_key_whose_beginning_another_process_has_sent_is_secret_to_its_end() {
    let policy = policy(Vec::new());
    let body = "MIIEowIBAAKCAQEAvR+q0hTq/8K".repeat(3)[..64].to_owned();
    let key = [(0, "-----BEGIN PRIVATE KEY-----"), (30, &body), (31, "-----END PRIVATE KEY-----"), (32, "INFO: then")];
    let at = |second: i64| START + second * SECOND;
    let events = key.map(|(second, text)| event(text, at(second), at(second), text)).to_vec();
    let server = Server { events, page: 100 };
    let mut follower = Follower::new(START);
    follower.look(&server, at(20), &policy, None);
    assert_eq!(follower.sent, [key[0].1]);
    follower.restart(at(40));
    let window = follower.reader.window(at(40)).clone();
    let items = follower.reader.take(server.page(&window, at(40)).0, None, &group(), &policy);
    let told: Vec<&str> = items.iter().flat_map(|item| &item.lines).map(|line| line.message.as_str()).collect();
    assert_eq!(told, ["[redacted]", "INFO: then"]);
}

#[test]
fn a_window_that_is_not_read_to_its_end_is_asked_for_in_smaller_ones() {
    let policy = policy(Vec::new());
    let now = START + 8 * 3_600 * SECOND;
    let mut reader = Reader::since(START);
    let mut lengths = Vec::new();
    for look in 0..12 {
        let window = reader.window(now).clone();
        lengths.push((window.to - START) / MINUTE);
        let events = vec![event("1", START + look, now, "INFO: x")];
        reader.take(events, Some("more".to_owned()), &group(), &policy);
        reader.abort();
    }
    assert_eq!(lengths, [480, 240, 120, 60, 30, 15, 8, 4, 2, 1, 1, 1]);
}
