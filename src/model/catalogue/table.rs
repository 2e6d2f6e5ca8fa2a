//! The table itself. A row reads: what is asked, the Datadog name, the CloudWatch name; then what differs from the rule.

use super::{Absence, Column, Metric, PREFIX, Statistic, Target, Tier};
use crate::model::resource::EndpointKind;
use crate::model::series::Kind;
use crate::model::unit::Unit;

use Statistic::{Average, Maximum, Percentile, SampleCount, Sum};
use Target::{Endpoint, Function, Stream, TextractOperation, Variant};

const SAGEMAKER: &str = "AWS/SageMaker";
const INSTANCES: &str = "/aws/sagemaker/Endpoints";
const LAMBDA: &str = "AWS/Lambda";
const FIREHOSE: &str = "AWS/Firehose";
const TEXTRACT: &str = "AWS/Textract";

const ASYNC: &[EndpointKind] = &[EndpointKind::Async];
const SYNC: &[EndpointKind] = &[EndpointKind::RealTime, EndpointKind::Serverless];
const SERVERLESS: &[EndpointKind] = &[EndpointKind::Serverless];
const ANY: &[EndpointKind] = &[EndpointKind::Async, EndpointKind::RealTime, EndpointKind::Serverless];
const HOSTED: &[EndpointKind] = &[EndpointKind::Async, EndpointKind::RealTime];

/// The operations that a pipeline with `textract: true` calls; Textract's metrics know no other dimension.
pub const TEXTRACT_OPERATIONS: &[&str] =
    &["DetectDocumentText", "AnalyzeDocument", "StartDocumentTextDetection", "StartDocumentAnalysis"];

/// Lambda stamps a point with the start of the invocation, which may run for 15 minutes.
const LAMBDA_LATENESS: u32 = 15 * 60;

/// A series that is computed here, not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Derived {
    /// The whole Datadog name.
    pub name: &'static str,
    /// Datadog's word for its unit; empty for none.
    pub datadog_unit: &'static str,
    /// One sentence for the reference.
    pub about: &'static str,
}

/// Every series that is computed here.
pub const DERIVED: &[Derived] = &[
    Derived {
        name: "mlpipeline.endpoint.drain_time",
        datadog_unit: "second",
        about: "Backlog divided by what was processed a second over the last five minutes; absent while nothing is processed.",
    },
    Derived {
        name: "mlpipeline.endpoint.stall_minutes",
        datadog_unit: "minute",
        about: "Minutes in a row with a backlog and no instance.",
    },
    Derived {
        name: "mlpipeline.endpoint.status",
        datadog_unit: "",
        about: "1, with the tag `status`, as DescribeEndpoint says it.",
    },
    Derived {
        name: "mlpipeline.endpoint.in_service",
        datadog_unit: "",
        about: "1 while the endpoint takes requests, else 0.",
    },
    Derived {
        name: "mlpipeline.endpoint.instances_desired",
        datadog_unit: "instance",
        about: "Instances that a variant should have.",
    },
    Derived {
        name: "mlpipeline.stage.missing",
        datadog_unit: "",
        about: "1 while a stage that a pipeline file declares has no endpoint in service, else 0; where that file is known.",
    },
    Derived {
        name: "mlpipeline.pipeline.lag",
        datadog_unit: "second",
        about: "Age of the oldest request, added up along the longest path through the pipeline.",
    },
    Derived {
        name: "mlpipeline.pipeline.bottleneck",
        datadog_unit: "",
        about: "1 for the stage with the oldest request, 0 for the others.",
    },
];

/// Every metric, in the order of the reference.
#[must_use]
pub fn table() -> Vec<Metric> {
    let mut rows = asynchronous();
    rows.extend(synchronous());
    rows.extend(instances());
    rows.extend(functions());
    rows.extend(streams());
    rows.extend(textract());
    rows
}

