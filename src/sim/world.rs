//! What the pretend company has: its resources, when each exists, and every minute of every metric, computed on demand.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Company, company, lateness,
    values::{self, Metric, Summary},
};

pub mod logs;
mod truth;

pub use truth::Truth;

/// The region where everything is.
pub const REGION: &str = "us-west-2";

/// One thing in an account.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Twelve digits.
    pub account: String,
    /// The name its API answers, in the API's case.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its tags as the Tagging API shows them; empty for what has lost them all.
    pub tags: Vec<(String, String)>,
    /// False for what was never tagged: the Tagging API does not know it.
    pub listed: bool,
    /// How it is used.
    pub load: Load,
    /// From when it exists.
    pub since: DateTime<Utc>,
    /// From when it no longer exists.
    pub until: Option<DateTime<Utc>>,
    /// Deleted between listing and describing: still in the list, `DescribeEndpoint` no longer finds it.
    pub vanished: bool,
}

/// The kinds of resources.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A `SageMaker` endpoint.
    Endpoint(Endpoint),
    /// A tagged endpoint ARN with no endpoint behind it.
    Orphan,
    /// A Lambda function.
    Function,
    /// An S3 bucket.
    Bucket,
    /// A Firehose stream.
    Stream,
    /// A Textract operation: it has metrics and no tags.
    Operation,
    /// Something of a type nobody measures.
    Job,
}

/// A `SageMaker` endpoint with one production variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// How it is invoked.
    pub mode: Mode,
    /// The variant's name.
    pub variant: String,
    /// Instance type; empty for a serverless variant.
    pub instance: String,
    /// Instances it wants at its busiest.
    pub count: u32,
    /// `InService`, `Failed` and so on.
    pub status: String,
}

/// How an endpoint is invoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Requests wait in a queue of the endpoint.
    Async,
    /// Requests wait for their answer.
    RealTime,
    /// No instances of its own.
    Serverless,
    /// The model is an inference component, not part of the endpoint's configuration.
    Component,
}

/// How a resource is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Rush hours at 10 and 15 o'clock Pacific time.
    Steady,
    /// Work waits and there is no instance to do it.
    Stuck,
    /// As steady, twelve times slower.
    Slow,
    /// As steady, a third of the work fails.
    Failing,
    /// Used so seldom that most minutes have nothing.
    Rare,
    /// Every resource the same, for benchmarks.
    Uniform,
    /// Publishes nothing.
    Silent,
}

/// The company.
#[derive(Debug)]
pub struct World {
    seed: u64,
    opened: DateTime<Utc>,
    held: RwLock<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: Vec<Arc<Resource>>,
    /// By account, first dimension and name.
    by_name: HashMap<(String, &'static str, String), Arc<Resource>>,
}

impl Held {
    fn of(all: Vec<Arc<Resource>>) -> Self {
        let by_name = all
            .iter()
            .filter_map(|r| {
                let dimension = values::dimension(&r.kind)?;
                Some(((r.account.clone(), dimension, r.name.clone()), r.clone()))
            })
            .collect();
        Self { all, by_name }
    }
}

impl World {
    /// The company of `seed`, as it is when it opens.
    #[must_use]
    pub fn new(seed: u64, company: &Company, opened: DateTime<Utc>) -> Self {
        let all = company::resources(company, opened);
        Self { seed, opened, held: RwLock::new(Held::of(all.into_iter().map(Arc::new).collect())) }
    }

    /// When the company opened: the simulated time at which the services started.
    #[must_use]
    pub fn opened(&self) -> DateTime<Utc> {
        self.opened
    }

    fn held(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that was ever there, in the order in which it was made.
    #[must_use]
    pub fn resources(&self) -> Vec<Arc<Resource>> {
        self.held().all.clone()
    }

    /// What `account` has at `now`.
    pub(super) fn existing(&self, account: &str, now: DateTime<Utc>) -> Vec<Arc<Resource>> {
        let held = self.held();
        let here = held.all.iter().filter(|r| r.account == account);
        here.filter(|r| r.exists(now)).cloned().collect()
    }

    /// The resource whose metrics carry the dimension `key` = `name`.
    pub(super) fn by_dimension(&self, account: &str, key: &'static str, name: &str) -> Option<Arc<Resource>> {
        let held = self.held();
        let found = held.by_name.get(&(account.to_owned(), key, name.to_owned()));
        found.cloned()
    }

    /// The final value of one statistic of the minute that starts at `minute` (Unix seconds); `None` when nothing is published.
    #[must_use]
    pub fn value(&self, resource: &Resource, metric: &str, statistic: &str, minute: i64) -> Option<f64> {
        let metric = values::metrics_of(&resource.kind).find(|m| m.name == metric)?;
        self.summary(resource, metric, minute)?.statistic(statistic, metric)
    }

    /// The final summary of a minute.
    fn summary(&self, resource: &Resource, metric: &Metric, minute: i64) -> Option<Summary> {
        let at = DateTime::from_timestamp(minute, 0)?;
        if !resource.exists(at) {
            return None;
        }
        values::summary(self.seed, resource, metric, minute)
    }

    /// What `CloudWatch` shows of a minute at `now`: nothing yet, a provisional summary, or the final one.
    pub(super) fn shown(
        &self,
        resource: &Resource,
        metric: &Metric,
        minute: i64,
        now: DateTime<Utc>,
    ) -> Option<Summary> {
        let arrival = lateness::arrival(self.seed, resource, metric, minute);
        let age = now.timestamp() - minute;
        if age < arrival.visible {
            return None;
        }
        let summary = self.summary(resource, metric, minute)?;
        Some(if age < arrival.settled { summary.provisional() } else { summary })
    }

    /// Changes every resource called `name`; false when there is none.
    fn change(&self, name: &str, how: impl Fn(&mut Resource)) -> bool {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let mut all = held.all.clone();
        let mut found = false;
        for resource in all.iter_mut().filter(|r| r.name == name) {
            how(Arc::make_mut(resource));
            found = true;
        }
        *held = Held::of(all);
        found
    }

    /// Sets a tag of every resource called `name`, or takes it away; false when there is none.
    pub fn retag(&self, name: &str, key: &str, value: Option<&str>) -> bool {
        self.change(name, |resource| {
            resource.tags.retain(|(k, _)| k != key);
            if let Some(value) = value {
                resource.tags.push((key.to_owned(), value.to_owned()));
            }
        })
    }

    /// The endpoints called `name` stay in the list and can no longer be described; false when there is none.
    pub fn vanish(&self, name: &str) -> bool {
        self.change(name, |resource| resource.vanished = true)
    }

    /// Every resource called `name` is gone from `now`; false when there is none.
    pub fn delete(&self, name: &str, now: DateTime<Utc>) -> bool {
        self.change(name, |resource| resource.until = Some(now))
    }

    /// A pipeline called `pipeline` with one asynchronous endpoint, `PIPELINE-reader`, appears in `account` at `now`.
    pub fn add_pipeline(&self, account: &str, pipeline: &str, now: DateTime<Utc>) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let mut all = held.all.clone();
        let added = company::added_pipeline(account, pipeline, now);
        all.extend(added.into_iter().map(Arc::new));
        *held = Held::of(all);
    }

