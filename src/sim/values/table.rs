//! The tables, in the order of AWS's own pages.

use super::{Metric, Shape};

/// By endpoint and variant.
const fn variant(name: &'static str, unit: &'static str, shape: Shape) -> Metric {
    Metric { namespace: "AWS/SageMaker", name, unit, by_variant: true, percentiles: false, shape }
}

/// By endpoint and variant, with percentiles.
const fn timed(name: &'static str, unit: &'static str, shape: Shape) -> Metric {
    Metric { percentiles: true, ..variant(name, unit, shape) }
}

/// By endpoint alone.
const fn queue(name: &'static str, unit: &'static str, shape: Shape) -> Metric {
    Metric { by_variant: false, ..variant(name, unit, shape) }
}

/// The instances behind a variant.
const fn host(name: &'static str, shape: Shape) -> Metric {
    Metric { namespace: "/aws/sagemaker/Endpoints", ..variant(name, "Percent", shape) }
}

const fn lambda(name: &'static str, unit: &'static str, shape: Shape) -> Metric {
    Metric { namespace: "AWS/Lambda", ..queue(name, unit, shape) }
}

const fn firehose(name: &'static str, unit: &'static str, shape: Shape) -> Metric {
    Metric { namespace: "AWS/Firehose", ..queue(name, unit, shape) }
}

const fn textract(name: &'static str, unit: &'static str, shape: Shape) -> Metric {
    Metric { namespace: "AWS/Textract", ..queue(name, unit, shape) }
}

const fn logs(name: &'static str, unit: &'static str) -> Metric {
    Metric { namespace: "AWS/Logs", ..queue(name, unit, Shape::Written) }
}

/// Asynchronous endpoints. They publish no `Invocations`.
pub(super) const OF_ASYNC: &[Metric] = &[
    queue("ApproximateBacklogSize", "Count", Shape::Backlog),
    queue("ApproximateBacklogSizePerInstance", "Count", Shape::BacklogPerInstance),
    queue("ApproximateAgeOfOldestRequest", "Seconds", Shape::OldestAge),
    queue("HasBacklogWithoutCapacity", "Count", Shape::Stalled),
    variant("InvocationsProcessed", "Count", Shape::Done),
    variant("InvocationFailures", "Count", Shape::Failed),
    variant("ExpiredRequests", "Count", Shape::Mishap),
    variant("RequestDownloadFailures", "Count", Shape::Mishap),
    variant("ResponseUploadFailures", "Count", Shape::Mishap),
    variant("NotificationFailures", "Count", Shape::Mishap),
    variant("RequestDownloadLatency", "Microseconds", Shape::Time(180_000.0)),
    variant("ResponseUploadLatency", "Microseconds", Shape::Time(95_000.0)),
    variant("TimeInBacklog", "Milliseconds", Shape::Time(2_400.0)),
    variant("TotalProcessingTime", "Milliseconds", Shape::Time(7_900.0)),
    variant("ModelLatency", "Microseconds", Shape::Time(5_200_000.0)),
    variant("Invocation4XXErrors", "None", Shape::Mishap),
    variant("Invocation5XXErrors", "None", Shape::Failed),
];

/// Real-time endpoints. Idle ones publish zeros.
pub(super) const OF_REAL_TIME: &[Metric] = &[
    variant("Invocations", "None", Shape::DoneOrZero),
    variant("InvocationsPerInstance", "None", Shape::DonePerInstance),
    variant("Invocation4XXErrors", "None", Shape::Mishap),
    variant("Invocation5XXErrors", "None", Shape::Failed),
    variant("InvocationModelErrors", "None", Shape::Failed),
    timed("ModelLatency", "Microseconds", Shape::Time(84_000.0)),
    timed("OverheadLatency", "Microseconds", Shape::Time(3_100.0)),
    variant("ConcurrentRequestsPerModel", "Count", Shape::AtOnce),
];

/// Serverless endpoints.
pub(super) const OF_SERVERLESS: &[Metric] = &[
    variant("Invocations", "None", Shape::DoneOrZero),
    variant("Invocation4XXErrors", "None", Shape::Mishap),
    variant("Invocation5XXErrors", "None", Shape::Failed),
    variant("InvocationModelErrors", "None", Shape::Failed),
    timed("ModelLatency", "Microseconds", Shape::Time(140_000.0)),
    timed("OverheadLatency", "Microseconds", Shape::Time(9_000.0)),
    timed("ModelSetupTime", "Microseconds", Shape::Time(1_900_000.0)),
];

/// The instances behind an endpoint: one sample for each instance. Nothing at zero instances.
pub(super) const HOST: &[Metric] = &[
    host("CPUUtilization", Shape::Level(340.0)),
    host("MemoryUtilization", Shape::Level(55.0)),
    host("DiskUtilization", Shape::Level(22.0)),
    host("GPUUtilization", Shape::Card(88.0)),
    host("GPUMemoryUtilization", Shape::Card(71.0)),
];

/// Lambda functions. Nothing in a minute with no invocation.
pub(super) const BY_FUNCTION: &[Metric] = &[
    lambda("Invocations", "Count", Shape::Done),
    lambda("Errors", "Count", Shape::Failed),
    lambda("Throttles", "Count", Shape::Mishap),
    Metric { percentiles: true, ..lambda("Duration", "Milliseconds", Shape::Time(640.0)) },
    lambda("ConcurrentExecutions", "Count", Shape::AtOnce),
    lambda("DeadLetterErrors", "Count", Shape::Mishap),
    lambda("DestinationDeliveryFailures", "Count", Shape::Mishap),
    lambda("AsyncEventsReceived", "Count", Shape::Done),
    lambda("AsyncEventsDropped", "Count", Shape::Mishap),
    lambda("AsyncEventAge", "Milliseconds", Shape::Time(310.0)),
];

/// Firehose streams.
pub(super) const BY_STREAM: &[Metric] = &[
    firehose("IncomingRecords", "Count", Shape::DoneOrZero),
    firehose("IncomingBytes", "Bytes", Shape::Bytes(2_048.0)),
    firehose("ThrottledRecords", "Count", Shape::Mishap),
    firehose("DeliveryToS3.Success", "Count", Shape::Success),
    firehose("DeliveryToS3.Records", "Count", Shape::DoneOrZero),
    firehose("DeliveryToS3.DataFreshness", "Seconds", Shape::Freshness),
];

/// Textract, by operation and account.
pub(super) const BY_OPERATION: &[Metric] = &[
    textract("SuccessfulRequestCount", "Count", Shape::Done),
    textract("ThrottledCount", "Count", Shape::Mishap),
    textract("ServerErrorCount", "Count", Shape::Mishap),
    textract("UserErrorCount", "Count", Shape::Mishap),
    textract("ResponseTime", "Milliseconds", Shape::Time(1_750.0)),
];

/// Log groups.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html>
pub(in crate::sim) const BY_LOG_GROUP: &[Metric] = &[logs("IncomingBytes", "Bytes"), logs("IncomingLogEvents", "None")];
