//! When `CloudWatch` shows a minute: most after two minutes, some much later, some first with too low a sum.

use super::{dice, values::Metric, world::Resource};

/// Seconds after the start of a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// From when there is a value.
    pub visible: i64,
    /// From when it is the final one.
    pub settled: i64,
}

/// One point in this many is late.
const LATE: f64 = 0.03;
/// One sum in this many is first shown too low.
const PROVISIONAL: f64 = 0.02;

/// When the minute that starts at `minute` is shown; all statistics of it together.
pub(super) fn arrival(seed: u64, resource: &Resource, metric: &Metric, minute: i64) -> Arrival {
    let roll = |what: &str| {
        let words = [&resource.account, &resource.name, metric.name, what];
        dice::unit(dice::roll(seed, &words, minute))
    };
    if resource.load == super::world::Load::Uniform {
        return Arrival { visible: 60, settled: 60 };
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds, a few hundred")]
    let between = |low: f64, high: f64, what: &str| (low + (high - low) * roll(what)) as i64;
    if roll("late") < LATE {
        let visible = between(170.0, 540.0, "when");
        return Arrival { visible, settled: visible };
    }
    let visible = between(90.0, 170.0, "when");
    let settled =
        if metric.is_sum() && roll("provisional") < PROVISIONAL { between(240.0, 480.0, "settled") } else { visible };
    Arrival { visible, settled }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::sim::{Company, World, values};

    #[test]
    fn points_arrive_as_often_late_as_they_should() {
        let opened = chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let world = World::new(5, &Company::Example, opened);
        let all = world.resources();
        let resource = all.iter().find(|r| r.name == "lease-trigger").unwrap();
        let metric = values::metrics_of(&resource.kind).find(|m| m.name == "Invocations").unwrap();
        let arrivals: Vec<_> = (0..10_000).map(|n| arrival(5, resource, metric, n * 60)).collect();
        let late = arrivals.iter().filter(|a| a.visible > 170).count();
        let changed = arrivals.iter().filter(|a| a.settled > a.visible).count();
        assert!((200..400).contains(&late), "{late}");
        assert!((120..280).contains(&changed), "{changed}");
        assert!(arrivals.iter().all(|a| (90..=540).contains(&a.visible) && a.settled <= 540));
    }
}
