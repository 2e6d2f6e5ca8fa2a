//! What holds for any line, and a million lines that are no line.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::source::logs::counts::Counts;
use crate::source::logs::split::{encoded, split};
use crate::source::logs::{ansi, choose, trace};

const CASES: u64 = 1_000_000;
const THREADS: u64 = 2;

/// What lines are made of, when they are made to break something.
const TOKENS: &[&str] = &[
    "Traceback (most recent call last):",
    "  File \"a.py\"",
    "\n",
    "\r\n",
    "\t",
    " ",
    "  ",
    "ValueError: ",
    "Caused by: ",
    "\tat x",
    "ERROR",
    "[INFO ]",
    "INFO:",
    "W-9000-m",
    " W-1 x - ",
    "{",
    "}",
    "{\"",
    "\":",
    "\"",
    "[",
    "]",
    ",",
    ":",
    "=",
    "\\",
    "\\\"",
    "'",
    "null",
    "1e999",
    "-0",
    "\\ud83d",
    "\u{0}",
    "\u{1b}",
    "\u{1b}[31m",
    "\u{1b}]0;",
    "\u{7}",
    "\u{fffd}",
    "\u{202e}",
    "\u{5e9}",
    "\u{1f600}",
    "e\u{301}",
    "password",
    "password=",
    "token: ",
    "secret",
    "AKIA",
    "eyJ",
    "://",
    "@",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    "Bearer ",
    "REPORT RequestId: ",
    "START RequestId: ",
    "END RequestId: ",
    "INIT_START ",
    "Task timed out after ",
    "8f5c0b9e-1234-4000-8000-00000000000a",
    "Duration: 1 ms",
    "Init Duration: ",
    "\"type\":\"platform.report\"",
    "\"record\":{}",
    "\"level\":\"error\"",
    "\"message\":\"x\"",
    "request_id=",
    "inference-id",
    "[sagemaker logs]",
    "\"POST / HTTP/1.1\" 5",
    "E0501 ",
    "level=",
    "a",
    "Z",
    "0",
    "4111111111111111",
    "[redacted]",
    "[redac",
    "api key ",
    "0123456789abcdef0123456789abcdef",
    "='x'",
    "('",
    ")",
    "password: [",
    "tokens: [",
    "a1b2c3d4e5f6g7",
    "PASS=",
    "?sig=",
    "mysql -p",
    "curl -u a:",
    "x@y.z",
];

/// Splitmix64: the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(most).expect("small")).expect("small")
    }

    fn line(&mut self, line: &mut String) {
        line.clear();
        for _ in 0..self.below(6) {
            line.push_str(TOKENS[self.below(TOKENS.len())]);
        }
    }
}

fn any_line() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        3 => proptest::sample::select(TOKENS).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    proptest::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat())
}

/// All texts of each writer of each stream, a line each.
fn by_writer(texts: Vec<(String, String)>) -> BTreeMap<(String, String), String> {
    let mut all: BTreeMap<_, String> = BTreeMap::new();
    for (stream, text) in texts {
        let writer = trace::writer(&text).0.to_owned();
        let _ = writeln!(all.entry((stream, writer)).or_default(), "{text}");
    }
    all
}

fn any_events() -> impl Strategy<Value = Vec<Event>> {
    let one = (0..3_usize, any_line());
    proptest::collection::vec(one, 0..20).prop_map(|lines| {
        let number = lines.into_iter().enumerate();
        number.map(|(number, (stream, text))| event(number, &format!("stream {stream}"), &text)).collect()
    })
}

