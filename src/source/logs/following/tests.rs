use proptest::prelude::*;

use super::*;
use crate::model::log::Status;
use crate::source::logs::choose::{Keep, Rule};
use crate::source::logs::reader::tests::{event, group, policy};

const START: i64 = 1_788_739_200_000;

/// One group, of which what is no error is left out.
fn following(daily_bytes: Option<u64>) -> Following {
    let at_most = Some(Status::Info);
    let none = Rule { pipeline: None, environment: None, stage: None, at_most, pattern: None, keep: Keep::None };
    let mut following = Following {
        policy: policy(vec![none]),
        schedule: Schedule::default(),
        groups: BTreeMap::new(),
        positions: BTreeMap::new(),
        sent: Account::default(),
        quiet: BTreeMap::new(),
        under_way: BTreeSet::new(),
    };
    following.policy.rules.daily_bytes = daily_bytes;
    following.follow(vec![group()], START);
    following
}

/// What is collected of a page with so many lines that are kept, each after one that is not.
fn collect(following: &mut Following, kept: usize) -> Collected {
    let (name, at) = (group().name, START + 60_000);
    following.groups.get_mut(&name).map(|followed| followed.reader.window(at).clone());
    let text = |number: usize| if number.is_multiple_of(2) { "INFO: x" } else { "WARN: x" };
    let events = (0..2 * kept).map(|number| event(&number.to_string(), START, START, text(number))).collect();
    let mut collected = following.begin(at);
    following.under_way.insert(name.clone());
    following.take(&name, EventPage { events, next: None }, false, &mut collected);
    collected
}

#[test]
fn what_was_collected_and_not_settled_is_read_again() {
    let mut following = following(None);
    let collected = collect(&mut following, 2_500);
    let parts = collected.parts();
    assert_eq!((parts.len(), collected.lines.len()), (3, 2_500));
    following.settle(&collected, &parts[0], |_| true);
    // The run ends here, whatever ended it.
    following.follow(vec![group()], START);
    assert_eq!(collect(&mut following, 2_500).lines.len(), 2_500 - parts[0].lines.len());
}

#[test]
fn what_is_left_out_is_told_once_however_often_it_is_read() {
    let mut following = following(None);
    let mut told = Vec::new();
    for settled in [5, 0, 10] {
        let collected = collect(&mut following, 10);
        let left_out = following.settle(&collected, &collected.parts()[0], |line| line < settled);
        told.push(left_out.get(&Verdict::Excluded).copied().unwrap_or_default());
    }
    assert_eq!(told, [6, 0, 4]);
}

#[test]
fn a_ceiling_is_for_what_was_sent_and_not_for_what_was_tried() {
    let line = "WARN: x".len() as u64;
    let mut following = following(Some(4 * line));
    for _ in 0..100 {
        let collected = collect(&mut following, 10);
        assert_eq!(collected.lines.len(), 4);
        following.settle(&collected, &collected.parts()[0], |_| false);
        assert_eq!(following.sent.sent(&group().ceiling_key()), 0);
    }
    let collected = collect(&mut following, 10);
    following.settle(&collected, &collected.parts()[0], |line| line < 3);
    assert_eq!(following.sent.sent(&group().ceiling_key()), 3 * line);
    let collected = collect(&mut following, 10);
    assert_eq!(collected.lines.len(), 1);
    following.settle(&collected, &collected.parts()[0], |_| true);
    assert_eq!(following.sent.sent(&group().ceiling_key()), 4 * line + 1, "above it from now on");
}

proptest! {
    #[test]
    fn for_all_items_parts_hold_each_of_them_and_about_a_body_of_lines(
        lines in proptest::collection::vec(prop_oneof![0_usize..3, 0_usize..700], 0..60),
    ) {
        let mut collected = Collected::default();
        let mut end = 0;
        for lines in lines {
            let item = Item { keys: Vec::new(), verdict: Verdict::Kept, bytes: 0, is_error: false, lines: Vec::new() };
            collected.items.push((String::new(), item, end..end + lines));
            end += lines;
        }
        let parts = collected.parts();
        let (mut items, mut told) = (0, 0);
        for part in &parts {
            prop_assert_eq!((part.items.start, part.lines.start), (items, told));
            prop_assert!(!part.items.is_empty() && part.lines.len() < 2 * MOST_LINES);
            (items, told) = (part.items.end, part.lines.end);
        }
        prop_assert_eq!((items, told), (collected.items.len(), end));
        let full = parts.iter().filter(|part| part.lines.len() >= MOST_LINES).count();
        prop_assert!(full + 1 >= parts.len());
    }
}