    /// Makes the company as it was when it opened.
    pub(super) fn reopen(&self, company: &Company) {
        let all = company::resources(company, self.opened);
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        *held = Held::of(all.into_iter().map(Arc::new).collect());
    }

    /// The pipelines with a tagged resource at `now`, by account.
    #[must_use]
    pub fn pipelines(&self, now: DateTime<Utc>) -> BTreeMap<(String, String), usize> {
        let mut counts = BTreeMap::new();
        for resource in self.resources().iter().filter(|r| r.exists(now)) {
            if let Some(pipeline) = resource.tag("pipeline") {
                let key = (resource.account.clone(), pipeline.to_owned());
                *counts.entry(key).or_insert(0) += 1;
            }
        }
        counts
    }
}

impl Resource {
    /// Is it there at `now`?
    #[must_use]
    pub fn exists(&self, now: DateTime<Utc>) -> bool {
        self.since <= now && self.until.is_none_or(|until| now < until)
    }

    /// The value of its tag `key`.
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<&str> {
        let found = self.tags.iter().find(|(k, _)| k == key);
        found.map(|(_, value)| value.as_str())
    }

    /// Its ARN. `SageMaker` writes an endpoint's name there in lower case, whatever the API says.
    #[must_use]
    pub fn arn(&self) -> String {
        let Self { account, name, .. } = self;
        let lower = name.to_lowercase();
        match &self.kind {
            Kind::Endpoint(_) | Kind::Orphan => {
                format!("arn:aws:sagemaker:{REGION}:{account}:endpoint/{lower}")
            }
            Kind::Function => format!("arn:aws:lambda:{REGION}:{account}:function:{name}"),
            Kind::Bucket => format!("arn:aws:s3:::{name}"),
            Kind::Stream => format!("arn:aws:firehose:{REGION}:{account}:deliverystream/{name}"),
            Kind::Operation => format!("arn:aws:textract:{REGION}:{account}:{name}"),
            Kind::Job => format!("arn:aws:glue:{REGION}:{account}:job/{name}"),
        }
    }

    /// When its creation was asked for: an endpoint takes some minutes to be in service.
    #[must_use]
    pub fn asked(&self) -> DateTime<Utc> {
        self.since - TimeDelta::minutes(4)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_minute_is_absent_then_perhaps_provisional_then_true() {
        let opened = DateTime::from_timestamp(1_700_000_040, 0).unwrap();
        let world = World::new(11, &Company::Example, opened);
        let trigger = world.by_dimension(company::DEVELOPMENT, "FunctionName", "lease-trigger");
        let trigger = trigger.unwrap();
        let metric = values::metrics_of(&trigger.kind).next().unwrap();
        let mut provisional = 0;
        for minute in (1_700_000_040..1_700_060_040).step_by(60) {
            let sum = |age| {
                let now = DateTime::from_timestamp(minute + age, 0).unwrap();
                let shown = world.shown(&trigger, metric, minute, now)?;
                shown.statistic("Sum", metric)
            };
            let truth = world.value(&trigger, metric.name, "Sum", minute);
            assert_eq!(sum(89), None);
            assert_eq!(sum(541), truth);
            let arrival = lateness::arrival(11, &trigger, metric, minute);
            let first = sum(arrival.visible);
            assert!(first <= truth);
            provisional += usize::from(first < truth);
        }
        assert!((5..60).contains(&provisional), "{provisional}");
    }

    #[test]
    fn changes_are_seen_and_undone() {
        let opened = DateTime::from_timestamp(1_700_000_040, 0).unwrap();
        let world = World::new(1, &Company::Example, opened);
        let before = world.resources();
        assert!(world.retag("fax-reader", "team", None));
        assert!(world.delete("lease-trigger", opened));
        assert!(!world.vanish("nothing"));
        world.add_pipeline(company::PRODUCTION, "Leases", opened);
        let names = |account| -> Vec<String> {
            let all = world.existing(account, opened);
            all.iter().map(|r| r.name.clone()).collect()
        };
        assert!(names(company::PRODUCTION).contains(&"Leases-reader".to_owned()));
        assert!(!names(company::DEVELOPMENT).contains(&"lease-trigger".to_owned()));
        world.reopen(&Company::Example);
        assert_eq!(world.resources(), before);
    }
}