#[test]
fn a_million_lines_break_nothing() {
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                let mut dice = Dice(thread);
                let (redaction, origin) = (redaction(), origin());
                let mut assembler = Assembler::new(Limits { events: 10, bytes: 200, gap: 50, waiting: 500 });
                let (mut done, mut line, mut read_lines) = (Vec::new(), String::new(), 0);
                for number in 0..CASES / THREADS {
                    dice.line(&mut line);
                    let stream = if number % 7 == 0 { "a/data-log" } else { "b" };
                    assembler.push(event(usize::try_from(number).expect("small"), stream, &line), &mut done);
                    for joined in done.drain(..) {
                        read_lines += joined.keys.len();
                        let reading = read(joined, &origin, redaction);
                        assert!(reading.line.id.len() == 56);
                    }
                }
                assembler.flush_all(&mut done);
                assert_eq!(read_lines + done.iter().map(|joined| joined.keys.len()).sum::<usize>(), 500_000);
            });
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Every event is in one line, once, and those of a writer are in order.
    #[test]
    fn joining_loses_nothing(events in any_events()) {
        let plain = events.iter().map(|event| {
            let mut text = event.text.clone();
            ansi::strip(&mut text);
            (event.stream.clone(), text)
        });
        let before = by_writer(plain.collect());
        let out = joined(events.clone());
        prop_assert_eq!(out.iter().map(|joined| joined.keys.len()).sum::<usize>(), events.len());
        let after = out.into_iter().map(|joined| (joined.event.stream, joined.event.text));
        prop_assert_eq!(before, by_writer(after.collect()));
    }

    /// What is redacted stays as it is.
    #[test]
    fn redacting_again_changes_nothing(line in any_line(), own in proptest::bool::ANY) {
        let patterns = if own { vec![r"\w{3,}".to_owned(), "redac".to_owned()] } else { Vec::new() };
        let rules = Rules { credentials: false, emails: true, cards: true, patterns };
        let more = Redaction::new(&rules).expect("rules");
        let once = redaction().text(&line).into_owned();
        prop_assert_eq!(redaction().text(&once), once.as_str(), "of {:?}", line);
        let once = more.text(&once).into_owned();
        prop_assert_eq!(more.text(&once), once.as_str(), "of {:?}", line);
    }

    /// A line is kept or dropped for ever, and of a larger share nothing is missing that is in a smaller one.
    #[test]
    fn sampling_is_decided_by_the_id(id in any::<String>(), one in 0.0..1.0_f64, other in 0.0..1.0_f64) {
        prop_assert_eq!(choose::is_in_share(&id, one), choose::is_in_share(&id, one));
        let (less, more) = (one.min(other), one.max(other));
        prop_assert!(!choose::is_in_share(&id, less) || choose::is_in_share(&id, more));
        prop_assert!(choose::is_in_share(&id, 1.0) && !choose::is_in_share(&id, 0.0));
    }

    /// Parts fit, and are the whole.
    #[test]
    fn splitting_loses_nothing(line in any_line(), times in 1..40_usize, most in 64..400_usize) {
        let mut reading = read_one("x");
        reading.line.message = line.repeat(times);
        let whole = reading.line.message.clone();
        let parts = split(reading.line.clone(), most, usize::MAX);
        prop_assert_eq!(parts.iter().map(|part| part.message.as_str()).collect::<String>(), whole.clone());
        prop_assert!(parts.iter().all(|part| encoded(&part.message) <= most));
        let few = split(reading.line, most, 2);
        prop_assert!(few.len() <= 2 && few.iter().all(|part| encoded(&part.message) <= most));
        prop_assert!(few.len() == parts.len() || few[1].message.ends_with(" bytes more]"));
    }

    /// However often a line is counted, it counts once.
    #[test]
    fn counting_again_changes_nothing(events in any_events()) {
        let mut counts = Counts::default();
        let readings: Vec<Reading> =
            joined(events).into_iter().map(|joined| read(joined, &origin(), redaction())).collect();
        for reading in &readings {
            prop_assert!(counts.add(reading));
        }
        let once: Vec<_> = counts.minutes().map(|(minute, tally)| (minute, *tally)).collect();
        prop_assert_eq!(once.iter().map(|(_, tally)| tally.lines).sum::<u64>(), readings.len() as u64);
        prop_assert!(readings.iter().rev().all(|reading| !counts.add(reading)));
        prop_assert_eq!(counts.minutes().map(|(minute, tally)| (minute, *tally)).collect::<Vec<_>>(), once);
    }
}
