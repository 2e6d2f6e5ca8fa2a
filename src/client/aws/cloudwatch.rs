//! CloudWatch: points of many metrics in one request, and the unit of one.

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, Statistic, StatusCode,
};

use super::{Api, Aws, AwsError, Pages};

/// Queries in one request. <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
pub const MAX_QUERIES: usize = 500;
/// Points in one answer, all pages together.
pub const MAX_POINTS: usize = 100_800;
/// Seconds that a point of the finest resolution stands for.
const MINUTE: i64 = 60;

/// One statistic of one metric of one target.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// CloudWatch namespace.
    pub namespace: &'a str,
    /// CloudWatch name.
    pub metric: &'a str,
    /// Names of the dimensions, all of them.
    pub dimensions: &'a [&'static str],
    /// Their values, in the same order.
    pub values: &'a [String],
    /// As CloudWatch spells it.
    pub statistic: &'a str,
}

/// What CloudWatch said to one query.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Whether that is all: a result marked partial or failed comes with HTTP 200.
    pub complete: bool,
    /// (Unix seconds of the period's start, value), ascending, each period once.
    pub points: Vec<(i64, f64)>,
}

impl Aws {
    /// Points of periods with `start <= period < end`, in the order of `queries`. `period` is in seconds, a multiple of
    /// 60; `start` and `end` are Unix seconds on a full period. Pages are fetched and merged.
    ///
    /// # Errors
    /// When a page could not be had. What came before it is dropped: the caller asks again.
    pub async fn metric_data(
        &self,
        queries: &[Query<'_>],
        period: i64,
        start: i64,
        end: i64,
    ) -> Result<Vec<Answer>, AwsError> {
        let points = queries.len() * usize::try_from((end - start) / period.max(MINUTE)).unwrap_or(0);
        let points = u32::try_from(points).unwrap_or(u32::MAX);
        // Made for each attempt: kept for a retry that hardly ever comes, it would be most of what a poll holds.
        let wire = || queries.iter().enumerate().map(|(index, query)| encode(index, query, period)).collect();
        let mut merged = Merged::new(queries.len());
        let mut pages = Pages::default();
        loop {
            let page = self
                .call(Api::GetMetricData, if pages.token().is_none() { points } else { 0 }, || {
                    self.cloudwatch
                        .get_metric_data()
                        .set_metric_data_queries(Some(wire()))
                        .start_time(DateTime::from_secs(start))
                        .end_time(DateTime::from_secs(end))
                        .scan_by(ScanBy::TimestampAscending)
                        .set_next_token(pages.token())
                        .send()
                })
                .await?;
            merged.add(page.metric_data_results.unwrap_or_default());
            if !pages.go_on(self, Api::GetMetricData, page.next_token)? {
                return Ok(merged.finish());
            }
        }
    }

    /// The unit in which a metric is published, as CloudWatch spells it; `None` when there was no point to tell.
    ///
    /// # Errors
    /// When CloudWatch refuses or does not answer.
    pub async fn unit(&self, query: &Query<'_>, start: i64, end: i64) -> Result<Option<String>, AwsError> {
        let answer = self
            .call(Api::GetMetricStatistics, 1, || {
                self.cloudwatch
                    .get_metric_statistics()
                    .namespace(query.namespace)
                    .metric_name(query.metric)
                    .set_dimensions(Some(dimensions(query)))
                    .start_time(DateTime::from_secs(start))
                    .end_time(DateTime::from_secs(end))
                    .period(60)
                    .statistics(Statistic::SampleCount)
                    .send()
            })
            .await?;
        let point = answer.datapoints.unwrap_or_default().into_iter().next();
        Ok(point.and_then(|point| point.unit).map(|unit| unit.as_str().to_owned()))
    }
}

fn encode(index: usize, query: &Query<'_>, period: i64) -> MetricDataQuery {
    let metric = Metric::builder()
        .namespace(query.namespace)
        .metric_name(query.metric)
        .set_dimensions(Some(dimensions(query)))
        .build();
    let period = i32::try_from(period).unwrap_or(i32::MAX);
    let stat = MetricStat::builder().metric(metric).period(period).stat(query.statistic).build();
    MetricDataQuery::builder().id(format!("q{index}")).metric_stat(stat).build()
}

fn dimensions(query: &Query<'_>) -> Vec<Dimension> {
    let pairs = query.dimensions.iter().zip(query.values);
    pairs.map(|(name, value)| Dimension::builder().name(*name).value(value).build()).collect()
}

/// Pages put together: the same id may come on two of them, and the last status of an id is the one that counts.
struct Merged {
    answers: Vec<Answer>,
}

impl Merged {
    fn new(queries: usize) -> Self {
        Self { answers: vec![Answer { complete: false, points: Vec::new() }; queries] }
    }