/// What asynchronous endpoints publish. AWS calls the list exhaustive: no `Invocations`, no `OverheadLatency`.
fn asynchronous() -> Vec<Metric> {
    vec![
        row(Endpoint, "endpoint.backlog", SAGEMAKER, "ApproximateBacklogSize")
            .statistics(&[Maximum, Average])
            .unit(Unit::Count, "request")
            .on(ASYNC)
            .hot()
            .about("Requests queued or being processed."),
        row(Endpoint, "endpoint.backlog_per_instance", SAGEMAKER, "ApproximateBacklogSizePerInstance")
            .statistics(&[Maximum, Average])
            .while_instances()
            .unit(Unit::Count, "request")
            .on(ASYNC)
            .hot()
            .about("Backlog divided by instances; not asked at zero instances, where it means nothing."),
        row(Endpoint, "endpoint.oldest_request_age", SAGEMAKER, "ApproximateAgeOfOldestRequest")
            .statistics(&[Maximum])
            .time(Unit::Seconds)
            .on(ASYNC)
            .hot()
            .about("Age of the oldest request in the queue: the best single signal."),
        row(Endpoint, "endpoint.has_backlog_without_capacity", SAGEMAKER, "HasBacklogWithoutCapacity")
            .statistics(&[Maximum, Average])
            .unit(Unit::Count, "")
            .on(ASYNC)
            .hot()
            .about("1 while requests wait and no instance runs."),
        row(Variant, "endpoint.invocations_processed", SAGEMAKER, "InvocationsProcessed")
            .statistics(&[Sum])
            .events("request")
            .on(ASYNC)
            .shed(90)
            .about("Requests that an asynchronous endpoint finished."),
        row(Variant, "endpoint.invocation_failures", SAGEMAKER, "InvocationFailures")
            .statistics(&[Sum])
            .events("error")
            .on(ASYNC)
            .shed(91)
            .about("Asynchronous requests that failed."),
        row(Variant, "endpoint.expired_requests", SAGEMAKER, "ExpiredRequests")
            .statistics(&[Sum])
            .events("request")
            .on(ASYNC)
            .shed(92)
            .about("Requests that outlived their time in the queue: data was lost."),
        row(Variant, "endpoint.request_download_failures", SAGEMAKER, "RequestDownloadFailures")
            .statistics(&[Sum])
            .events("error")
            .on(ASYNC)
            .shed(70)
            .about("Inputs that could not be read from S3."),
        row(Variant, "endpoint.response_upload_failures", SAGEMAKER, "ResponseUploadFailures")
            .statistics(&[Sum])
            .events("error")
            .on(ASYNC)
            .shed(71)
            .about("Results that could not be written to S3."),
        row(Variant, "endpoint.notification_failures", SAGEMAKER, "NotificationFailures")
            .statistics(&[Sum])
            .events("error")
            .on(ASYNC)
            .shed(30)
            .about("SNS notifications that could not be sent."),
        row(Variant, "endpoint.request_download_latency", SAGEMAKER, "RequestDownloadLatency")
            .statistics(&[Average, Maximum, SampleCount])
            .time(Unit::Microseconds)
            .on(ASYNC)
            .shed(20)
            .about("Reading the input from S3."),
        row(Variant, "endpoint.response_upload_latency", SAGEMAKER, "ResponseUploadLatency")
            .statistics(&[Average, Maximum, SampleCount])
            .time(Unit::Microseconds)
            .on(ASYNC)
            .shed(21)
            .about("Writing the result to S3."),
        row(Variant, "endpoint.time_in_backlog", SAGEMAKER, "TimeInBacklog")
            .statistics(&[Average, Maximum, SampleCount])
            .time(Unit::Milliseconds)
            .on(ASYNC)
            .shed(60)
            .about("Waiting in the queue."),
        row(Variant, "endpoint.total_processing_time", SAGEMAKER, "TotalProcessingTime")
            .statistics(&[Average, Maximum, SampleCount])
            .time(Unit::Milliseconds)
            .on(ASYNC)
            .shed(61)
            .about("From entering the queue to the end of the upload."),
        row(Variant, "endpoint.model_latency", SAGEMAKER, "ModelLatency")
            .statistics(&[Average, Maximum, SampleCount])
            .time(Unit::Microseconds)
            .on(ASYNC)
            .shed(62)
            .about("The model's own time for an asynchronous request."),
    ]
}

