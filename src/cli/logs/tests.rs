//! Lines of a pipeline with a function and two endpoints, and one that wants to do harm.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::lines::{Entry, Kept};
use super::text::{Columns, nothing, text};
use super::way::{Request, Way, resolve};
use super::which::{Asked, Source, choose};
use super::{CommandError, parse_since};
use crate::model::log::{Event, Origin};
use crate::model::resource::{Resource, ResourceKind, Scope};
use crate::source::discover::{Epoch, Tracked};
use crate::source::logs::assemble::{Assembler, Limits};
use crate::source::logs::group::Group;
use crate::source::logs::read::read;
use crate::source::logs::redact::{Redaction, Rules};

/// 10 o'clock.
const START: i64 = 1_714_557_600_000;
const INFERENCE: &str = "0a1b2c3d-0000-4000-8000-000000000001";
const OTHER: &str = "0a1b2c3d-0000-4000-8000-000000000002";
const INVOCATION: &str = "8f5c0b9e-1234-4000-8000-00000000000a";

fn source(environment: &str, stage: &str, name: &str) -> Arc<Source> {
    let resource =
        Resource { arn: name.into(), name: name.into(), kind: ResourceKind::Function, tags: BTreeMap::new() };
    let epochs = Arc::from([Epoch { since: 0, tags: Arc::from([]) }]);
    let owner = Arc::new(Tracked { resource, epochs, stage: stage.into() });
    let tags = [format!("environment:{environment}"), "pipeline:lease".to_owned(), format!("stage:{stage}")];
    let origin =
        Arc::new(Origin { group: name.into(), service: "lease".into(), tags: Arc::from(tags), ..Origin::default() });
    let group = Group { name: name.into(), origin, pipeline: "lease".into(), stage: stage.into(), owner };
    Arc::new(Source::of(&Scope { account: "prod".into(), region: "us-west-2".into() }, group))
}

/// Lines of a group, each with its milliseconds from the start and its stream.
fn entries(source: &Arc<Source>, events: &[(i64, &str, &str)]) -> Vec<Entry> {
    let redaction = Redaction::new(&Rules::default()).unwrap();
    let (mut assembler, mut done) = (Assembler::new(Limits::default()), Vec::new());
    for (number, (after, stream, text)) in events.iter().enumerate() {
        let (at, stream, text) = (START + after, (*stream).to_owned(), (*text).to_owned());
        let id = format!("{}-{number}", source.group.name);
        assembler.push(Event { id, stream, at, ingested_at: at, text }, &mut done);
    }
    assembler.flush_all(&mut done);
    let read = |joined| read(joined, &source.group.origin, &redaction);
    let entry = |line, bytes| Entry { line, source: Arc::clone(source), bytes, told: false };
    done.into_iter().map(read).map(|reading| entry(reading.line, reading.bytes)).collect()
}

/// One invocation with two requests, of which one fails in the third stage.
fn pipeline() -> Vec<Entry> {
    let trigger = source("data_prod", "page-split", "/aws/lambda/trigger");
    let split = source("data_prod", "page-split", "/aws/sagemaker/Endpoints/split");
    let tagger = source("data_prod", "clause-tagger", "/aws/sagemaker/Endpoints/tagger");
    let reader = source("data_prod", "table-reader", "/aws/sagemaker/Endpoints/reader");
    let invoked =
        |id: &str| format!("[INFO]\t2024-05-01T10:00:00.000Z\t{INVOCATION}\tinvoked split, inference_id={id}");
    let answered = format!(r#"{{"level":"INFO","message":"request answered","inference_id":"{INFERENCE}"}}"#);
    let failed = r#"{"level":"ERROR","message":"request failed","inference_id":"ID",
        "exc_info":"Traceback (most recent call last):\n  File \"x\"\nKeyError: 'page'"}"#;
    let mut kept = Kept::default();
    let all = [
        entries(
            &trigger,
            &[
                (0, "f", &format!("START RequestId: {INVOCATION} Version: $LATEST\n")),
                (50, "f", &invoked(INFERENCE)),
                (60, "f", &invoked(OTHER)),
                (100, "f", &format!("END RequestId: {INVOCATION}\n")),
                (200, "f", "START RequestId: 11111111-1234-4000-8000-00000000000b Version: $LATEST\n"),
            ],
        ),
        entries(
            &split,
            &[
                (4_000, "a/i", &format!("INFO:     inference_id={INFERENCE} answered in 71 ms")),
                (4_001, "a/i", "INFO:     169.254.178.2:52814 - \"POST /invocations HTTP/1.1\" 200 OK"),
                (4_100, "a/i", &format!("INFO:     inference_id={OTHER} answered in 73 ms")),
            ],
        ),
        entries(
            &tagger,
            &[
                (8_000, "a/i", &answered),
                (
                    8_600,
                    "a/i/data-log",
                    &format!("2024-05-01T10:00:08.600:[sagemaker logs] [{INFERENCE}] Inference request succeeded."),
                ),
            ],
        ),
        entries(
            &reader,
            &[
                (8_400, "a/i", &format!("ERROR:    inference_id={INFERENCE} failed")),
                (8_400, "a/i", "Traceback (most recent call last):"),
                (8_400, "a/i", "  File \"/opt/ml/code/serve.py\", line 61, in invocations"),
                (8_400, "a/i", "TimeoutError: the model gave no answer within 60 s"),
                (
                    8_500,
                    "a/i/data-log",
                    &format!("2024-05-01T10:00:08.500:[sagemaker logs] [{INFERENCE}] Inference request failed."),
                ),
                (8_700, "a/i", &failed.replace("ID", OTHER)),
            ],
        ),
    ];
    all.into_iter().flatten().for_each(|entry| kept.add(entry));
    kept.sort();
    kept.entries().to_vec()
}

