//! Which minutes a poll reads. Pure: the clock and the checkpoint are arguments.

use chrono::{DateTime, Utc};

use crate::config::settings::Metrics;
use crate::model::catalogue::Tier;

/// Seconds that one point stands for.
pub const MINUTE: i64 = 60;
/// How far a first start reads back, and how far a restart reads back before its checkpoint, in seconds: what was sent
/// is remembered in memory only.
pub const RESTART_REREAD: i64 = 15 * MINUTE;

/// Minutes from `start` up to but without `end`; Unix seconds, both on a full minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First minute.
    pub start: i64,
    /// First minute that is not part of it.
    pub end: i64,
}

impl Window {
    /// How many minutes.
    #[must_use]
    pub fn minutes(&self) -> usize {
        usize::try_from((self.end - self.start) / MINUTE).unwrap_or(0)
    }

    /// The minutes, by their starts.
    pub fn iter(&self) -> impl Iterator<Item = i64> + use<> {
        (self.start..self.end).step_by(60)
    }
}

/// What to read now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// Everything that is asked for, what was read before included.
    pub read: Window,
    /// What becomes committed; windows of one job tile time.
    pub fresh: Window,
    /// Minutes that can no longer be had: an outage was longer than `metrics.backfill`.
    pub lost: Option<Window>,
}

impl Next {
    /// The same, but reading back to `unread`, the first minute in which something was not asked for, as far as `rules`
    /// allow, and never before `since`, from when on series carry the tags that they carry now.
    #[must_use]
    pub fn reaching(mut self, unread: Option<i64>, since: Option<i64>, now: DateTime<Utc>, rules: Rules) -> Self {
        let oldest = rules.oldest(now.timestamp());
        let back = unread.map_or(self.read.start, |unread| floor(unread).max(oldest));
        let start = self.read.start.min(back).max(since.map_or(i64::MIN, floor));
        self.read.start = start.min(self.read.end);
        self
    }
}

/// How a tier reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Seconds that a minute is left alone before it is first read.
    pub delay: i64,
    /// Seconds read again on every poll.
    pub reread: i64,
    /// Seconds of the longest outage that is read again.
    pub backfill: i64,
}

impl Rules {
    /// The rules of a tier.
    #[must_use]
    pub fn of(metrics: &Metrics, tier: Tier) -> Self {
        let seconds = |span: std::time::Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        let reread = match tier {
            Tier::Hot => metrics.reread_hot,
            Tier::Warm => metrics.reread_warm,
        };
        Self { delay: seconds(metrics.delay), reread: seconds(reread), backfill: seconds(metrics.backfill) }
    }

    /// The same, reading back as far as any tier does: a point may come later than the hot tier usually reads back.
    #[must_use]
    pub fn deep(self, metrics: &Metrics) -> Self {
        let furthest = Self::of(metrics, Tier::Warm).reread;
        Self { reread: self.reread.max(furthest), ..self }
    }

    /// The first minute that is read again after an outage.
    fn oldest(self, now: i64) -> i64 {
        floor(now - self.backfill) + MINUTE
    }
}

/// The next window after `committed` (first minute not yet delivered), or `None` when no new minute is ready.
///
/// `restarted` is true until the first poll of a process has succeeded: memory of what was sent is empty then.
/// A checkpoint further ahead than is read again is one of a clock that has been set back since. What it says about
/// minutes that had not come is not believed: the usual minutes are read, and the checkpoint goes back to them.
#[must_use]
pub fn next(committed: Option<i64>, restarted: bool, now: DateTime<Utc>, rules: Rules) -> Option<Next> {
    let now = now.timestamp();
    let end = floor(now - rules.delay);
    let oldest = rules.oldest(now);
    let first_start = committed.is_none();
    let ahead = committed.is_some_and(|committed| committed > end.saturating_add(rules.reread));
    let restarted = restarted || ahead;
    let committed = if ahead { end } else { committed.unwrap_or(end - RESTART_REREAD) };
    if end <= committed && !restarted {
        return None;
    }
    let reread = match (first_start, restarted) {
        (true, _) => 0,
        (false, true) => rules.reread.max(RESTART_REREAD),
        (false, false) => rules.reread,
    };
    let first = committed.max(oldest);
    // Before a first start nobody was there to lose anything.
    let lost = (!first_start && committed < oldest).then_some(Window { start: committed, end: oldest });
    let read = Window { start: floor(first - reread).max(oldest).min(end), end };
    Some(Next { read, fresh: Window { start: first, end: end.max(first) }, lost })
}

/// The start of the minute.
#[must_use]
pub fn floor(at: i64) -> i64 {
    at - at.rem_euclid(MINUTE)
}