/// What real-time and serverless endpoints publish, and the errors that every endpoint does.
fn synchronous() -> Vec<Metric> {
    vec![
        row(Variant, "endpoint.invocations", SAGEMAKER, "Invocations")
            .statistics(&[Sum])
            .events("request")
            .on(SYNC)
            .shed(90)
            .about("Requests to a real-time or serverless endpoint."),
        row(Variant, "endpoint.invocations_per_instance", SAGEMAKER, "InvocationsPerInstance")
            .statistics(&[Sum])
            .events("request")
            .on(&[EndpointKind::RealTime])
            .shed(22)
            .about("Requests divided by instances."),
        row(Variant, "endpoint.invocation_4xx_errors", SAGEMAKER, "Invocation4XXErrors")
            .statistics(&[Sum])
            .events("error")
            .on(ANY)
            .shed(72)
            .about("Requests that were refused as wrong."),
        row(Variant, "endpoint.invocation_5xx_errors", SAGEMAKER, "Invocation5XXErrors")
            .statistics(&[Sum])
            .events("error")
            .on(ANY)
            .shed(93)
            .about("Requests that failed in the service or the model."),
        row(Variant, "endpoint.invocation_model_errors", SAGEMAKER, "InvocationModelErrors")
            .statistics(&[Sum])
            .events("error")
            .on(SYNC)
            .shed(73)
            .about("Requests for which the model gave no proper answer."),
        row(Variant, "endpoint.model_latency", SAGEMAKER, "ModelLatency")
            .statistics(&[Average, Maximum, Percentile(50), Percentile(90), Percentile(99), SampleCount])
            .time(Unit::Microseconds)
            .on(SYNC)
            .shed(63)
            .about("The model's own time for a synchronous request."),
        row(Variant, "endpoint.overhead_latency", SAGEMAKER, "OverheadLatency")
            .statistics(&[Average, Maximum, Percentile(50), Percentile(90), Percentile(99), SampleCount])
            .time(Unit::Microseconds)
            .on(SYNC)
            .shed(23)
            .about("What SageMaker adds to the model's time."),
        row(Variant, "endpoint.model_setup_time", SAGEMAKER, "ModelSetupTime")
            .statistics(&[Average, Maximum, SampleCount])
            .time(Unit::Microseconds)
            .on(SERVERLESS)
            .shed(24)
            .about("Cold start of a serverless endpoint."),
        row(Variant, "endpoint.concurrent_requests_per_model", SAGEMAKER, "ConcurrentRequestsPerModel")
            .statistics(&[Maximum])
            .unit(Unit::Count, "request")
            .on(SYNC)
            .shed(25)
            .about("Requests being processed at once."),
    ]
}

fn instances() -> Vec<Metric> {
    let mut cpu = row(Variant, "instance.cpu_utilization", INSTANCES, "CPUUtilization")
        .statistics(&[Average, Maximum])
        .while_instances()
        .unit(Unit::Percent, "percent")
        .on(HOSTED)
        .shed(80)
        .about("0 to 100 for each core, added up. Its number of samples a minute is the number of active instances.");
    cpu.columns.push(Column {
        statistic: SampleCount,
        series: format!("{PREFIX}endpoint.active_instances").into(),
        kind: Kind::Gauge,
        needs_instances: false,
        absence: Absence::Zero,
    });
    vec![
        cpu,
        row(Variant, "instance.memory_utilization", INSTANCES, "MemoryUtilization")
            .statistics(&[Average, Maximum])
            .while_instances()
            .unit(Unit::Percent, "percent")
            .on(HOSTED)
            .shed(50)
            .about("Of the instance's memory."),
        row(Variant, "instance.disk_utilization", INSTANCES, "DiskUtilization")
            .statistics(&[Average, Maximum])
            .while_instances()
            .unit(Unit::Percent, "percent")
            .on(HOSTED)
            .shed(10)
            .about("Of the instance's disk."),
        row(Variant, "instance.gpu_utilization", INSTANCES, "GPUUtilization")
            .statistics(&[Average, Maximum])
            .while_instances()
            .gpu()
            .unit(Unit::Percent, "percent")
            .on(HOSTED)
            .shed(51)
            .about("0 to 100 for each GPU, added up; asked only on GPU instance types."),
        row(Variant, "instance.gpu_memory_utilization", INSTANCES, "GPUMemoryUtilization")
            .statistics(&[Average, Maximum])
            .while_instances()
            .gpu()
            .unit(Unit::Percent, "percent")
            .on(HOSTED)
            .shed(11)
            .about("0 to 100 for each GPU, added up; asked only on GPU instance types."),
    ]
}