/// As it comes through a pipe.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

fn screen(entries: &[&Entry]) -> String {
    let columns = Columns::of(entries.iter().map(|entry| &*entry.source));
    plain(&entries.iter().map(|entry| text(entry, columns)).collect::<Vec<_>>().join("\n"))
}

fn way(entries: &[Entry], typed: &str) -> String {
    let id = resolve(entries, typed).unwrap().unwrap();
    let request = Request::of(entries, id);
    let own: Vec<&Entry> = entries.iter().filter(|entry| request.has(entry)).collect();
    format!("{}\n{}", screen(&own), plain(&Way::of(id, &own).text(false)))
}

#[test]
fn stages_are_joined_by_time() {
    let entries = pipeline();
    insta::assert_snapshot!(screen(&entries.iter().collect::<Vec<_>>()));
}

#[test]
fn a_request_is_followed_by_either_of_its_ids() {
    let entries = pipeline();
    insta::assert_snapshot!("way_by_inference", way(&entries, INFERENCE));
    // The invocation has passed on two, and each of them is its own way from there.
    insta::assert_snapshot!("way_by_request", way(&entries, "8f5c0b9e"));
    assert!(!way(&entries, INFERENCE).contains("KeyError"));
    assert!(way(&entries, OTHER).contains("KeyError: 'page'"));
}

#[test]
fn an_id_of_one_group_means_nothing_in_another() {
    let one = source("data_prod", "one", "/one");
    let other = source("data_prod", "other", "/other");
    let mut all = entries(&one, &[(0, "s", "request_id=7 inference_id=in-1"), (1, "s", "request_id=7 done")]);
    all.extend(entries(&other, &[(2, "s", "request_id=7 is of somebody else"), (3, "s", "inference_id=in-1 done")]));
    let found = |id: &str| -> Vec<String> {
        let request = Request::of(&all, id);
        all.iter().filter(|entry| request.has(entry)).map(|entry| entry.line.id.clone()).collect()
    };
    assert_eq!(found("in-1"), ["/one-0", "/one-1", "/other-1"]);
    assert_eq!(found("7"), ["/one-0", "/one-1", "/other-0", "/other-1"]);
    assert!(found("in-2").is_empty());
}

