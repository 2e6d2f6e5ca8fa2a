//! What discovery remembers between rounds and restarts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::epochs::{self, Epoch};
use super::series_tags;
use crate::client::aws::sagemaker::{EndpointConfig, ListedEndpoint};
use crate::client::aws::tagging::Tagged;
use crate::model::resource::{Endpoint, Resource, ResourceKind};

/// Seconds after which it is worth storing for the time of the latest round alone. Far below what `epochs::KEPT` has
/// to spare over the hour of which Datadog takes points.
const STORED_AGAIN: u64 = 600;

/// Seconds for which the last minutes of what is gone are read: Datadog takes points of the last hour only.
const READ_AFTER_GONE: i64 = 55 * 60;

/// Kept in the state by the caller. It must be stored before an inventory that was made with it is used: a crash
/// between the two would otherwise lose a change of tags, and minutes already sent would be sent again under new ones.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Endpoints that have been described, by name in lower case.
    endpoints: BTreeMap<String, Remembered>,
    /// Endpoints that are gone, as they were last described: their last minutes are still to be read.
    departed: BTreeMap<String, Remembered>,
    /// Endpoint configurations by name.
    configs: BTreeMap<String, EndpointConfig>,
    /// Series tags over time, by ARN.
    histories: BTreeMap<String, History>,
    /// What each pipeline is made of, by what names it.
    shapes: BTreeMap<String, Shape>,
    /// ARNs that are tagged and of which there is no endpoint, by the latest round that asked. Not worth storing.
    #[serde(skip)]
    orphans: BTreeSet<String>,
    /// The latest discovery, Unix seconds.
    latest: i64,
}

/// A described endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Remembered {
    /// As its own API spells it.
    pub(super) name: String,
    /// What was said.
    pub(super) endpoint: Endpoint,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct History {
    /// The latest discovery that saw it, Unix seconds.
    seen: i64,
    /// The first discovery after that, which did not see it, Unix seconds.
    #[serde(default)]
    missed: Option<i64>,
    epochs: Arc<[Epoch]>,
}

/// What a pipeline's own series are computed from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Shape {
    /// First minute of this shape, Unix seconds.
    since: i64,
    /// The latest discovery that saw it, Unix seconds.
    seen: i64,
    parts: Vec<String>,
}

impl Memory {
    /// Whether it holds something that `stored`, an earlier copy, does not. Every round is a later one, which alone is
    /// worth storing only now and then.
    #[must_use]
    pub fn is_worth_storing(&self, stored: &Self) -> bool {
        let same_epochs = self.histories.len() == stored.histories.len()
            && self.histories.iter().all(|(arn, history)| {
                let same = |stored: &History| (&stored.epochs, stored.missed) == (&history.epochs, history.missed);
                stored.histories.get(arn).is_some_and(same)
            });
        !same_epochs
            || self.endpoints != stored.endpoints
            || self.departed != stored.departed
            || !self.has_shapes_of(stored)
            || self.configs != stored.configs
            || self.latest.abs_diff(stored.latest) >= STORED_AGAIN
    }

    /// Starts a round at `now`, Unix seconds, and gives the instant from which changes of tags count: not before the
    /// latest round, even if the clock was set back, unless it had been far ahead.
    pub(super) fn open(&mut self, now: i64) -> i64 {
        let now = if self.latest > now + epochs::KEPT { now } else { now.max(self.latest) };
        self.latest = now;
        // Kept a while after it is gone: should it come back under other tags, its old minutes keep theirs.
        self.histories.retain(|_, history| history.seen >= now - epochs::KEPT);
        self.shapes.retain(|_, shape| shape.seen >= now - epochs::KEPT);
        let named: BTreeSet<String> = self.histories.keys().map(|arn| known(arn).name.to_lowercase()).collect();
        self.departed.retain(|name, _| named.contains(name));
        now
    }

    /// Notes the series tags of a resource in a round that [`open`](Self::open)ed at `now`.
    pub(super) fn see(&mut self, arn: &str, tags: &Arc<[String]>, now: i64) {
        let history = self.histories.entry(arn.to_owned()).or_insert_with(|| History {
            seen: now,
            missed: None,
            epochs: Arc::from([]),
        });
        history.seen = now;
        history.missed = None;
        if let Some(epochs) = epochs::seen(&history.epochs, tags, now) {
            history.epochs = epochs.into();
        }
    }

    /// The tags of a resource over time; empty for one that was never seen.
    pub(super) fn epochs(&self, arn: &str) -> Arc<[Epoch]> {
        self.histories.get(arn).map_or_else(|| Arc::from([]), |history| history.epochs.clone())
    }

