use super::*;
use crate::source::logs::tests::read_one;

fn counted(texts: &[&str]) -> Tally {
    let mut counts = Counts::default();
    for (text, key) in texts.iter().zip(0..) {
        let mut reading = read_one(text);
        reading.keys = vec![(reading.line.at, key)];
        assert!(counts.add(&reading));
    }
    let closed = counts.close(i64::MAX);
    assert_eq!(closed.len(), 1);
    closed[0].1
}

#[test]
fn a_minute_is_told_in_numbers() {
    let report = "REPORT RequestId: 8f5c0b9e-1234-4000-8000-00000000000a\tDuration: 1 ms\tMemory Size: 128 MB";
    let tally = counted(&[
        "INFO: x",
        "ERROR: timed out",
        "ERROR: y",
        &format!("{report}\tMax Memory Used: 60 MB\tInit Duration: 200 ms"),
        &format!("{report}\tMax Memory Used: 90 MB"),
    ]);
    assert_eq!((tally.lines, tally.errors, tally.cold_starts), (5, 2, 1));
    assert_eq!((tally.of(Class::Timeout), tally.of(Class::Other)), (1, 1));
    assert_eq!((tally.used_mb, tally.memory_mb), (Some(90.0), Some(128.0)));
}

#[test]
fn a_closed_minute_stays_closed_and_a_forgotten_one_is_counted_anew() {
    let mut counts = Counts::default();
    let reading = read_one("ERROR: x");
    let minute = floor(reading.line.at);
    assert!(counts.add(&reading));
    assert!(!counts.add(&reading));
    counts.forget(minute, minute + MINUTE);
    assert!(counts.add(&reading), "counted anew");
    assert_eq!(counts.close(minute), []);
    assert_eq!(counts.close(minute + MINUTE).len(), 1);
    assert!(!counts.add(&reading), "its minute is closed");
    assert_eq!(counts.minutes().count(), 0);
}
