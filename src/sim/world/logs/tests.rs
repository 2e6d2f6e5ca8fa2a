#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use super::*;
use crate::sim::{Company, company};

/// Nine o'clock Pacific time.
const START: i64 = 1_700_067_600;
const HOURS: i64 = 3;

fn world() -> World {
    World::new(7, &Company::Example, DateTime::from_timestamp(START, 0).unwrap())
}

fn events(world: &World, account: &str, group: &str) -> Vec<LogEvent> {
    world.log_events(account, group, START * 1_000, (START + HOURS * 3_600) * 1_000)
}

/// The sum of a metric over the same time.
fn sum(world: &World, resource: &Resource, metric: &str) -> usize {
    let minutes = (START..START + HOURS * 3_600).step_by(60);
    let values = minutes.filter_map(|minute| world.value(resource, metric, "Sum", minute));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    let sum = values.sum::<f64>() as usize;
    sum
}

#[test]
fn lines_are_as_many_as_the_metrics_say_and_so_are_errors() {
    let world = world();
    let mut failures = 0;
    for resource in world.resources() {
        let (Some(group), Some((done, failed))) = (group_of(&resource), metrics(&resource.kind)) else { continue };
        let events = events(&world, &resource.account, &group);
        let count =
            |words: &[&str]| events.iter().filter(|event| words.iter().any(|word| event.text.contains(word))).count();
        let (done, failed) = (sum(&world, &resource, done), sum(&world, &resource, failed));
        let (worked, broken) = match &resource.kind {
            Kind::Function => (count(&["REPORT "]), count(&["[ERROR]", "Task timed out"])),
            _ => (
                count(&[" answered in ", "\"request answered\"", " failed", "\"request failed\""]),
                count(&["ERROR:", "\"level\":\"ERROR\""]),
            ),
        };
        let logged = count(&["[sagemaker logs]"]);
        let is_async = matches!(&resource.kind, Kind::Endpoint(endpoint) if endpoint.mode == Mode::Async);
        let wanted = if is_async { done } else { 0 };
        assert_eq!(logged, wanted, "{group}");
        let data_log_failures = count(&["Inference request failed"]);
        assert_eq!((worked - data_log_failures, broken), (done, failed), "{} {group}", resource.account);
        failures += failed;
    }
    assert!(failures > 100, "{failures}");
}

/// The inference id that a text names.
fn inference(text: &str) -> Option<&str> {
    let (_, rest) =
        ["inference_id=", "inference_id\":\"", "[sagemaker logs] ["].iter().find_map(|name| text.split_once(name))?;
    rest.get(..36)
}

/// When a stage begins with each request, and whether it fails there.
fn by_inference(events: Vec<LogEvent>) -> BTreeMap<String, (i64, bool)> {
    let mut requests: BTreeMap<String, (i64, bool)> = BTreeMap::new();
    for event in events {
        let Some(id) = inference(&event.text) else { continue };
        requests.entry(id.to_owned()).or_insert((event.at, false)).1 |= event.text.contains("failed");
    }
    requests
}

#[test]
fn a_request_goes_through_three_stages_under_one_id() {
    let world = world();
    let group = |name: &str| events(&world, company::PRODUCTION, name);
    let ways = [
        (
            "/aws/lambda/lease-trigger",
            "/aws/sagemaker/Endpoints/lease-page-split",
            "/aws/sagemaker/Endpoints/lease-table-reader",
        ),
        (
            "/aws/lambda/invoice-trigger",
            "/aws/sagemaker/Endpoints/InvoiceTotals-Reader",
            "/aws/sagemaker/Endpoints/InvoiceTotals-Lookup",
        ),
    ];
    for (first, second, third) in ways {
        let (second, third) = (by_inference(group(second)), by_inference(group(third)));
        let mut followed = 0;
        for event in group(first).iter().filter(|event| event.text.contains("invoked endpoint")) {
            let id = inference(&event.text).unwrap();
            let Some((second, failed)) = second.get(id) else { continue };
            let third = third.get(id);
            assert!(!failed || third.is_none(), "what fails in one stage does not reach the next: {id}");
            if let Some((third, _)) = third {
                assert!(event.at < *third && second < third, "{id}");
                followed += 1;
            }
        }
        assert!(followed > 50, "{followed}");
    }
}