fn functions() -> Vec<Metric> {
    let function = |name, metric| row(Function, name, LAMBDA, metric).late(LAMBDA_LATENESS);
    vec![
        function("function.invocations", "Invocations")
            .statistics(&[Sum])
            .events("invocation")
            .shed(85)
            .about("Runs of a trigger function."),
        function("function.errors", "Errors")
            .statistics(&[Sum])
            .events("error")
            .shed(86)
            .about("Runs that ended in an error."),
        function("function.throttles", "Throttles")
            .statistics(&[Sum])
            .events("invocation")
            .shed(74)
            .about("Runs that were refused for want of concurrency."),
        function("function.duration", "Duration")
            .statistics(&[Average, Maximum, Percentile(95)])
            .time(Unit::Milliseconds)
            .shed(40)
            .about("Time of a run."),
        function("function.concurrent_executions", "ConcurrentExecutions")
            .statistics(&[Maximum])
            .unit(Unit::Count, "execution")
            .shed(12)
            .about("Runs at once."),
        function("function.dead_letter_errors", "DeadLetterErrors")
            .statistics(&[Sum])
            .events("error")
            .shed(31)
            .about("Events that could not be sent to the dead-letter queue."),
        function("function.destination_delivery_failures", "DestinationDeliveryFailures")
            .statistics(&[Sum])
            .events("error")
            .shed(32)
            .about("Events that could not be sent to their destination."),
        function("function.async_events_received", "AsyncEventsReceived")
            .statistics(&[Sum])
            .events("event")
            .shed(13)
            .about("Events queued for the function."),
        function("function.async_events_dropped", "AsyncEventsDropped")
            .statistics(&[Sum])
            .events("event")
            .shed(75)
            .about("Events given up without a run: data was lost."),
        function("function.async_event_age", "AsyncEventAge")
            .statistics(&[Maximum])
            .time(Unit::Milliseconds)
            .shed(41)
            .about("From the event's arrival to its run."),
    ]
}

fn streams() -> Vec<Metric> {
    let stream = |name, metric| row(Stream, name, FIREHOSE, metric);
    vec![
        stream("stream.incoming_records", "IncomingRecords")
            .statistics(&[Sum])
            .events("record")
            .shed(42)
            .about("Records put into the stream."),
        stream("stream.incoming_bytes", "IncomingBytes")
            .statistics(&[Sum])
            .unit(Unit::Bytes, "byte")
            .zero()
            .shed(14)
            .about("Bytes put into the stream."),
        stream("stream.throttled_records", "ThrottledRecords")
            .statistics(&[Sum])
            .events("record")
            .shed(43)
            .about("Records refused by a limit."),
        stream("stream.delivery_to_s3.success", "DeliveryToS3.Success")
            .statistics(&[Average])
            .unit(Unit::Count, "")
            .shed(44)
            .about("Share of deliveries that succeeded, 0 to 1."),
        stream("stream.delivery_to_s3.records", "DeliveryToS3.Records")
            .statistics(&[Sum])
            .events("record")
            .shed(45)
            .about("Records delivered to S3."),
        stream("stream.delivery_to_s3.data_freshness", "DeliveryToS3.DataFreshness")
            .statistics(&[Maximum])
            .time(Unit::Seconds)
            .shed(76)
            .about("Age of the oldest record not yet in S3."),
    ]
}

