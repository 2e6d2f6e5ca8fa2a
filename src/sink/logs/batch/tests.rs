#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Read;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::sink::logs::tests::line;

fn unpacked(body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(body).read_to_end(&mut plain).unwrap();
    plain
}

#[test]
fn a_thousand_lines_fill_a_body() {
    let lines: Vec<Line> = (0..2_500).map(|number| line(number, 1, "x")).collect();
    let all: Vec<usize> = (0..lines.len()).collect();
    let mut batcher = Batcher::new(&lines, &all, &[], LIMITS);
    let mut rest = 0..all.len();
    let mut sizes = Vec::new();
    while !rest.is_empty() {
        let (batch, further) = batcher.next(rest).unwrap();
        assert_eq!(unpacked(&batch.body).len(), batch.raw);
        sizes.push(batch.lines.len());
        rest = further;
    }
    assert_eq!(sizes, [1_000, 1_000, 500]);
}

#[test]
fn a_line_that_no_body_can_hold_is_refused_alone() {
    let lines = [line(0, 1, "a"), line(1, 1, &"x".repeat(1_000_000)), line(2, 1, "b")];
    let mut batcher = Batcher::new(&lines, &[0, 1, 2], &[], LIMITS);
    let (batch, rest) = batcher.next(0..3).unwrap();
    assert_eq!((batch.lines, batch.refused, batch.range, rest), (vec![0, 2], vec![(1, "too_large")], 0..3, 3..3));
}

proptest! {
    #[test]
    fn for_all_lines_every_body_is_within_the_limits_and_every_line_is_in_one(
        lengths in proptest::collection::vec(0_usize..1_500, 0..60),
        skipped in any::<u64>(),
    ) {
        let limits = Limits { items: 7, raw: 2_500, item: 1_200 };
        let lines: Vec<Line> = lengths.iter().enumerate().map(|(id, length)| line(id, 1, &"\u{e9}".repeat(length / 2))).collect();
        let sendable: Vec<usize> = (0..lines.len()).filter(|index| skipped >> (index % 64) & 1 == 0).collect();
        let mut batcher = Batcher::new(&lines, &sendable, &[], limits);
        let mut rest = 0..sendable.len();
        let mut seen = Vec::new();
        while !rest.is_empty() {
            let (batch, further) = batcher.next(rest.clone()).unwrap();
            prop_assert!(further.start > rest.start, "it does not go on");
            prop_assert_eq!(batch.body.is_empty(), batch.lines.is_empty());
            let plain = if batch.lines.is_empty() { b"[]".to_vec() } else { unpacked(&batch.body) };
            let items: Vec<Value> = serde_json::from_slice(&plain).unwrap();
            prop_assert!(batch.lines.is_empty() || plain.len() == batch.raw);
            prop_assert!(plain.len() <= limits.raw && items.len() <= limits.items);
            let ids: Vec<usize> = items.iter().map(|item| item["event_id"].as_str().unwrap().parse().unwrap()).collect();
            prop_assert_eq!(&ids, &batch.lines);
            for item in &items {
                prop_assert!(item.to_string().len() <= limits.item);
            }
            let mut taken: Vec<usize> = ids.into_iter().chain(batch.refused.iter().map(|(index, _)| *index)).collect();
            taken.sort_unstable();
            seen.extend(taken);
            rest = further;
        }
        prop_assert_eq!(seen, sendable);
    }
}