#[test]
fn events_have_ids_of_their_own_in_the_order_of_their_times() {
    let world = world();
    for (group, resource) in world.log_groups(company::DEVELOPMENT, world.opened()) {
        let events = events(&world, &resource.account, &group);
        assert!(events.is_sorted_by(|one, other| one.id < other.id && one.at <= other.at), "{group}");
        assert!(events.iter().all(|event| event.id.len() == 56 && event.ingested_at > event.at), "{group}");
        assert_eq!(events, self::events(&self::world(), &resource.account, &group));
    }
}

#[test]
fn some_events_come_late() {
    let world = world();
    let events = events(&world, company::PRODUCTION, "/aws/sagemaker/Endpoints/lease-page-split");
    let late = events.iter().filter(|event| event.ingested_at - event.at > 2_500).count();
    assert!(late * 200 > events.len() && late * 50 < events.len(), "{late} of {}", events.len());
    assert!(events.iter().all(|event| event.ingested_at - event.at <= 240_000));
}

#[test]
fn each_failure_is_a_whole_traceback_in_one_stream() {
    let world = world();
    let mut traces = 0;
    for (group, resource) in world.log_groups(company::PRODUCTION, world.opened()) {
        let mut streams: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for event in events(&world, &resource.account, &group) {
            streams.entry(event.stream).or_default().push(event.text);
        }
        for texts in streams.values() {
            for (at, _) in texts.iter().enumerate().filter(|(_, text)| text.starts_with("ERROR:")) {
                assert_eq!(texts[at + 1], "Traceback (most recent call last):", "{group}");
                assert!(texts[at + 6].contains("Error: "), "{group}: {}", texts[at + 6]);
                traces += 1;
            }
        }
    }
    assert!(traces > 0, "nobody writes plain text");
}

#[test]
fn who_does_nothing_says_nothing() {
    let world = world();
    for group in
        ["/aws/sagemaker/Endpoints/claim-assist", "/aws/sagemaker/Endpoints/claim-router", "/aws/lambda/nobody"]
    {
        assert_eq!(events(&world, company::PRODUCTION, group), [], "{group}");
    }
}

#[test]
fn a_day_is_sampled_and_comes_near_to_what_is_written() {
    let world = world();
    let (day, seen) = (START - START % 86_400, DateTime::from_timestamp(START + 2 * 86_400, 0).unwrap());
    for (account, name) in [
        (company::DEVELOPMENT, "/aws/lambda/lease-trigger"),
        (company::DEVELOPMENT, "/aws/sagemaker/Endpoints/lease-page-split"),
        (company::PRODUCTION, "/aws/sagemaker/Endpoints/InvoiceTotals-Lookup"),
        (company::PRODUCTION, "/aws/sagemaker/Endpoints/InvoiceTotals-Reader"),
        (company::PRODUCTION, "/aws/sagemaker/Endpoints/lease-clause-tagger"),
    ] {
        let group = world.log_group(account, name, seen).unwrap();
        let said = world.log_events(account, name, day * 1_000, (day + 86_400) * 1_000);
        let bytes: u64 = said.iter().map(|event| event.text.len() as u64).sum();
        let written = world.written(&group, day, day + 86_400, seen).unwrap();
        for (sampled, counted) in [(written.events, said.len() as u64), (written.bytes, bytes)] {
            assert!(sampled.abs_diff(counted) * 10 < counted, "{account} {name}: {sampled}, not {counted}");
        }
        assert_eq!(world.written(&group, day, day + 86_400, DateTime::from_timestamp(day, 0).unwrap()), None);
    }
}