fn textract() -> Vec<Metric> {
    let textract = |name, metric| row(TextractOperation, name, TEXTRACT, metric);
    vec![
        textract("textract.successful_requests", "SuccessfulRequestCount")
            .statistics(&[Sum])
            .events("request")
            .shed(33)
            .about("Requests of the whole account that succeeded."),
        textract("textract.throttled", "ThrottledCount")
            .statistics(&[Sum])
            .events("request")
            .shed(77)
            .about("Requests of the whole account that were throttled."),
        textract("textract.server_errors", "ServerErrorCount")
            .statistics(&[Sum])
            .events("error")
            .shed(34)
            .about("Requests of the whole account that failed in the service."),
        textract("textract.user_errors", "UserErrorCount")
            .statistics(&[Sum])
            .events("error")
            .shed(35)
            .about("Requests of the whole account that were wrong."),
        textract("textract.response_time", "ResponseTime")
            .statistics(&[Average])
            .time(Unit::Milliseconds)
            .shed(15)
            .about("Time of a request."),
    ]
}

fn row(target: Target, name: &'static str, namespace: &'static str, metric: &'static str) -> Metric {
    Metric::new(target, format!("{PREFIX}{name}"), namespace, metric)
}

impl Metric {
    fn unit(mut self, unit: Unit, datadog: &'static str) -> Self {
        self.unit_in = unit;
        self.unit_out = unit;
        self.datadog_unit = datadog.into();
        self
    }

    /// Times leave in seconds, whatever they come in.
    fn time(mut self, unit_in: Unit) -> Self {
        self.unit_in = unit_in;
        self.unit_out = Unit::Seconds;
        self.datadog_unit = "second".into();
        self
    }

    /// Things that happen: counted, and zero when absent.
    fn events(self, datadog: &'static str) -> Self {
        self.unit(Unit::Count, datadog).zero()
    }

    fn zero(mut self) -> Self {
        for column in &mut self.columns {
            column.absence = Absence::Zero;
        }
        self
    }

    fn on(mut self, kinds: &'static [EndpointKind]) -> Self {
        self.kinds = kinds.into();
        self
    }

    fn hot(mut self) -> Self {
        self.tier = Tier::Hot;
        self.shed = None;
        self
    }

    fn while_instances(mut self) -> Self {
        for column in &mut self.columns {
            column.needs_instances = true;
        }
        self
    }

    fn gpu(mut self) -> Self {
        self.gpu_only = true;
        self
    }

    fn late(mut self, seconds: u32) -> Self {
        self.lateness = seconds;
        self
    }

    fn shed(mut self, place: u8) -> Self {
        self.shed = Some(place);
        self
    }

    fn about(mut self, text: &'static str) -> Self {
        self.about = text.into();
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_series_name_is_legal_and_said_once_for_a_kind_of_endpoint() {
        let mut seen = BTreeSet::new();
        for metric in table() {
            for column in &metric.columns {
                let name = &column.series;
                assert!(name.starts_with(PREFIX) && name.len() <= 200, "{name}");
                assert!(name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_' | '.')), "{name}");
                let kinds = if metric.kinds.is_empty() { vec![None] } else { metric.kinds.iter().map(Some).collect() };
                for kind in kinds {
                    assert!(seen.insert((name.to_string(), kind.copied())), "{name} stands twice");
                }
            }
        }
    }

    #[test]
    fn every_metric_is_explained_and_its_units_convert() {
        for metric in table() {
            assert!(metric.about.ends_with('.'), "{} has no sentence", metric.name);
            assert!(metric.unit_in.factor_to(metric.unit_out).is_some(), "{}", metric.name);
            let billed_as_one = if metric.kinds.contains(&EndpointKind::RealTime) { 6 } else { 5 };
            assert!(metric.columns.len() <= billed_as_one, "{}", metric.name);
        }
    }

    #[test]
    fn only_the_four_backlog_metrics_are_hot_and_they_are_never_given_up() {
        let hot: Vec<_> = table().into_iter().filter(|m| m.tier == Tier::Hot).collect();
        assert_eq!(hot.len(), 4);
        assert!(hot.iter().all(|m| m.shed.is_none()));
    }
}
