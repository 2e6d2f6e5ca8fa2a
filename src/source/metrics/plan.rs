//! What to ask CloudWatch for: subjects times catalogue, cut into requests. Pure.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use crate::client::aws::cloudwatch::{MAX_POINTS, MAX_QUERIES};
use crate::model::catalogue::{Column, Metric, TEXTRACT_OPERATIONS, Target, Tier};
use crate::model::resource::{Endpoint, EndpointKind, ResourceKind, Variant};
use crate::model::series::sorted;
use crate::model::tag::tag;
use crate::source::discover::{Epoch, Inventory, Tracked, epochs};

/// Something that a metric may be asked of.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its dimension set.
    pub target: Target,
    /// Unique within a scope, for example `page-split/AllTraffic`.
    pub key: Arc<str>,
    /// Values of the dimensions.
    pub values: Vec<String>,
    /// Whose tags its series carry.
    pub owner: Owner,
    /// Name of the variant, a tag beside the owner's.
    pub variant: Option<Arc<str>>,
    /// Set for endpoints and their variants.
    pub kind: Option<EndpointKind>,
    /// Whether it has instances now; true where that is not known.
    pub has_instances: bool,
    /// Whether those have GPUs.
    pub has_gpu: bool,
    /// Whether absence may mean zero.
    pub in_service: bool,
    /// Unix seconds; before it, absence means nothing. 0 when not known.
    pub created_at: i64,
    /// First minute that does not belong to it any more, Unix seconds; far away while it is there.
    pub until: i64,
}

/// Whose tags a series carries.
#[derive(Debug, Clone)]
pub enum Owner {
    /// A tagged resource's, by minute.
    Resource(Arc<Tracked>),
    /// What several pipelines share: tags over time, never empty.
    Shared(Arc<[Epoch]>),
}

impl Owner {
    /// The tags of a point of that minute.
    #[must_use]
    pub fn tags_at(&self, minute: i64) -> &Arc<[String]> {
        match self {
            Self::Resource(tracked) => tracked.tags_at(minute),
            Self::Shared(epochs) => epochs::at(epochs, minute),
        }
    }
}

/// One statistic of one metric of one subject, by place in the lists that the plan was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Query {
    /// Index of the subject.
    pub subject: u32,
    /// Index of the metric.
    pub metric: u16,
    /// Index of the metric's column.
    pub column: u8,
}

/// Everything in the inventory that can be measured.
#[must_use]
pub fn subjects(inventory: &Inventory) -> Vec<Subject> {
    let mut subjects: Vec<Subject> = inventory.resources.iter().flat_map(of_tracked).collect();
    for (tracked, until) in &inventory.gone {
        subjects.extend(of_tracked(tracked).into_iter().map(|subject| Subject {
            until: *until,
            in_service: false,
            ..subject
        }));
    }
    if !inventory.textract.is_empty() {
        subjects.extend(TEXTRACT_OPERATIONS.iter().map(|operation| of_textract(operation, &inventory.textract)));
    }
    subjects
}

fn of_tracked(tracked: &Arc<Tracked>) -> Vec<Subject> {
    let name = &tracked.resource.name;
    match &tracked.resource.kind {
        ResourceKind::Endpoint(Some(endpoint)) if endpoint.kind != EndpointKind::InferenceComponents => {
            let variants = endpoint.variants.iter().map(|variant| of_variant(tracked, endpoint, variant));
            std::iter::once(of_endpoint(tracked, endpoint)).chain(variants).collect()
        }
        ResourceKind::Function => vec![of_resource(tracked, Target::Function, name)],
        ResourceKind::Stream => vec![of_resource(tracked, Target::Stream, name)],
        ResourceKind::Endpoint(_) | ResourceKind::Bucket | ResourceKind::LogGroup | ResourceKind::Other(_) => {
            Vec::new()
        }
    }
}

impl Subject {
    /// Something that is always there, of which nothing more is known than what it is called and whose it is.
    #[must_use]
    pub fn new(target: Target, name: &str, owner: Owner) -> Self {
        Self {
            target,
            key: format!("{target}:{name}").into(),
            values: vec![name.to_owned()],
            owner,
            variant: None,
            kind: None,
            has_instances: true,
            has_gpu: false,
            in_service: true,
            created_at: 0,
            until: i64::MAX,
        }
    }
}

fn of_resource(tracked: &Arc<Tracked>, target: Target, name: &str) -> Subject {
    Subject::new(target, name, Owner::Resource(Arc::clone(tracked)))
}

fn of_endpoint(tracked: &Arc<Tracked>, endpoint: &Endpoint) -> Subject {
    Subject {
        kind: Some(endpoint.kind),
        has_instances: endpoint.variants.iter().any(|variant| variant.instances != Some(0)),
        in_service: endpoint.in_service(),
        created_at: endpoint.created_at,
        ..of_resource(tracked, Target::Endpoint, &tracked.resource.name)
    }
}