    /// What is known of an endpoint; its name is compared without case.
    pub(super) fn endpoint(&self, name: &str) -> Option<&Remembered> {
        self.endpoints.get(&name.to_lowercase())
    }

    /// Whether an endpoint has to be described: it is new, changed, or on its way somewhere.
    pub(super) fn is_outdated(&self, listed: &ListedEndpoint) -> bool {
        self.endpoint(&listed.name).is_none_or(|Remembered { endpoint, .. }| {
            endpoint.modified_at != listed.modified_at
                || endpoint.created_at != listed.created_at
                || endpoint.status != listed.status
                || !is_final(&endpoint.status)
        })
    }

    pub(super) fn remember(&mut self, name: String, endpoint: Endpoint) {
        self.endpoints.insert(name.to_lowercase(), Remembered { name, endpoint });
    }

    /// The first minute, Unix seconds, in which a pipeline has been made of `parts`: its lag and its bottleneck are not
    /// computed anew for minutes in which it was another. `whole` is false while some of it is still to be described:
    /// then a pipeline that looks changed has no such minute yet.
    pub(super) fn shaped_since(&mut self, pipeline: String, parts: Vec<String>, whole: bool) -> i64 {
        let (latest, known) = (self.latest, self.shapes.get_mut(&pipeline));
        match known {
            Some(shape) if shape.parts == parts => {
                shape.seen = latest;
                shape.since
            }
            _ if !whole => i64::MAX,
            known => {
                // What is seen for the first time has always been as it is.
                let since = if known.is_some() { latest - latest.rem_euclid(60) } else { i64::MIN };
                self.shapes.insert(pipeline, Shape { since, seen: latest, parts });
                since
            }
        }
    }

    fn has_shapes_of(&self, stored: &Self) -> bool {
        let same = |(name, shape): (&String, &Shape)| {
            stored.shapes.get(name).is_some_and(|stored| (stored.since, &stored.parts) == (shape.since, &shape.parts))
        };
        self.shapes.len() == stored.shapes.len() && self.shapes.iter().all(same)
    }

    /// Notes that a tagged ARN names no endpoint.
    pub(super) fn orphan(&mut self, arn: &str) {
        self.orphans.insert(arn.to_owned());
    }

    /// Forgets every orphan but those of these ARNs, which are tagged and not listed. One that is listed again was made
    /// anew, and is only not described yet.
    pub(super) fn keep_orphans(&mut self, unlisted: &BTreeSet<String>) {
        self.orphans.retain(|arn| unlisted.contains(arn));
    }

    /// Whether the latest round that asked found no endpoint of this ARN. Until it is asked again it is not one that is
    /// only not described yet.
    pub(super) fn is_orphan(&self, resource: &Resource) -> bool {
        self.orphans.contains(&resource.arn) && self.endpoint(&resource.name).is_none()
    }

    pub(super) fn forget(&mut self, name: &str) {
        let name = name.to_lowercase();
        if let Some(endpoint) = self.endpoints.remove(&name) {
            self.departed.insert(name, endpoint);
        }
    }

    /// Forgets every endpoint but these, named in lower case.
    pub(super) fn keep_endpoints(&mut self, names: &BTreeSet<String>) {
        let gone: Vec<String> = self.endpoints.keys().filter(|name| !names.contains(*name)).cloned().collect();
        for name in gone {
            self.forget(&name);
        }
    }

    /// Notes which resources the latest round has not seen. Call it after everything there is was [`see`](Self::see)n.
    pub(super) fn miss(&mut self) {
        let latest = self.latest;
        for history in self.histories.values_mut().filter(|history| history.seen < latest) {
            history.missed.get_or_insert(latest);
        }
    }

    /// Resources that were there up to an hour before the latest round and were not in it, each with the first minute
    /// that does not belong to it any more. CloudWatch shows their last minutes late, as everybody's.
    pub(super) fn gone(&self) -> Vec<(Resource, i64)> {
        let missed = self.histories.iter().filter_map(|(arn, history)| Some((arn, history.missed?)));
        missed
            .filter(|(_, missed)| *missed >= self.latest - READ_AFTER_GONE)
            .filter_map(|(arn, missed)| {
                let mut resource = known(arn);
                if let ResourceKind::Endpoint(endpoint) = &mut resource.kind {
                    let lower = resource.name.to_lowercase();
                    let last = self.departed.get(&lower).or_else(|| self.endpoints.get(&lower))?;
                    resource.name.clone_from(&last.name);
                    *endpoint = Some(last.endpoint.clone());
                }
                // It may have lived until the round that missed it: discovery may have failed in between.
                Some((resource, missed - missed.rem_euclid(60) + 60))
            })
            .collect()
    }

