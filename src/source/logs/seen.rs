//! Which events have been dealt with, of the minutes that are read again and again for what comes late.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Milliseconds of a minute.
pub(super) const MINUTE: i64 = 60_000;

/// Hexadecimal digits of a key.
const DIGITS: usize = 16;

/// The start of the minute of an instant, both Unix milliseconds.
#[must_use]
pub fn minute_of(at: i64) -> i64 {
    at.div_euclid(MINUTE).saturating_mul(MINUTE)
}

/// What is remembered of an event: 64 bits of a hash of its id, the same in every process. Among the million events of a
/// busy group's open minutes, one in thirty million such groups holds two that are taken for one.
#[must_use]
pub fn key(id: &str) -> u64 {
    let hash = Sha256::digest(id.as_bytes());
    hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Keys of events by the minute in which they were written. In JSON the keys of a minute are one text, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen(BTreeMap<i64, HashSet<u64>>);

impl Seen {
    /// Whether an event of that time is among them.
    #[must_use]
    pub fn has(&self, at: i64, key: u64) -> bool {
        self.0.get(&minute_of(at)).is_some_and(|keys| keys.contains(&key))
    }

    /// Remembers an event of that time.
    pub fn add(&mut self, at: i64, key: u64) {
        self.0.entry(minute_of(at)).or_default().insert(key);
    }

    /// Forgets the minutes before that of `at`.
    pub fn forget_before(&mut self, at: i64) {
        self.0 = self.0.split_off(&minute_of(at));
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values().map(HashSet::len).sum()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Seen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(minute, keys)| {
            let mut keys: Vec<u64> = keys.iter().copied().collect();
            keys.sort_unstable();
            let mut text = String::with_capacity(keys.len() * DIGITS);
            for key in keys {
                _ = write!(text, "{key:016x}");
            }
            (minute, text)
        }))
    }
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let minutes: BTreeMap<i64, String> = BTreeMap::deserialize(deserializer)?;
        let read = |text: &str| -> Option<HashSet<u64>> {
            let parts = text.as_bytes().chunks(DIGITS);
            parts.map(|part| u64::from_str_radix(str::from_utf8(part).ok()?, 16).ok()).collect()
        };
        let minutes = minutes
            .into_iter()
            .map(|(minute, text)| Some((minute, read(&text).filter(|_| text.len().is_multiple_of(DIGITS))?)));
        minutes.collect::<Option<_>>().map(Self).ok_or_else(|| D::Error::custom("keys of events are not hexadecimal"))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn for_all_keys_what_is_written_is_read(all in proptest::collection::vec((-200_000_i64..200_000, any::<u64>()), 0..50)) {
            let mut seen = Seen::default();
            for (at, key) in &all {
                seen.add(*at, *key);
            }
            let text = serde_json::to_string(&seen).unwrap();
            let read: Seen = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&read, &seen);
            prop_assert!(all.iter().all(|(at, key)| read.has(*at, *key)));
        }
    }

    #[test]
    fn minutes_are_forgotten_whole() {
        let mut seen = Seen::default();
        for at in [59_999, 60_000, 119_999, 120_000] {
            seen.add(at, 7);
        }
        seen.forget_before(100_000);
        assert_eq!((seen.len(), seen.has(60_001, 7), seen.has(59_999, 7)), (2, true, false));
    }

    #[test]
    fn what_is_no_list_of_keys_is_refused() {
        for text in [r#"{"0":"12"}"#, r#"{"0":"000000000000000g"}"#, r#"{"0":"00000000000000000"}"#, r#"{"x":""}"#] {
            assert!(serde_json::from_str::<Seen>(text).is_err(), "{text}");
        }
    }
}
