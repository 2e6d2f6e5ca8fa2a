//! Minutes in a row with a backlog and no instance. Pure.

use serde::{Deserialize, Serialize};

use super::window::{MINUTE, Window};

/// A hole in the data up to this many seconds does not end a run.
const HOLE: i64 = 15 * MINUTE;
/// Runs that ended longer ago than any re-read are forgotten, in seconds.
const KEPT: i64 = 90 * MINUTE;

/// A run of minutes, the first and the last of them in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// First minute.
    pub start: i64,
    /// Last minute seen.
    pub last: i64,
    /// Whether a minute after it is known to be fine; else it may go on.
    pub over: bool,
}

/// Minutes in a row up to each minute of the window, and the runs to remember. `stuck` is what
/// `HasBacklogWithoutCapacity` said, 0 or 1; `None` is not known and neither ends nor lengthens a run.
#[must_use]
pub fn count(runs: &[Run], window: Window, stuck: impl Fn(i64) -> Option<f64>) -> (Vec<(i64, i64)>, Vec<Run>) {
    let reaches = |run: &&Run| {
        let ended_before = run.over && run.last < window.start - MINUTE;
        run.start < window.start && run.last >= window.start - HOLE && !ended_before
    };
    let before = runs.iter().rev().find(reaches).copied();
    let mut kept: Vec<Run> =
        runs.iter().filter(|run| run.last < window.start && Some(**run) != before).copied().collect();
    // What the window says about its own minutes counts, not what an earlier poll said.
    let mut current = before.map(|run| Run { last: run.last.min(window.start - MINUTE), over: false, ..run });
    let mut counted = Vec::new();
    for minute in window.iter() {
        match stuck(minute) {
            None => {}
            Some(value) if value >= 1.0 => {
                let start = current.map_or(minute, |run| run.start);
                current = Some(Run { start, last: minute, over: false });
                counted.push((minute, (minute - start) / MINUTE + 1));
            }
            Some(_) => {
                kept.extend(current.take().map(|run| Run { over: true, ..run }));
                counted.push((minute, 0));
            }
        }
    }
    kept.extend(current);
    kept.retain(|run| run.last >= window.end - KEPT);
    (counted, kept)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_run_that_ended_inside_the_reread_keeps_its_length() {
        let stuck = |minute: i64| Some(f64::from(u8::from((60..600).contains(&minute))));
        let (_, runs) = count(&[], Window { start: 0, end: 540 }, stuck);
        let (_, runs) = count(&runs, Window { start: 300, end: 720 }, stuck);
        let (counted, _) = count(&runs, Window { start: 480, end: 900 }, stuck);
        assert_eq!(counted[..3], [(480, 8), (540, 9), (600, 0)]);
    }

    proptest! {
        #[test]
        fn for_all_histories_polls_count_as_one_long_look_does(
            history in proptest::collection::vec(any::<bool>(), 1..80), step in 1_usize..7, reread in 0_usize..12,
        ) {
            let minutes = i64::try_from(history.len()).unwrap_or(0);
            let stuck = |minute: i64| {
                usize::try_from(minute / 60).ok().and_then(|m| history.get(m)).map(|&stuck| f64::from(u8::from(stuck)))
            };
            let (whole, _) = count(&[], Window { start: 0, end: minutes * 60 }, stuck);
            let mut seen = BTreeMap::new();
            let mut runs = Vec::new();
            let mut end = 0;
            while end < history.len() {
                let start = end.saturating_sub(reread);
                end = (end + step).min(history.len());
                let window = Window { start: 60 * i64::try_from(start).unwrap_or(0), end: 60 * i64::try_from(end).unwrap_or(0) };
                let counted;
                (counted, runs) = count(&runs, window, stuck);
                for (minute, value) in counted {
                    // A minute that is read again says what it said before.
                    prop_assert_eq!(*seen.entry(minute).or_insert(value), value);
                }
            }
            prop_assert_eq!(seen.into_iter().collect::<Vec<_>>(), whole);
        }
    }
}
