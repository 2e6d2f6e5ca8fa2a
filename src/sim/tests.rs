//! The real AWS clients read the pretend services, and what they read is the truth.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, sts::AssumeRoleProvider};
use aws_sdk_cloudwatch::{
    config::Credentials,
    error::ProvideErrorMetadata,
    primitives::DateTime as Moment,
    types::{Dimension, Metric, MetricDataQuery, MetricStat, StandardUnit, Statistic, StatusCode},
};
use chrono::{DateTime, TimeDelta, Utc};

use super::*;

mod datadog;
mod github;
mod logs;
mod objects;

const MINUTE: i64 = 1_700_000_040;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

/// An hour after `MINUTE`, the clock standing still.
async fn company() -> Sim {
    let clock = Clock::scaled(at(MINUTE + 3_600), 0.0);
    let options = Options { clock, ..Options::default() };
    Sim::start(options).await.unwrap()
}

async fn caller(sim: &Sim) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(sim.aws_url())
        .region(Region::from_static(world::REGION))
        .retry_config(RetryConfig::disabled())
        .credentials_provider(Credentials::new(aws::BASE_KEY, aws::SECRET, None, None, "test"))
        .load()
        .await
}

/// The caller in the role of `account`.
async fn role(sim: &Sim, account: &str, external_id: &str) -> SdkConfig {
    let caller = caller(sim).await;
    let provider = AssumeRoleProvider::builder(format!("arn:aws:iam::{account}:role/ddsync-read"))
        .external_id(external_id)
        .session_name("test")
        .configure(&caller)
        .build()
        .await;
    caller
        .into_builder()
        .credentials_provider(aws_sdk_cloudwatch::config::SharedCredentialsProvider::new(provider))
        .build()
}

fn query(id: usize, row: &Truth) -> MetricDataQuery {
    let dimensions = row.dimensions.iter().map(|(k, v)| Dimension::builder().name(*k).value(v).build());
    let metric = Metric::builder()
        .namespace(row.namespace)
        .metric_name(row.metric)
        .set_dimensions(Some(dimensions.collect()))
        .build();
    let stat = MetricStat::builder().metric(metric).period(60).stat(row.statistic).build();
    MetricDataQuery::builder().id(format!("q{id}")).metric_stat(stat).build()
}

type Values = BTreeMap<(String, i64), f64>;

/// One row for each series.
fn series(truth: &[Truth]) -> Vec<&Truth> {
    let name = |r: &Truth| format!("{} {} {} {:?}", r.namespace, r.metric, r.statistic, r.dimensions);
    let mut seen = HashSet::new();
    truth.iter().filter(|row| seen.insert(name(row))).collect()
}

/// Asks for so many minutes of `rows`, following the pages; the values by id and Unix second, and how many results were not complete.
async fn read(config: &SdkConfig, rows: &[&Truth], minutes: i64) -> (Values, usize) {
    let client = aws_sdk_cloudwatch::Client::new(config);
    let queries: Vec<_> = rows.iter().enumerate().map(|(n, r)| query(n, r)).collect();
    let (mut values, mut incomplete, mut token) = (Values::new(), 0, None);
    loop {
        let answer = client
            .get_metric_data()
            .set_metric_data_queries(Some(queries.clone()))
            .start_time(Moment::from_secs(MINUTE))
            .end_time(Moment::from_secs(MINUTE + 60 * minutes))
            .set_next_token(token)
            .send()
            .await
            .unwrap();
        for result in answer.metric_data_results() {
            incomplete += usize::from(result.status_code() != Some(&StatusCode::Complete));
            for (moment, value) in result.timestamps().iter().zip(result.values()) {
                let key = (result.id().unwrap().to_owned(), moment.secs());
                assert_eq!(values.insert(key, *value), None, "a point came twice");
            }
        }
        token = answer.next_token().map(ToOwned::to_owned);
        if token.is_none() {
            return (values, incomplete);
        }
    }
}

/// The values that the truth has for `rows`.
fn expected(truth: &[Truth], rows: &[&Truth]) -> Values {
    let same = |a: &Truth, b: &Truth| {
        (&a.account, a.namespace, a.metric, a.statistic, &a.dimensions)
            == (&b.account, b.namespace, b.metric, b.statistic, &b.dimensions)
    };
    let mut values = Values::new();
    for (n, row) in rows.iter().enumerate() {
        for point in truth.iter().filter(|point| same(point, row)) {
            values.insert((format!("q{n}"), point.minute.timestamp()), point.value);
        }
    }
    values
}

