//! Which group is read next, when there are more than can be read at once.

use std::collections::BTreeMap;

/// Milliseconds from one look to the next at a group that is talking.
const BUSY: i64 = 10_000;
/// At one that says nothing.
const SILENT: i64 = 45_000;
/// At one that does not exist: most endpoints that nobody has invoked have none.
const MISSING: i64 = 60_000;
/// At one that may not be read.
const DENIED: i64 = 300_000;
/// At one of which more can be had at once.
const MORE: i64 = 1_000;

/// What a look at a group found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// There is more to be had at once.
    More,
    /// It is talking.
    Events,
    /// It says nothing.
    Silence,
    /// It does not exist.
    Missing,
    /// It may not be read.
    Denied,
    /// There was no answer.
    Unanswered,
}

impl Found {
    const fn pause(self) -> i64 {
        match self {
            Self::More => MORE,
            Self::Events => BUSY,
            Self::Silence | Self::Unanswered => SILENT,
            Self::Missing => MISSING,
            Self::Denied => DENIED,
        }
    }
}

/// Requests an hour for so many groups within a budget a second: when nobody says anything, and at most.
#[must_use]
pub fn requests_per_hour(groups: u64, per_second: u32) -> (u64, u64) {
    let most = u64::from(per_second) * 3_600;
    let every = |pause: i64| groups * 3_600_000 / pause.unsigned_abs();
    (every(SILENT).min(most), every(BUSY).min(most))
}

/// When each group was looked at, and how often it should be. Instants are Unix milliseconds.
///
/// Who waits the longest, measured by its own pause, comes first. So with too many groups all are read less often in the
/// same proportion: those that talk more often than those that do not, and none is left out.
#[derive(Debug, Clone, Default)]
pub struct Schedule(BTreeMap<String, (i64, i64)>);

impl Schedule {
    /// Keeps these groups alone; new ones are due at once.
    pub fn follow<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        let mut before = std::mem::take(&mut self.0);
        self.0 = names
            .into_iter()
            .map(|name| before.remove_entry(name).unwrap_or((name.to_owned(), (i64::MIN, 0))))
            .collect();
    }

    /// The group whose turn it is; `None` when none is due.
    #[must_use]
    pub fn next(&self, now: i64) -> Option<&str> {
        let waits = |(looked_at, pause): (i64, i64)| now.saturating_sub(looked_at) >= pause;
        let due = self.0.iter().filter(|(_, turn)| waits(**turn));
        let share = |(looked_at, pause): (i64, i64)| {
            // A group that was never looked at waits for ever.
            i128::from(now.saturating_sub(looked_at)) * 1_000 / i128::from(pause.max(MORE))
        };
        // The first by name among equals.
        due.rev().max_by_key(|(_, turn)| share(**turn)).map(|(name, _)| name.as_str())
    }

    /// A group was looked at. A clock that is set back makes it due again when it has caught up.
    pub fn looked(&mut self, name: &str, now: i64, found: Found) {
        if let Some(turn) = self.0.get_mut(name) {
            *turn = (now, found.pause());
        }
    }

    /// It is due before all that were looked at.
    pub fn hurry(&mut self, name: &str) {
        if let Some(turn) = self.0.get_mut(name) {
            *turn = (i64::MIN, 0);
        }
    }

    /// It is due again: what was found could not be used.
    pub fn again(&mut self, name: &str) {
        if let Some((_, pause)) = self.0.get_mut(name) {
            *pause = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Looks of `minutes`, by group, at `per_second`.
    fn looks(
        found: &dyn Fn(usize) -> Found,
        groups: usize,
        minutes: i64,
        per_second: i64,
    ) -> BTreeMap<usize, Vec<i64>> {
        let names: Vec<String> = (0..groups).map(|number| format!("{number:04}")).collect();
        let mut schedule = Schedule::default();
        schedule.follow(names.iter().map(String::as_str));
        let mut looks: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
        for at in (0..minutes * 60_000).step_by(usize::try_from(1_000 / per_second).unwrap_or(1)) {
            let Some(name) = schedule.next(at).map(str::to_owned) else { continue };
            let number = name.parse().unwrap_or(0);
            schedule.looked(&name, at, found(number));
            looks.entry(number).or_default().push(at);
        }
        looks
    }

    /// Once everybody has had a first turn.
    fn longest_pause(looks: &[i64]) -> i64 {
        looks.windows(2).filter(|pair| pair[0] > 200_000).map(|pair| pair[1] - pair[0]).max().unwrap_or(i64::MAX)
    }

    #[test]
    fn an_hour_is_estimated_as_it_goes() {
        let counted = |found: Found, groups: usize| {
            let all = looks(&|_| found, groups, 70, 3);
            all.values().flatten().filter(|at| (600_000..4_200_000).contains(*at)).count() as u64
        };
        for groups in [50, 1_000] {
            let (least, most) = requests_per_hour(groups, 3);
            let groups = usize::try_from(groups).unwrap_or(0);
            assert!(counted(Found::Silence, groups).abs_diff(least) * 20 <= least, "{groups}");
            assert!(counted(Found::Events, groups).abs_diff(most) * 20 <= most, "{groups}");
        }
        assert_eq!(requests_per_hour(1, 3), (80, 360));
    }

    #[test]
    fn a_few_are_read_as_often_as_they_should_be() {
        let looks = looks(&|number| if number == 0 { Found::Events } else { Found::Silence }, 50, 10, 3);
        assert!(longest_pause(&looks[&0]) <= 11_000);
        assert!((1..50).all(|number| longest_pause(&looks[&number]) <= 50_000));
    }

    #[test]
    fn too_many_are_read_in_proportion_and_none_is_left_out() {
        // One in ten talks, one has always more, one may not be read.
        let found = |number: usize| match number {
            1 => Found::More,
            2 => Found::Denied,
            number if number % 10 == 0 => Found::Events,
            _ => Found::Silence,
        };
        let looks = looks(&found, 500, 30, 3);
        assert_eq!(looks.len(), 500, "everybody had a turn");
        let (busy, silent) = (longest_pause(&looks[&10]), longest_pause(&looks[&11]));
        assert!(busy < 60_000 && silent < 270_000, "{busy} {silent}");
        let times = |number: usize| looks[&number].len();
        assert!(times(1) > 5 * times(10) && times(10) > 3 * times(11) && times(11) > 3 * times(2));
        // What always has more does not get more than a tenth of all.
        assert!(times(1) < 30 * 60 * 3 / 10, "{}", times(1));
    }

    #[test]
    fn five_hundred_that_all_talk_have_their_turn_within_three_minutes() {
        let looks = looks(&|_| Found::Events, 500, 20, 3);
        assert!(looks.values().all(|looks| longest_pause(looks) <= 170_000));
    }

    #[test]
    fn what_is_not_followed_any_more_has_no_turn_and_what_is_new_has_one_at_once() {
        let mut schedule = Schedule::default();
        schedule.follow(["a", "b"]);
        assert_eq!(schedule.next(0), Some("a"));
        schedule.looked("a", 0, Found::Events);
        schedule.looked("b", 0, Found::Silence);
        assert_eq!((schedule.next(9_999), schedule.next(10_000)), (None, Some("a")));
        schedule.follow(["b", "c"]);
        assert_eq!(schedule.next(10_000), Some("c"));
        schedule.looked("c", 10_000, Found::Missing);
        assert_eq!((schedule.next(44_999), schedule.next(45_000)), (None, Some("b")));
        schedule.again("c");
        assert_eq!(schedule.next(44_999), Some("c"));
        schedule.hurry("b");
        assert_eq!(schedule.next(44_999), Some("b"));
    }
}
