//! Asking CloudWatch: requests at once, a refused one in halves, and the units of what is answered.

use std::future::Future;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt;

use super::decode::Decoder;
use super::plan::{self, Query, Subject};
use super::units::Units;
use super::window::MINUTE;
use super::{Collected, Poll, Recent, lock};
use crate::client::aws::cloudwatch::{Answer, Query as Wire};
use crate::client::aws::{AwsError, Class};
use crate::model::catalogue::Metric;

/// How often a request that CloudWatch refuses is halved; one bad query among 500 takes 9 halvings.
const MAX_HALVINGS: usize = 64;

/// Asks once for every query and decodes what came back whole; returns those that came back partial. In the last round
/// partial answers are decoded too: what they hold is true, it is only not all.
pub(super) async fn ask(
    poll: &Poll<'_>,
    queries: &[Query],
    last: bool,
    decoder: &mut Decoder<'_>,
    recent: &Mutex<Recent>,
    units: &Mutex<Units>,
    collected: &mut Collected,
) -> Vec<Query> {
    let read = collected.next.read;
    let subjects = decoder.subjects;
    let request = |range: Range<usize>| async move {
        let names: Vec<_> = queries[range.clone()].iter().map(|query| statistic(poll.catalogue, *query)).collect();
        let pairs = queries[range.clone()].iter().zip(&names);
        let wire: Vec<Wire<'_>> = pairs.map(|(query, name)| wire(poll.catalogue, subjects, *query, name)).collect();
        let wire = wire.as_slice();
        let part = |part: Range<usize>| poll.aws.metric_data(&wire[part], MINUTE, read.start, read.end);
        let answered = halving(wire.len(), part, |error: &AwsError| error.class == Class::Refused).await;
        let moved = |part: Range<usize>| range.start + part.start..range.start + part.end;
        answered.into_iter().map(|(part, answers)| (moved(part), answers)).collect::<Vec<_>>()
    };
    let mut partial = Vec::new();
    let requests = plan::requests(queries, read.minutes());
    let mut answers = futures_util::stream::iter(requests.into_iter().map(request)).buffer_unordered(poll.concurrency);
    while let Some(answered) = answers.next().await {
        for (range, answers) in answered {
            let answers = match answers {
                Ok(answers) => answers,
                Err(error) => {
                    let alone = range.len() == 1 && error.class == Class::Refused;
                    if alone { &mut collected.refused } else { &mut collected.errors }.push(error);
                    continue;
                }
            };
            let pairs = || queries[range.clone()].iter().zip(&answers);
            collected.learned |= learn(poll, subjects, pairs(), units).await;
            let units = units.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let mut recent = lock(recent);
            for (query, answer) in pairs() {
                collected.coverage.complete += u64::from(answer.complete);
                if answer.complete || last {
                    decoder.decode(*query, answer, &units, &mut recent, collected);
                } else {
                    partial.push(*query);
                }
            }
        }
    }
    partial
}

/// Asks for `0..count` and, where that is refused, for the halves: CloudWatch refuses a whole request for one query that
/// it does not like. The ranges of what is returned make up `0..count`, each with its answer.
async fn halving<T, E, F>(
    count: usize,
    ask: impl Fn(Range<usize>) -> F,
    refused: impl Fn(&E) -> bool,
) -> Vec<(Range<usize>, Result<T, E>)>
where
    F: Future<Output = Result<T, E>>,
{
    let mut open: Vec<Range<usize>> = std::iter::once(0..count).collect();
    let mut halvings = 0;
    let mut answered = Vec::new();
    while let Some(part) = open.pop() {
        let answer = ask(part.clone()).await;
        if part.len() > 1 && halvings < MAX_HALVINGS && answer.as_ref().is_err_and(&refused) {
            halvings += 1;
            let middle = part.start.midpoint(part.end);
            open.extend([middle..part.end, part.start..middle]);
        } else {
            answered.push((part, answer));
        }
    }
    answered
}

fn statistic(catalogue: &[Metric], query: Query) -> std::borrow::Cow<'static, str> {
    catalogue[usize::from(query.metric)].columns[usize::from(query.column)].statistic.cloudwatch()
}

fn wire<'a>(catalogue: &'a [Metric], subjects: &'a [Subject], query: Query, statistic: &'a str) -> Wire<'a> {
    let metric = &catalogue[usize::from(query.metric)];
    Wire {
        namespace: &metric.namespace,
        metric: &metric.metric,
        dimensions: metric.target.dimensions(),
        values: &subjects[query.subject as usize].values,
        statistic,
    }
}

/// Asks for the unit of each metric that has points here and whose unit is not known; whether any was learned.
async fn learn<'a>(
    poll: &Poll<'_>,
    subjects: &[Subject],
    answers: impl Iterator<Item = (&'a Query, &'a Answer)>,
    units: &Mutex<Units>,
) -> bool {
    let now = poll.now.timestamp();
    let mut learned = false;
    for (query, answer) in answers {
        let metric = &poll.catalogue[usize::from(query.metric)];
        let Some(&(minute, _)) = answer.points.last() else { continue };
        if !units.lock().unwrap_or_else(PoisonError::into_inner).wants(metric, now) {
            continue;
        }
        let statistic = statistic(poll.catalogue, *query);
        let wire = wire(poll.catalogue, subjects, *query, &statistic);
        match poll.aws.unit(&wire, minute, minute + MINUTE).await {
            Ok(Some(unit)) => {
                let mut units = units.lock().unwrap_or_else(PoisonError::into_inner);
                if units.learn(metric, &unit, now) {
                    tracing::warn!(metric = %metric.metric, expected = %metric.unit_in, %unit, "unit differs from the catalogue");
                }
                learned = true;
            }
            Ok(None) => units.lock().unwrap_or_else(PoisonError::into_inner).fail(Some(metric), now),
            Err(error) => {
                let about = (error.class != Class::AccessDenied).then_some(metric);
                units.lock().unwrap_or_else(PoisonError::into_inner).fail(about, now);
                tracing::warn!(%error, metric = %metric.metric, "unit not learned, the catalogue's is used");
            }
        }
    }
    learned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn for_all_bad_queries_halving_loses_no_good_one(
            count in 1_usize..600, bad in proptest::collection::btree_set(0_usize..600, 0..5),
        ) {
            let ask = |part: Range<usize>| {
                let refused = bad.iter().any(|bad| part.contains(bad));
                std::future::ready(if refused { Err(()) } else { Ok(()) })
            };
            let mut answered = futures_util::FutureExt::now_or_never(halving(count, ask, |()| true)).unwrap_or_default();
            answered.sort_by_key(|(part, _)| part.start);
            let mut covered = 0;
            for (part, answer) in &answered {
                prop_assert_eq!(part.start, covered);
                covered = part.end;
                prop_assert!(answer.is_ok() || part.len() == 1 && bad.contains(&part.start));
            }
            prop_assert_eq!(covered, count);
        }
    }
}