#[tokio::test]
async fn the_cloudwatch_client_reads_the_truth_of_both_accounts() {
    let sim = company().await;
    let truth: Vec<_> = sim.world().truth(at(MINUTE), at(MINUTE + 60)).collect();
    for (_, account) in company::accounts(&Company::Example) {
        let config = role(&sim, account, "pretend").await;
        let rows: Vec<_> = truth.iter().filter(|r| r.account == *account).collect();
        assert!(rows.len() > 300, "{}", rows.len());
        for rows in rows.chunks(500) {
            assert_eq!(read(&config, rows, 1).await, (expected(&truth, rows), 0));
        }
    }
    sim.stop().await;
}

#[tokio::test]
async fn pages_and_partial_results_come_to_the_same() {
    let sim = company().await;
    let rule = |kind| Rule::new("cloudwatch", kind).on("GetMetricData");
    let mut truth: Vec<_> = sim.world().truth(at(MINUTE), at(MINUTE + 300)).collect();
    truth.retain(|r| r.account == company::DEVELOPMENT);
    let rows: Vec<_> = series(&truth).into_iter().take(100).collect();
    let right = expected(&truth, &rows);
    let config = caller(&sim).await;
    sim.faults().set(vec![rule(Fault::SmallPages(7)), rule(Fault::EmptyPageWithToken).with_probability(0.5)]);
    let (paged, cut) = read(&config, &rows, 5).await;
    assert_eq!(paged, right);
    assert!(cut > 5, "an id comes on two pages");
    assert!(sim.faults().fired() > 20);
    sim.faults().set(vec![rule(Fault::InternalError).with_probability(0.5).at_most(20)]);
    let (first, incomplete) = read(&config, &rows, 5).await;
    assert!(first.len() < right.len());
    assert_eq!(incomplete, 20);
    assert_eq!(read(&config, &rows, 5).await, (right, 0));
    sim.stop().await;
}

#[tokio::test]
async fn limits_are_those_of_aws() {
    let sim = company().await;
    let config = caller(&sim).await;
    let client = aws_sdk_cloudwatch::Client::new(&config);
    let truth = sim.world().truth(at(MINUTE), at(MINUTE + 60)).next().unwrap();
    let ask = async |queries: Vec<MetricDataQuery>| {
        let request = client
            .get_metric_data()
            .set_metric_data_queries(Some(queries))
            .start_time(Moment::from_secs(MINUTE))
            .end_time(Moment::from_secs(MINUTE + 60));
        request.send().await
    };
    let many = (0..501).map(|n| query(n, &truth)).collect();
    let error = ask(many).await.unwrap_err();
    assert_eq!(error.code(), Some("ValidationError"));
    let twice = vec![query(1, &truth), query(1, &truth)];
    assert!(ask(twice).await.is_err());
    let mut upper = query(1, &truth);
    upper.id = Some("Q1".to_owned());
    assert!(ask(vec![upper]).await.is_err());
    sim.stop().await;
}

#[tokio::test]
async fn statistics_carry_the_unit() {
    let sim = company().await;
    let client = aws_sdk_cloudwatch::Client::new(&caller(&sim).await);
    let answer = client
        .get_metric_statistics()
        .namespace("AWS/SageMaker")
        .metric_name("ApproximateAgeOfOldestRequest")
        .dimensions(Dimension::builder().name("EndpointName").value("claim-router").build())
        .start_time(Moment::from_secs(MINUTE))
        .end_time(Moment::from_secs(MINUTE + 300))
        .period(60)
        .statistics(Statistic::Maximum)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.datapoints().len(), 5);
    let units: HashSet<_> = answer.datapoints().iter().map(|p| p.unit()).collect();
    assert_eq!(units, HashSet::from([Some(&StandardUnit::Seconds)]));
    let metrics = client.list_metrics().namespace("AWS/SageMaker").send().await.unwrap();
    assert!(!metrics.metrics().is_empty());
    sim.stop().await;
}

