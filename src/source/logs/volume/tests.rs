#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;

/// Eight in the evening of a Friday.
const NOW: i64 = 20_600 * DAY + 20 * 3_600;

fn day(number: i64) -> i64 {
    span(NOW).start + number * DAY
}

fn answer(complete: bool, points: &[(i64, f64)]) -> Answer {
    Answer { complete, points: points.iter().map(|(number, value)| (day(*number), *value)).collect() }
}

fn volume(bytes: &[(i64, f64)], events: &[(i64, f64)]) -> Option<Volume> {
    of_answers(&[answer(true, bytes), answer(true, events)], span(NOW).end)
}

fn of(days: u32, bytes: f64, events: f64) -> Volume {
    Volume { days, bytes, events }
}

#[test]
fn seven_full_days_are_asked_for() {
    assert_eq!(span(NOW), 20_593 * DAY..20_600 * DAY);
    assert_eq!(span(20_600 * DAY), 20_593 * DAY..20_600 * DAY);
    assert_eq!(span(20_600 * DAY - 1).end, 20_599 * DAY);
}

#[test]
fn a_day_without_anything_counts_once_something_was_written() {
    // Nobody works on the weekend in the middle.
    let worked = [(0, 70.0), (1, 70.0), (4, 70.0), (5, 70.0), (6, 70.0)];
    assert_eq!(volume(&worked, &worked), Some(of(7, 50.0, 50.0)));
}

#[test]
fn days_before_a_group_was_there_do_not_count() {
    assert_eq!(volume(&[(5, 10.0), (6, 30.0)], &[(5, 1.0), (6, 2.0)]), Some(of(2, 20.0, 1.5)));
    // Zeros that somebody publishes are no beginning, and an event may be empty.
    assert_eq!(volume(&[(0, 0.0), (6, 8.0)], &[(0, 0.0), (5, 1.0), (6, 1.0)]), Some(of(2, 4.0, 1.0)));
}

#[test]
fn nothing_written_is_known_and_what_came_in_part_is_not() {
    assert_eq!(volume(&[], &[]), Some(of(0, 0.0, 0.0)));
    for (bytes, events) in [(false, true), (true, false)] {
        let both = [answer(bytes, &[(6, 1.0)]), answer(events, &[(6, 1.0)])];
        assert_eq!(of_answers(&both, span(NOW).end), None);
    }
}

#[test]
fn a_cap_is_for_all_groups_of_a_pipeline_together() {
    let groups = [
        ("lease", Some(of(7, 60.0, 6.0))),
        ("invoices", Some(of(3, 80.0, 8.0))),
        ("lease", Some(of(7, 140.0, 14.0))),
        ("lease", Some(of(0, 0.0, 0.0))),
        ("claims", None),
    ];
    let all = Total { groups: 5, silent: 1, unknown: 1, days: 7, bytes: 280.0, events: 28.0, ..Total::default() };
    assert_eq!(total(groups, None), Total { sent_bytes: 280.0, sent_events: 28.0, ..all });
    assert_eq!(total(groups, Some(100)), Total { sent_bytes: 180.0, sent_events: 18.0, ..all });
    assert_eq!(total([], Some(1)), Total::default());
}

#[test]
fn two_metrics_of_each_group_are_asked_side_by_side() {
    let names = [["/aws/lambda/a".to_owned()], ["/aws/lambda/b".to_owned()]];
    let asked: Vec<_> = queries(&names).iter().map(|query| (query.metric, query.values[0].clone())).collect();
    let wanted = ["a", "b"].map(|name| METRICS.map(|metric| (metric, format!("/aws/lambda/{name}"))));
    assert_eq!(asked, wanted.concat());
    assert_eq!(MAX_QUERIES % METRICS.len(), 0, "a group is never cut in two");
}

/// Points of some of the seven days.
fn points() -> impl Strategy<Value = Vec<(i64, f64)>> {
    proptest::collection::btree_map(0_i64..DAYS, (0_u32..1_000_000).prop_map(f64::from), 0..8)
        .prop_map(|points| points.into_iter().collect())
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() <= one.abs().max(other.abs()) * 1e-9
}

proptest! {
    #[test]
    fn for_all_days_the_mean_times_their_number_is_what_was_written(bytes in points(), events in points()) {
        let sum = |points: &[(i64, f64)]| points.iter().map(|(_, value)| value).sum::<f64>();
        let found = volume(&bytes, &events).expect("all of it came");
        let days = f64::from(found.days);
        prop_assert!(near(found.bytes * days, sum(&bytes)) && near(found.events * days, sum(&events)));
        prop_assert_eq!(found.days == 0, sum(&bytes) + sum(&events) == 0.0);
        prop_assert!(found.days <= 7);
    }

    #[test]
    fn for_all_caps_no_pipeline_sends_more_and_none_is_cut_below_it(
        groups in proptest::collection::vec(("[ab]", 0_u32..1_000, 0_u32..100), 0..9), cap in 1_u64..2_000,
    ) {
        let groups: Vec<_> = groups
            .iter()
            .map(|(name, bytes, events)| (name.as_str(), Some(of(1, f64::from(*bytes), f64::from(*events)))))
            .collect();
        let (all, capped) = (total(groups.clone(), None), total(groups.clone(), Some(cap)));
        let mut parts = Total::default();
        for name in ["a", "b"] {
            let own = groups.iter().filter(|(pipeline, _)| *pipeline == name).copied();
            let part = total(own, Some(cap));
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let most = part.bytes.min(cap as f64);
            prop_assert!(near(part.sent_bytes, most), "{:?}", part);
            prop_assert!(part.sent_events <= part.events);
            parts.add(&part);
        }
        prop_assert_eq!((parts.groups, parts.days), (capped.groups, capped.days));
        prop_assert!(near(parts.sent_bytes, capped.sent_bytes) && near(parts.sent_events, capped.sent_events));
        prop_assert!(near(all.sent_bytes, all.bytes) && near(capped.bytes, all.bytes));
    }
}
