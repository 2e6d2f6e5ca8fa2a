//! What was sent in the minutes that are read again, so that only new and changed points are sent.

use std::collections::HashMap;
use std::sync::Arc;

use super::minutes::Minutes;
use crate::model::series::Point;

/// A series within a scope: a subject's key and the series' name.
pub type SeriesKey = (Arc<str>, Arc<str>);

/// Values as they were delivered, by series and minute.
#[derive(Debug, Default)]
pub struct Memory {
    /// By subject, then by the series' name. A subject has a few dozen at most, which a list holds in half the space of a map.
    subjects: HashMap<Arc<str>, Vec<(Arc<str>, Sent)>>,
}

/// What has been delivered of one series.
#[derive(Debug, Default)]
pub struct Sent(Minutes);

impl Sent {
    /// Whether exactly this value has been delivered.
    #[must_use]
    pub fn holds(&self, minute: i64, value: f64) -> bool {
        self.value(minute).is_some_and(|known| known.to_bits() == value.to_bits())
    }

    /// What has been delivered for that minute.
    #[must_use]
    pub fn value(&self, minute: i64) -> Option<f64> {
        self.0.get(minute)
    }

    /// Whether any value has been delivered for that minute.
    #[must_use]
    pub fn knows(&self, minute: i64) -> bool {
        self.value(minute).is_some()
    }
}

impl Memory {
    /// What has been delivered of a series; `None` when nothing was.
    #[must_use]
    pub fn of(&self, (subject, name): &SeriesKey) -> Option<&Sent> {
        let series = self.subjects.get(subject)?;
        series.iter().find(|(known, _)| same(known, name)).map(|(_, sent)| sent)
    }

    /// Notes delivered points.
    pub fn note(&mut self, (subject, name): &SeriesKey, points: &[Point]) {
        let series = match self.subjects.get_mut(subject) {
            Some(series) => series,
            None => self.subjects.entry(Arc::clone(subject)).or_default(),
        };
        let index = series.iter().position(|(known, _)| same(known, name)).unwrap_or_else(|| {
            series.push((Arc::clone(name), Sent::default()));
            series.len() - 1
        });
        let Sent(minutes) = &mut series[index].1;
        for point in points {
            minutes.set(point.at, point.value);
        }
    }

    /// Forgets minutes before `oldest`, and series that have none left.
    pub fn forget_before(&mut self, oldest: i64) {
        self.subjects.retain(|_, series| {
            series.retain_mut(|(_, Sent(minutes))| minutes.forget_before(oldest));
            !series.is_empty()
        });
    }
}

/// Names nearly always come from the same place.
fn same(a: &Arc<str>, b: &Arc<str>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn for_all_orders_of_notes_the_last_value_of_a_minute_is_held(
            notes in proptest::collection::vec((0_i64..40, 0_i32..5), 0..80), oldest in 0_i64..50,
        ) {
            let key: SeriesKey = ("a".into(), "b".into());
            let mut memory = Memory::default();
            let mut last = std::collections::BTreeMap::new();
            for (minute, value) in notes {
                memory.note(&key, &[Point { at: minute * 60, value: f64::from(value) }]);
                last.insert(minute, f64::from(value));
            }
            memory.forget_before(oldest * 60);
            for minute in 0..40 {
                let value = last.get(&minute).filter(|_| minute >= oldest);
                let sent = memory.of(&key);
                prop_assert_eq!(sent.is_some_and(|sent| sent.knows(minute * 60)), value.is_some());
                if let Some(&value) = value {
                    prop_assert!(sent.is_some_and(|sent| sent.holds(minute * 60, value)));
                }
            }
        }
    }
}