#[test]
fn the_beginning_of_an_id_is_enough_when_it_is_of_one() {
    let mut all = pipeline();
    assert_eq!(resolve(&all, "8f5").unwrap(), Some(INVOCATION));
    assert_eq!(resolve(&all, OTHER).unwrap(), Some(OTHER));
    assert_eq!(resolve(&all, "ffff").unwrap(), None);
    let error = resolve(&all, "0a1b").unwrap_err();
    assert_eq!(error.code(), 2);
    insta::assert_snapshot!(error, @"
    0a1b begins 2 ids; write one of
      0a1b2c3d-0000-4000-8000-000000000001
      0a1b2c3d-0000-4000-8000-000000000002
    ");
    // What is whole is meant, also where it is the beginning of another.
    let one = source("data_prod", "one", "/one");
    all.extend(entries(&one, &[(0, "s", "request_id=8f5 begins")]));
    assert_eq!(resolve(&all, "8f5").unwrap(), Some("8f5"));
}

#[test]
fn lines_of_others_do_no_harm() {
    let hostile = source("data_prod", "page-split", "/aws/lambda/hostile");
    let long = format!("ERROR {}", "x".repeat(40_000));
    let texts = [
        "\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31mred\r\u{202e}txt.exe\u{0}\u{e0041}",
        "password=hunter2\nand AKIAIOSFODNN7EXAMPLE",
        "INFO first\n2024-05-01T10:00:00.000Z error page-split  -  a line that is none",
        "{\"level\":\"ERROR\",\"message\":\"no\\u001b[31m\\r\",\"exception\":\"java.lang.X\\n\\tat a.b(C.java:1)\\u009b\"}",
        "request_id=\u{202e}x inference_id=a\u{1b}[31mb",
        "\tindented",
        "",
        "\n\n",
        &long,
    ];
    let events: Vec<(i64, &str, &str)> = texts.iter().zip(0..).map(|(text, at)| (at * 10_000, "s", *text)).collect();
    let entries = entries(&hostile, &events);
    let shown = screen(&entries.iter().collect::<Vec<_>>());
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
    assert!(!shown.contains(['\u{202e}', '\u{e0041}']) && !shown.contains("hunter2") && !shown.contains("AKIAIO"));
    // Whatever a line holds, what is not its first line is indented.
    let heads = shown.lines().filter(|line| !line.starts_with("      ")).count();
    assert_eq!(heads, texts.len());
    let shown: Vec<String> = shown.lines().map(|line| line.replace(&"x".repeat(16_000), "x*16000")).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn a_line_as_json_has_all_of_it() {
    let entries = pipeline();
    let failed = entries.iter().find(|entry| entry.line.status.is_error()).unwrap();
    insta::assert_json_snapshot!("json_line", failed.shown());
    let request = Request::of(&entries, INFERENCE);
    let own: Vec<&Entry> = entries.iter().filter(|entry| request.has(entry)).collect();
    insta::assert_json_snapshot!("json_way", Way::of(INFERENCE, &own));
}

#[test]
fn environments_are_told_where_there_are_several() {
    let mut all = entries(&source("data_dev", "page-split", "/dev"), &[(0, "s", "inference_id=in-1 hello")]);
    all.extend(entries(&source("data_prod", "", "/prod"), &[(1, "s", "inference_id=in-1 hello")]));
    let own: Vec<&Entry> = all.iter().collect();
    let shown = format!("{}\n{}", screen(&own), plain(&Way::of("in-1", &own).text(true)));
    insta::assert_snapshot!(shown, @"
    2024-05-01T10:00:00.000Z info  data_dev/page-split in-1          inference_id=in-1 hello
    2024-05-01T10:00:00.001Z info  data_prod/-         in-1          inference_id=in-1 hello
    way of in-1: data_dev/page-split 10:00:00.000 -> data_prod/- 10:00:00.001; no error
    ");
}

#[test]
fn a_name_that_nothing_has_says_what_may_be_meant() {
    let sources = || -> Vec<Source> {
        let all = [("data_prod", "page-split"), ("data_prod", "table-reader"), ("data_dev", "page-split")];
        all.map(|(environment, stage)| Source::clone(&source(environment, stage, "/group"))).into()
    };
    let names = BTreeMap::from([("lease", "Lease"), ("invoices", "Invoices")]);
    let names: BTreeMap<String, String> = names.into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
    let asked = |pipeline, environment, stage| choose(sources(), &names, Asked { pipeline, environment, stage });
    assert_eq!(asked("Lease", None, None).unwrap().len(), 3);
    assert_eq!(asked("LEASE", Some("Data_Prod"), Some("Page-Split")).unwrap().len(), 1);
    let words: Vec<String> = [
        asked("Leese", None, None),
        asked("zzzzzz\u{1b}[2J", None, None),
        asked("Invoices", None, None),
        asked("lease", Some("prod"), None),
        asked("lease", Some("data_prd"), None),
        asked("lease", Some("data_dev"), Some("table-reader")),
        choose(Vec::new(), &BTreeMap::new(), Asked { pipeline: "x", ..Asked::default() }),
    ]
    .into_iter()
    .map(|result| {
        let error: CommandError = result.unwrap_err();
        assert_eq!(error.code(), 2);
        error.to_string()
    })
    .collect();
    insta::assert_snapshot!(words.join("\n"));
}

#[test]
fn nothing_says_what_to_try() {
    let hour = Duration::from_hours(1);
    let asked = Asked { pipeline: "Lease", environment: None, stage: None };
    let stage = Asked { stage: Some("page-split"), ..asked };
    let words = [
        nothing(asked, false, None, hour, (4, 0)),
        nothing(stage, true, None, hour * 36, (4, 1)),
        nothing(asked, false, Some("0a1b"), hour, (4, 0)),
        nothing(asked, false, None, hour, (4, 4)),
        nothing(stage, false, None, hour, (1, 1)),
    ];
    insta::assert_snapshot!(words.join("\n"));
}

#[test]
fn the_newest_lines_are_kept() {
    let mut kept = Kept::default();
    let one = source("data_prod", "one", "/one");
    // Each takes 10 bytes and what is beside it.
    let texts = [(30, "s", "0123456789"), (10, "s", "0123456789"), (20, "s", "0123456789")];
    for entry in entries(&one, &texts) {
        kept.add(entry);
    }
    let at = |kept: &Kept| -> Vec<i64> { kept.entries().iter().map(|entry| entry.line.at - START).collect() };
    kept.keep_newest(1_100);
    assert_eq!((at(&kept), kept.dropped), (vec![20, 30], 1));
    // Whatever its size, the newest one stays.
    kept.keep_newest(1);
    assert_eq!((at(&kept), kept.dropped), (vec![30], 2));
    let mut none = Kept::default();
    none.keep_newest(1);
    assert_eq!((at(&none), none.dropped), (vec![], 0));
    none.merge(kept);
    assert_eq!((at(&none), none.dropped), (vec![30], 2));
}

#[test]
fn a_time_is_some_and_not_too_long() {
    assert_eq!(parse_since("90m"), Ok(Duration::from_mins(90)));
    assert_eq!(parse_since("7d"), Ok(Duration::from_hours(168)));
    for (text, words) in [("0s", "for example 1h"), ("8d", "more than 7 days"), ("soon", "expected number")] {
        let error = parse_since(text).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}
