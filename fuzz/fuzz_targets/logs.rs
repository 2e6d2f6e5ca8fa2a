//! Lines of logs, from events to what Datadog would be given: nothing panics, no event is lost, and what is redacted
//! stays so.

#![no_main]

use std::sync::{Arc, LazyLock};

use ddsync::model::log::{Event, Origin};
use ddsync::source::logs::assemble::{Assembler, Limits};
use ddsync::source::logs::choose::{Rules as Choice, Whose};
use ddsync::source::logs::counts::Counts;
use ddsync::source::logs::read::read;
use ddsync::source::logs::redact::{Redaction, Rules};
use ddsync::source::logs::split::split;
use libfuzzer_sys::fuzz_target;

static REDACTION: LazyLock<Redaction> = LazyLock::new(|| Redaction::new(&Rules::default()).expect("our own rules"));

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let origin = Arc::new(Origin::default());
    let limits = Limits { events: 5, bytes: 500, gap: 50, waiting: 1_000 };
    let mut assembler = Assembler::new(limits);
    let (mut done, mut events, mut counts) = (Vec::new(), 0, Counts::default());
    // The first character of each line is its stream.
    for (at, line) in (0_i64..).zip(text.split('\u{1}')) {
        let stream = line.chars().next().map(String::from).unwrap_or_default();
        let event = Event { id: at.to_string(), stream, at, ingested_at: at, text: line.to_owned() };
        assembler.push(event, &mut done);
        events += 1;
    }
    assembler.flush_all(&mut done);
    assert_eq!(done.iter().map(|joined| joined.keys.len()).sum::<usize>(), events);
    for joined in done {
        let reading = read(joined, &origin, &REDACTION);
        assert_eq!(REDACTION.text(&reading.line.message), reading.line.message);
        assert!(counts.add(&reading));
        let _ = Choice::default().verdict(&reading, Whose::default());
        assert!(split(reading.line, 100, 4).len() <= 4);
    }
});