    pub(super) fn config(&self, name: &str) -> Option<&EndpointConfig> {
        self.configs.get(name)
    }

    pub(super) fn remember_config(&mut self, name: String, config: EndpointConfig) {
        self.configs.insert(name, config);
    }

    /// The configuration of an endpoint that was made anew may have been, too, under its old name.
    pub(super) fn forget_config_of_recreated(&mut self, listed: &ListedEndpoint) {
        let recreated = |known: &&Remembered| known.endpoint.created_at != listed.created_at;
        if let Some(config) = self.endpoint(&listed.name).filter(recreated).map(|k| k.endpoint.config_name.clone()) {
            self.configs.remove(&config);
        }
    }

    /// Forgets configurations that no endpoint uses.
    pub(super) fn sweep_configs(&mut self) {
        let used: BTreeSet<&str> = self.endpoints.values().map(|known| known.endpoint.config_name.as_str()).collect();
        self.configs.retain(|name, _| used.contains(name.as_str()));
    }
}

/// What an ARN alone tells.
fn known(arn: &str) -> Resource {
    series_tags::resource(Tagged { arn: arn.to_owned(), tags: BTreeMap::new() })
}

/// Whether a status stays until somebody changes the endpoint.
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html>
fn is_final(status: &str) -> bool {
    matches!(status, "InService" | "OutOfService" | "Failed" | "UpdateRollbackFailed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_that_changes_nothing_is_stored_only_now_and_then() {
        let tags = |team: &str| -> Arc<[String]> { Arc::from([team.to_owned()]) };
        let mut stored = Memory::default();
        stored.open(1_000_000);
        stored.see("arn", &tags("team:a"), 1_000_000);
        assert!(stored.is_worth_storing(&Memory::default()));
        let round = |team: &str, now: i64| {
            let mut memory = stored.clone();
            let now = memory.open(now);
            memory.see("arn", &tags(team), now);
            memory
        };
        assert!(!round("team:a", 1_000_060).is_worth_storing(&stored));
        assert!(round("team:b", 1_000_060).is_worth_storing(&stored));
        assert!(round("team:a", 1_000_600).is_worth_storing(&stored));
        let mut more = stored.clone();
        more.remember_config("config".into(), EndpointConfig::default());
        assert!(more.is_worth_storing(&stored));
    }

    #[test]
    fn an_orphan_is_one_until_it_is_described() {
        let mut memory = Memory::default();
        let resource = known("arn:aws:sagemaker:us-west-2:111122223333:endpoint/scan-old");
        assert!(!memory.is_orphan(&resource));
        memory.orphan(&resource.arn);
        assert!(memory.is_orphan(&resource));
        memory.remember("Scan-Old".into(), Endpoint::for_tests());
        assert!(!memory.is_orphan(&resource));
    }

    #[test]
    fn a_pipeline_that_changes_counts_from_the_minute_that_has_begun() {
        let mut memory = Memory::default();
        let mut since = |now: i64, part: &str, whole| {
            memory.open(now);
            memory.shaped_since("Lease/data_dev".to_owned(), vec![part.to_owned()], whole)
        };
        assert_eq!(since(600_000, "a", false), i64::MAX, "not known before it is described");
        assert_eq!(since(600_001, "a", true), i64::MIN, "seen for the first time");
        assert_eq!(since(600_090, "b", false), i64::MAX, "perhaps only not described yet");
        assert_eq!(since(600_091, "a", false), i64::MIN);
        assert_eq!(since(600_150, "b", true), 600_120);
        assert_eq!(since(600_900, "b", true), 600_120);
    }

    #[test]
    fn the_last_minutes_of_what_is_gone_are_read_for_an_hour() {
        let arn = "arn:aws:sagemaker:us-west-2:111122223333:endpoint/page-split";
        let mut memory = Memory::default();
        memory.open(600_030);
        memory.see(arn, &Arc::from(["team:a".to_owned()]), 600_030);
        memory.remember("Page-Split".into(), Endpoint::for_tests());
        assert!(memory.gone().is_empty());

        memory.open(600_090);
        memory.keep_endpoints(&BTreeSet::new());
        memory.miss();
        let gone = memory.gone();
        assert_eq!(gone.len(), 1);
        assert_eq!((gone[0].0.name.as_str(), gone[0].1), ("Page-Split", 600_120));
        assert!(memory.endpoint("page-split").is_none());

        memory.open(600_090 + READ_AFTER_GONE + 60);
        memory.miss();
        assert!(memory.gone().is_empty());
    }
}