    fn add(&mut self, results: Vec<MetricDataResult>) {
        for result in results {
            let index = result.id().and_then(|id| id.strip_prefix('q')).and_then(|id| id.parse::<usize>().ok());
            let Some(answer) = index.and_then(|index| self.answers.get_mut(index)) else {
                continue;
            };
            answer.complete = matches!(result.status_code(), None | Some(StatusCode::Complete));
            let times = result.timestamps().iter().map(DateTime::secs);
            answer.points.extend(times.zip(result.values().iter().copied()));
        }
    }

    fn finish(mut self) -> Vec<Answer> {
        for answer in &mut self.answers {
            answer.points.sort_by_key(|&(at, _)| at); // stable: of two points of a minute the later page's stays last
            answer.points.reverse();
            answer.points.dedup_by_key(|&mut (at, _)| at);
            answer.points.reverse();
        }
        self.answers
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn result(index: usize, status: StatusCode, points: &[(i64, f64)]) -> MetricDataResult {
        MetricDataResult::builder()
            .id(format!("q{index}"))
            .status_code(status)
            .set_timestamps(Some(points.iter().map(|&(at, _)| DateTime::from_secs(at)).collect()))
            .set_values(Some(points.iter().map(|&(_, value)| value).collect()))
            .build()
    }

    /// What CloudWatch has for one query: whether that is all, and a value for some minutes.
    type Held = (bool, Vec<(i64, f64)>);

    fn held() -> impl Strategy<Value = Held> {
        let minutes = proptest::collection::btree_map(0_i64..40, -1e6..1e6_f64, 0..30);
        (any::<bool>(), minutes.prop_map(|points| points.into_iter().map(|(m, value)| (m * 60, value)).collect()))
    }

    fn last_word(complete: bool, dice: usize) -> StatusCode {
        if complete {
            StatusCode::Complete
        } else {
            [StatusCode::PartialData, StatusCode::InternalError, StatusCode::Forbidden][dice % 3].clone()
        }
    }

    /// Deals each query's points onto pages: cut in any place, the pieces in order, other queries' between them, an
    /// empty piece here and there. Any piece but the last may say anything, as it does not know yet.
    fn deal(all: &[Held], pages: usize, dice: &mut impl Iterator<Item = usize>) -> Vec<Vec<MetricDataResult>> {
        let mut dealt = vec![Vec::new(); pages];
        let mut roll = |below: usize| dice.next().unwrap_or(0) % below;
        for (index, (complete, points)) in all.iter().enumerate() {
            let last = roll(pages);
            let mut left = points.as_slice();
            for page in &mut dealt[..last] {
                let (piece, rest) = left.split_at(roll(left.len() + 1));
                left = rest;
                let status =
                    [StatusCode::PartialData, StatusCode::Complete, StatusCode::InternalError][roll(3)].clone();
                if !piece.is_empty() || roll(2) == 0 {
                    page.push(result(index, status, piece));
                }
            }
            dealt[last].push(result(index, last_word(*complete, roll(3)), left));
        }
        for page in &mut dealt {
            let turns = roll(page.len() + 1);
            page.rotate_left(turns);
        }
        dealt
    }

    proptest! {
        #[test]
        fn for_all_ways_to_cut_them_pages_merge_to_what_one_page_says(
            all in proptest::collection::vec(held(), 0..12),
            pages in 1_usize..9,
            dice in proptest::collection::vec(any::<usize>(), 400),
        ) {
            let mut merged = Merged::new(all.len());
            for page in deal(&all, pages, &mut dice.into_iter()) {
                merged.add(page);
            }
            let mut page = Merged::new(all.len());
            let whole = all.iter().enumerate();
            page.add(whole.map(|(index, (complete, points))| result(index, last_word(*complete, 0), points)).collect());
            let merged = merged.finish();
            prop_assert_eq!(&merged, &page.finish());
            // And both are what was held.
            let held: Vec<Answer> = all.into_iter().map(|(complete, points)| Answer { complete, points }).collect();
            prop_assert_eq!(merged, held);
        }
    }

    #[test]
    fn the_last_page_wins_and_an_id_never_answered_is_incomplete() {
        let mut pages = Merged::new(2);
        pages.add(vec![result(0, StatusCode::PartialData, &[(0, 1.0)])]);
        pages.add(vec![result(0, StatusCode::InternalError, &[(0, 2.0), (60, 3.0)])]);
        let answers = pages.finish();
        assert_eq!(answers[0], Answer { complete: false, points: vec![(0, 2.0), (60, 3.0)] });
        assert!(!answers[1].complete);
    }
}
