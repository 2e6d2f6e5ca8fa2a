//! Which tags a minute's points carry. Once a minute has been sent, its tags never change.

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

/// Epochs that ended longer ago than this are forgotten: Datadog takes points of the last hour only. Seconds.
pub(super) const KEPT: i64 = 2 * 3600;
/// The beginning of time: what is seen for the first time has always had its tags. Unix seconds.
const ALWAYS: i64 = i64::MIN / 2;

/// From when on a resource has had some tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// Unix seconds, on a full minute.
    pub since: i64,
    /// Normalised series tags, sorted, without repetition.
    pub tags: Arc<[String]>,
}

/// Tags of the minute that starts at `minute`, Unix seconds. `epochs` are in ascending order of time; before the first
/// of them its tags count. Empty only when there are no epochs.
#[must_use]
pub fn at(epochs: &[Epoch], minute: i64) -> &Arc<[String]> {
    static NONE: LazyLock<Arc<[String]>> = LazyLock::new(|| Arc::from([]));
    let newest = epochs.iter().rev().find(|epoch| epoch.since <= minute);
    newest.or(epochs.first()).map_or(&NONE, |epoch| &epoch.tags)
}

/// The epochs after a discovery at `now` (Unix seconds) that saw `tags`; `None` when nothing changes.
///
/// A change takes effect with the minute that has just begun: no minute that is over gets other tags.
pub(super) fn seen(epochs: &[Epoch], tags: &Arc<[String]>, now: i64) -> Option<Vec<Epoch>> {
    let Some(last) = epochs.last() else {
        return Some(vec![Epoch { since: ALWAYS, tags: tags.clone() }]);
    };
    let changed = last.tags != *tags;
    let forgotten = epochs.windows(2).take_while(|pair| pair[1].since < now - KEPT).count();
    if !changed && forgotten == 0 {
        return None;
    }
    let mut kept = epochs[forgotten..].to_vec();
    if changed {
        let since = now - now.rem_euclid(60);
        // Two changes in one minute: the later one has it.
        kept.retain(|epoch| epoch.since < since);
        kept.push(Epoch { since: if kept.is_empty() { ALWAYS } else { since }, tags: tags.clone() });
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::memory::Memory;
    use super::*;

    fn tags(which: u8) -> Arc<[String]> {
        Arc::from([format!("team:t{which}")])
    }

    #[test]
    fn a_change_counts_from_the_minute_that_has_begun() {
        let first = seen(&[], &tags(0), 1_000_030).unwrap();
        assert_eq!(seen(&first, &tags(0), 1_000_090), None);
        let second = seen(&first, &tags(1), 1_000_090).unwrap();
        assert_eq!(at(&second, 1_000_020), &tags(0));
        assert_eq!(at(&second, 1_000_080), &tags(1));
        assert_eq!(at(&second, 1_000_140), &tags(1));
    }

    #[test]
    fn what_ended_two_hours_ago_is_forgotten() {
        let mut epochs = Vec::new();
        for (change, now) in [(0, 0), (1, 6000), (2, 12_000), (2, 13_260)] {
            if let Some(next) = seen(&epochs, &tags(change), now) {
                epochs = next;
            }
        }
        assert_eq!(epochs.len(), 2);
        assert_eq!(at(&epochs, 0), &tags(1));
    }

    #[test]
    fn no_epochs_are_no_tags() {
        assert!(at(&[], 0).is_empty());
    }

    proptest! {
        /// Rounds at any distance, the clock set back now and then, the resource gone in some of them: once a minute
        /// is over, every later inventory gives it the same tags, for as long as Datadog would take its points.
        #[test]
        fn for_all_sequences_of_tags_a_minute_that_is_over_keeps_its_tags(
            rounds in proptest::collection::vec((-200_i64..2000, proptest::option::of(0_u8..3)), 1..40)
        ) {
            const START: i64 = 1_800_000_000;
            let mut memory = Memory::default();
            let mut now = START;
            let mut latest = i64::MIN;
            let mut sent: BTreeMap<i64, Arc<[String]>> = BTreeMap::new();
            for (step, change) in rounds {
                now += step;
                latest = latest.max(now);
                let from = memory.open(now);
                if let Some(which) = change {
                    memory.see("arn", &tags(which), from);
                    // A restart in between changes nothing.
                    let text = serde_json::to_string(&memory).unwrap();
                    memory = serde_json::from_str(&text).unwrap();
                    let epochs = memory.epochs("arn");
                    prop_assert!(epochs.is_sorted_by_key(|epoch| epoch.since));
                    let over = latest - latest.rem_euclid(60) - 60;
                    for minute in (over - 3600..=over).step_by(60) {
                        let tags = at(&epochs, minute);
                        prop_assert_eq!(sent.entry(minute).or_insert_with(|| tags.clone()), tags);
                    }
                }
            }
        }
    }
}