/// The start of the minute, for a time that somebody else wrote: between 1970 and the year 4000.
#[must_use]
pub fn floor_plausible(at: i64) -> i64 {
    floor(at.clamp(0, 64_000_000_000))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use proptest::prelude::*;

    use super::*;

    const RULES: Rules = Rules { delay: 120, reread: 300, backfill: 55 * 60 };

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn a_first_start_reads_fifteen_minutes_and_commits_them() {
        let next = next(None, true, at(100_000 * 60 + 7), RULES).unwrap();
        assert_eq!(next.fresh, Window { start: (100_000 - 17) * 60, end: (100_000 - 2) * 60 });
        assert_eq!(next.read, next.fresh);
        assert_eq!(next.lost, None);
    }

    #[test]
    fn a_first_start_loses_nothing_however_short_the_backfill() {
        let next = next(None, true, at(100_000 * 60 + 7), Rules { backfill: 10 * 60, ..RULES }).unwrap();
        assert_eq!(next.fresh, Window { start: (100_000 - 9) * 60, end: (100_000 - 2) * 60 });
        assert_eq!(next.lost, None);
    }

    #[test]
    fn a_poll_in_the_same_minute_has_nothing_new() {
        let committed = (100_000 - 2) * 60;
        assert_eq!(next(Some(committed), false, at(100_000 * 60 + 59), RULES), None);
    }

    #[test]
    fn an_outage_beyond_the_limit_is_named() {
        let committed = (100_000 - 90) * 60;
        let next = next(Some(committed), true, at(100_000 * 60), RULES).unwrap();
        assert_eq!(next.lost, Some(Window { start: committed, end: (100_000 - 54) * 60 }));
        assert_eq!(next.read, Window { start: (100_000 - 54) * 60, end: (100_000 - 2) * 60 });
        assert_eq!(next.fresh, next.read);
    }

    #[test]
    fn a_checkpoint_in_the_future_does_not_stop_reading() {
        let committed = (100_000 + 60) * 60;
        let end = (100_000 - 2) * 60;
        for restarted in [false, true] {
            let next = next(Some(committed), restarted, at(100_000 * 60), RULES).unwrap();
            assert_eq!(next.read, Window { start: end - RESTART_REREAD, end });
            assert_eq!((next.fresh, next.lost), (Window { start: end, end }, None));
        }
        // The clock was corrected by some seconds: what comes is read again anyway.
        assert_eq!(next(Some(end + 60), false, at(100_000 * 60), RULES), None);
    }

    #[test]
    fn a_window_reaches_back_to_what_is_unread_and_not_to_other_tags() {
        let (now, end) = (at(100_000 * 60), (100_000 - 2) * 60);
        let plain = next(Some(end - 60), false, now, RULES).unwrap();
        let start = |unread, since| plain.reaching(unread, since, now, RULES).read.start;
        assert_eq!(start(None, None), end - 360);
        assert_eq!(start(Some(end - 1800), None), end - 1800);
        assert_eq!(start(Some(end - 18_000), None), (100_000 - 54) * 60);
        assert_eq!(start(Some(end - 60), None), end - 360);
        assert_eq!(start(Some(end - 1800), Some(end - 120)), end - 120);
        assert_eq!(start(None, Some(end + 600)), end);
        assert_eq!(plain.reaching(Some(0), None, now, RULES).fresh, plain.fresh);
    }

    proptest! {
        #[test]
        fn for_all_poll_times_fresh_windows_tile_time(
            pauses in proptest::collection::vec((1_i64..4000, any::<bool>()), 1..60),
            delay in 0_i64..600, reread in 0_i64..1800,
        ) {
            let rules = Rules { delay, reread, backfill: 3300 };
            let mut now = 6_000_000_i64;
            let mut committed = None;
            for (pause, restarted) in pauses {
                now += pause;
                let Some(next) = next(committed, restarted, at(now), rules) else { continue };
                if let Some(committed) = committed {
                    let covered_from = next.lost.map_or(next.fresh.start, |lost| lost.start);
                    prop_assert_eq!(covered_from, committed);
                    if let Some(lost) = next.lost {
                        prop_assert_eq!(lost.end, next.fresh.start);
                    }
                }
                prop_assert!(next.read.start <= next.fresh.start && next.read.end <= next.fresh.end);
                prop_assert!(next.fresh.minutes() == 0 || next.read.end == next.fresh.end);
                prop_assert!(next.read.minutes() == 0 || next.read.start > now - rules.backfill - 60);
                prop_assert!(next.read.end <= now - delay);
                prop_assert_eq!((next.read.start % 60, next.read.end % 60), (0, 0));
                committed = Some(next.fresh.end);
            }
        }
    }
}