fn of_variant(tracked: &Arc<Tracked>, endpoint: &Endpoint, variant: &Variant) -> Subject {
    let name = &tracked.resource.name;
    Subject {
        target: Target::Variant,
        key: format!("variant:{name}/{}", variant.name).into(),
        values: vec![name.clone(), variant.name.clone()],
        variant: Some(variant.name.as_str().into()),
        has_instances: variant.instances != Some(0),
        has_gpu: variant.has_gpu(),
        ..of_endpoint(tracked, endpoint)
    }
}

fn of_textract(operation: &str, epochs: &[Epoch]) -> Subject {
    let with_operation = |epoch: &Epoch| {
        let tags = epoch.tags.iter().cloned().chain([tag("operation", operation)]);
        Epoch { since: epoch.since, tags: sorted(tags.collect()) }
    };
    let epochs = epochs.iter().map(with_operation).collect();
    Subject::new(Target::TextractOperation, operation, Owner::Shared(epochs))
}

/// The queries of a tier, all statistics of one metric of one subject side by side.
#[must_use]
pub fn plan(catalogue: &[Metric], subjects: &[Subject], tier: Tier, given_up: &BTreeSet<String>) -> Vec<Query> {
    let read = (0_u16..).zip(catalogue).filter(|(_, m)| m.tier == tier && !given_up.contains(&*m.name));
    read.flat_map(|(index, metric)| of_metric(index, metric, subjects)).collect()
}

/// The queries of one metric for everything that publishes it.
#[must_use]
pub fn of_metric(index: u16, metric: &Metric, subjects: &[Subject]) -> Vec<Query> {
    let mut queries = Vec::new();
    for (subject_index, subject) in (0_u32..).zip(subjects).filter(|(_, subject)| applies(metric, subject)) {
        let asked = (0_u8..).zip(&metric.columns).filter(|(_, column)| wanted(column, subject));
        queries.extend(asked.map(|(column, _)| Query { subject: subject_index, metric: index, column }));
    }
    queries
}

fn applies(metric: &Metric, subject: &Subject) -> bool {
    metric.target == subject.target
        && (!metric.gpu_only || subject.has_gpu)
        && (metric.kinds.is_empty() || subject.kind.is_some_and(|kind| metric.kinds.contains(&kind)))
}

fn wanted(column: &Column, subject: &Subject) -> bool {
    subject.has_instances || !column.needs_instances
}

/// Cuts queries into requests of at most 500 queries and 100,800 points. Statistics of one metric are billed as one
/// only within one request, so they stay together.
#[must_use]
pub fn requests(queries: &[Query], minutes: usize) -> Vec<Range<usize>> {
    let most = MAX_QUERIES.min(MAX_POINTS / minutes.max(1)).max(1);
    let mut requests = Vec::new();
    let mut start = 0;
    let mut end = 0;
    for group in queries.chunk_by(|a, b| (a.subject, a.metric) == (b.subject, b.metric)) {
        if end + group.len() - start > most && end > start {
            requests.push(start..end);
            start = end;
        }
        end += group.len();
    }
    if end > start {
        requests.push(start..end);
    }
    requests
}

/// How many metrics a plan is billed as: statistics of one metric in one request count once, up to `as_one` of them.
#[must_use]
pub fn billed(queries: &[Query], as_one: u32) -> u64 {
    let as_one = usize::try_from(as_one.max(1)).unwrap_or(1);
    let groups = queries.chunk_by(|a, b| (a.subject, a.metric) == (b.subject, b.metric));
    groups.map(|group| group.len().div_ceil(as_one) as u64).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn for_all_plans_requests_lose_nothing_and_respect_every_limit(
            sizes in proptest::collection::vec(1_u8..7, 0..900), minutes in 1_usize..120,
        ) {
            let queries: Vec<Query> = (0_u32..).zip(&sizes)
                .flat_map(|(subject, &size)| (0..size).map(move |column| Query { subject, metric: 0, column }))
                .collect();
            let requests = requests(&queries, minutes);
            let mut covered = 0;
            for range in &requests {
                prop_assert_eq!(range.start, covered);
                covered = range.end;
                prop_assert!(range.len() <= MAX_QUERIES && range.len() * minutes <= MAX_POINTS);
                let cuts_a_metric = range.end < queries.len() && queries[range.end - 1].subject == queries[range.end].subject;
                prop_assert!(!cuts_a_metric);
            }
            prop_assert_eq!(covered, queries.len());
            prop_assert!(requests.len() <= queries.len().div_ceil(MAX_QUERIES.min(MAX_POINTS / minutes) - 6) );
        }
    }

    #[test]
    fn up_to_five_statistics_of_a_metric_are_billed_as_one() {
        let queries: Vec<Query> = (0..6).map(|column| Query { subject: 0, metric: 0, column }).collect();
        assert_eq!((billed(&queries, 5), billed(&queries, 1), billed(&queries[..5], 5)), (2, 6, 1));
    }
}