#[tokio::test]
async fn the_inventory_is_read_by_the_clients() {
    let sim = company().await;
    let config = role(&sim, company::DEVELOPMENT, "pretend").await;
    let tagging = aws_sdk_resourcegroupstagging::Client::new(&config);
    let filter = aws_sdk_resourcegroupstagging::types::TagFilter::builder().key("pipeline");
    let answer = tagging.get_resources().tag_filters(filter.build()).send().await.unwrap();
    assert_eq!(answer.pagination_token(), Some(""));
    let arns: Vec<_> = answer.resource_tag_mapping_list().iter().filter_map(|r| r.resource_arn()).collect();
    assert!(arns.contains(&"arn:aws:sagemaker:us-west-2:111122223333:endpoint/invoicetotals-reader"));
    let sagemaker = aws_sdk_sagemaker::Client::new(&config);
    let listed = sagemaker.list_endpoints().max_results(100).send().await.unwrap();
    let names: Vec<_> = listed.endpoints().iter().filter_map(|e| e.endpoint_name()).collect();
    assert!(names.contains(&"InvoiceTotals-Reader") && names.contains(&"claim-scorer"));
    for name in names {
        let endpoint = sagemaker.describe_endpoint().endpoint_name(name).send().await.unwrap();
        let config = endpoint.endpoint_config_name().unwrap();
        let config = sagemaker.describe_endpoint_config().endpoint_config_name(config);
        let config = config.send().await.unwrap();
        let component = config.production_variants()[0].model_name().is_none();
        assert_eq!(component, name == "claim-assist", "{name}");
    }
    sim.world().vanish("lease-page-split");
    let gone = sagemaker.describe_endpoint().endpoint_name("lease-page-split");
    let error = gone.send().await.unwrap_err();
    assert_eq!(error.code(), Some("ValidationException"));
    assert!(error.message().unwrap().starts_with("Could not find endpoint"));
    sim.stop().await;
}

#[tokio::test]
async fn a_wrong_external_id_or_role_is_denied() {
    let sim = company().await;
    for (account, id) in [("111122223333", "wrong"), ("999999999999", "pretend")] {
        let config = role(&sim, account, id).await;
        let client = aws_sdk_sagemaker::Client::new(&config);
        let error = client.list_endpoints().send().await.unwrap_err();
        assert!(format!("{error:?}").contains("AccessDenied"), "{error:?}");
    }
    sim.stop().await;
}

#[tokio::test]
async fn faults_have_the_shape_that_the_clients_know() {
    let sim = company().await;
    let config = caller(&sim).await;
    let client = aws_sdk_sagemaker::Client::new(&config);
    for (kind, code) in [
        (Fault::Throttle, Some("ThrottlingException")),
        (Fault::AccessDenied, Some("AccessDeniedException")),
        (Fault::ExpiredToken, Some("ExpiredTokenException")),
        (Fault::ServerError(503), Some("ServiceUnavailableException")),
        (Fault::Reset, None),
    ] {
        sim.faults().set(vec![Rule::new("sagemaker", kind)]);
        let error = client.list_endpoints().send().await.unwrap_err();
        assert_eq!(error.code(), code, "{error:?}");
    }
    sim.faults().clear();
    assert!(client.list_endpoints().send().await.is_ok());
    sim.stop().await;
}

#[tokio::test]
async fn a_pipeline_appears_and_another_goes() {
    let sim = company().await;
    let opened = sim.world().opened();
    let count = |minutes| {
        let pipelines = sim.world().pipelines(opened + TimeDelta::minutes(minutes));
        let has = |name: &str| pipelines.keys().any(|(_, p)| p == name);
        (has("Renewals"), has("FaxIntake"))
    };
    assert_eq!(count(0), (false, true));
    assert_eq!(count(company::APPEARS), (true, true));
    assert_eq!(count(company::DISAPPEARS), (true, false));
    sim.stop().await;
}

#[tokio::test]
async fn uniform_endpoints_answer_from_the_can() {
    let options = Options {
        clock: Clock::scaled(at(MINUTE + 3_600), 0.0),
        company: Company::Uniform { endpoints: 3 },
        ..Options::default()
    };
    let sim = Sim::start(options).await.unwrap();
    let truth: Vec<_> = sim.world().truth(at(MINUTE), at(MINUTE + 60)).collect();
    let rows: Vec<_> = truth.iter().filter(|r| r.statistic == "Average").collect();
    let right = (expected(&truth, &rows), 0);
    assert_eq!(read(&caller(&sim).await, &rows, 1).await, right);
    sim.stop().await;
}
