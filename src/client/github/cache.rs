//! Answers with their `ETag`s: what has not changed is not paid for again.
//!
//! <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate>:
//! a 304 does not count against the primary limit. The tokens of an App change every hour, and its tags with them.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// At most this much of answers is kept. A page of 100 runs, cut to what is read of it, has about 40 kB.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// An answer that nobody asked for in this time is forgotten.
fn max_age() -> TimeDelta {
    TimeDelta::days(35)
}

/// Answers by what was asked for. Its content can be kept and given back, so that it outlives the process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// Another server's answers are worth nothing.
    base_url: String,
    entries: BTreeMap<String, Entry>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) etag: String,
    /// JSON, cut to the fields that are read.
    pub(super) body: String,
    /// Whether there is a page after it.
    pub(super) next: bool,
    pub(super) used: DateTime<Utc>,
}

impl Cache {
    pub(super) fn of(base_url: &str) -> Self {
        Self { base_url: base_url.to_owned(), entries: BTreeMap::new() }
    }

    /// This content if it is of `base_url`, else nothing.
    pub(super) fn for_server(self, base_url: &str) -> Self {
        if self.base_url == base_url { self } else { Self::of(base_url) }
    }

    pub(super) fn get(&mut self, route: &str, now: DateTime<Utc>) -> Option<Entry> {
        let entry = self.entries.get_mut(route)?;
        entry.used = now;
        Some(entry.clone())
    }

    pub(super) fn put(&mut self, route: String, entry: Entry) {
        let now = entry.used;
        self.entries.insert(route, entry);
        self.prune(now);
    }

    pub(super) fn forget(&mut self, route: &str) {
        self.entries.remove(route);
    }

    /// How many answers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether it holds what another does, whenever that was last asked for.
    #[must_use]
    pub fn holds_the_same(&self, other: &Self) -> bool {
        self.base_url == other.base_url && self.tags().eq(other.tags())
    }

    fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(route, entry)| (route.as_str(), entry.etag.as_str()))
    }

    fn bytes(&self) -> usize {
        self.entries.iter().map(|(route, entry)| route.len() + entry.body.len()).sum()
    }

    /// Lets go of what is old, then of what was used longest ago until the rest fits.
    fn prune(&mut self, now: DateTime<Utc>) {
        self.entries.retain(|_, entry| now - entry.used <= max_age());
        let mut bytes = self.bytes();
        if bytes <= MAX_BYTES {
            return;
        }
        let mut by_use: Vec<(DateTime<Utc>, String)> =
            self.entries.iter().map(|(route, entry)| (entry.used, route.clone())).collect();
        by_use.sort_unstable();
        for (_, route) in by_use {
            if bytes <= MAX_BYTES {
                break;
            }
            let entry = self.entries.remove(&route);
            bytes -= route.len() + entry.map_or(0, |entry| entry.body.len());
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn entry(bytes: usize, second: i64) -> Entry {
        Entry { etag: "\"1\"".into(), body: "x".repeat(bytes), next: false, used: at(second) }
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let mut cache = Cache::of("a");
        cache.put("old".into(), entry(MAX_BYTES / 2, 1));
        cache.put("used".into(), entry(MAX_BYTES / 4, 2));
        cache.get("old", at(3)).unwrap();
        cache.put("new".into(), entry(MAX_BYTES / 2 - 100, 4));
        assert!(cache.get("used", at(5)).is_none());
        assert!(cache.get("old", at(5)).is_some() && cache.get("new", at(5)).is_some());
        cache.put("late".into(), entry(1, 5 + 36 * 86_400));
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn it_survives_being_kept_and_is_dropped_for_another_server() {
        let mut cache = Cache::of("https://a");
        cache.put("/x".into(), entry(3, 1));
        let kept: Cache = serde_json::from_str(&serde_json::to_string(&cache).unwrap()).unwrap();
        assert_eq!(kept.clone().for_server("https://a"), cache);
        cache.get("/x", at(9)).unwrap();
        assert!(cache != kept && cache.holds_the_same(&kept), "to be asked for is no news");
        cache.put("/x".into(), Entry { etag: "\"2\"".into(), ..entry(3, 9) });
        assert!(!cache.holds_the_same(&kept));
        assert!(kept.for_server("https://b").is_empty());
    }

    proptest! {
        #[test]
        fn for_all_answers_the_cache_keeps_to_its_size_and_keeps_the_newest_that_fits(
            sizes in proptest::collection::vec(0..MAX_BYTES / 3, 1..12)
        ) {
            let mut cache = Cache::of("a");
            for (number, size) in (0..).zip(sizes) {
                cache.put(number.to_string(), entry(size, number));
                prop_assert!(cache.bytes() <= MAX_BYTES);
                prop_assert!(cache.get(&number.to_string(), at(number)).is_some());
            }
        }
    }
}
