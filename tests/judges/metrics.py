"""The metrics of asynchronous and real-time endpoints, functions and streams: what AWS publishes, what Datadog gets.

Written by hand from AWS's pages and from the published names, and not from the program's table, so that a misspelling
there cannot hide. Times arrive in the unit given here and leave in seconds.
"""

SUFFIX = {"Sum": "sum", "SampleCount": "count", "Average": "avg", "Minimum": "min", "Maximum": "max"}
SECONDS = {"Seconds": 1, "Milliseconds": 1e-3, "Microseconds": 1e-6}
ACTIVE = "mlpipeline.endpoint.active_instances"
DESIRED = "mlpipeline.endpoint.instances_desired"


class Metric:
    """One CloudWatch metric: `series` is statistic -> Datadog name, `zero` that absence means that nothing happened."""

    def __init__(self, namespace, name, unit, series, datadog_unit, zero=False, samples="many"):
        self.namespace, self.name, self.unit, self.series = namespace, name, unit, series
        self.datadog_unit = "second" if unit in SECONDS else datadog_unit
        self.factor = SECONDS.get(unit, 1)
        self.zero, self.samples = zero, samples


def named(base, statistics):
    return {statistic: f"mlpipeline.{base}.{SUFFIX.get(statistic, statistic)}" for statistic in statistics}


def metric(namespace, name, unit, base, statistics, datadog_unit="", **more):
    return Metric(namespace, name, unit, named(base, statistics.split()), datadog_unit, **more)


def events(namespace, name, base, datadog_unit):
    return metric(namespace, name, "Count", base, "Sum", datadog_unit, zero=True)


SAGEMAKER, INSTANCES, LAMBDA, FIREHOSE = "AWS/SageMaker", "/aws/sagemaker/Endpoints", "AWS/Lambda", "AWS/Firehose"

ASYNC_ENDPOINT = [
    metric(SAGEMAKER, "ApproximateBacklogSize", "Count", "endpoint.backlog", "Maximum Average", "request"),
    metric(
        SAGEMAKER, "ApproximateBacklogSizePerInstance", "Count", "endpoint.backlog_per_instance", "Maximum Average", "request"
    ),
    metric(SAGEMAKER, "ApproximateAgeOfOldestRequest", "Seconds", "endpoint.oldest_request_age", "Maximum"),
    metric(
        SAGEMAKER,
        "HasBacklogWithoutCapacity",
        "Count",
        "endpoint.has_backlog_without_capacity",
        "Maximum Average",
        samples="flag",
    ),
]

ASYNC_VARIANT = [
    events(SAGEMAKER, "InvocationsProcessed", "endpoint.invocations_processed", "request"),
    events(SAGEMAKER, "InvocationFailures", "endpoint.invocation_failures", "error"),
    events(SAGEMAKER, "ExpiredRequests", "endpoint.expired_requests", "request"),
    events(SAGEMAKER, "RequestDownloadFailures", "endpoint.request_download_failures", "error"),
    events(SAGEMAKER, "ResponseUploadFailures", "endpoint.response_upload_failures", "error"),
    events(SAGEMAKER, "NotificationFailures", "endpoint.notification_failures", "error"),
    events(SAGEMAKER, "Invocation4XXErrors", "endpoint.invocation_4xx_errors", "error"),
    events(SAGEMAKER, "Invocation5XXErrors", "endpoint.invocation_5xx_errors", "error"),
    metric(
        SAGEMAKER,
        "RequestDownloadLatency",
        "Microseconds",
        "endpoint.request_download_latency",
        "Average Maximum SampleCount",
    ),
    metric(
        SAGEMAKER, "ResponseUploadLatency", "Microseconds", "endpoint.response_upload_latency", "Average Maximum SampleCount"
    ),
    metric(SAGEMAKER, "TimeInBacklog", "Milliseconds", "endpoint.time_in_backlog", "Average Maximum SampleCount"),
    # Milliseconds in today's page, microseconds before: CloudWatch says which, and is to be believed.
    metric(
        SAGEMAKER, "TotalProcessingTime", "Microseconds", "endpoint.total_processing_time", "Average Maximum SampleCount"
    ),
    metric(SAGEMAKER, "ModelLatency", "Microseconds", "endpoint.model_latency", "Average Maximum SampleCount"),
    # Not the catalogue's: the tests configure it.
    metric(
        "Company/Models", "Tokens", "Count", "endpoint.tokens", "Sum Average Minimum Maximum SampleCount p50 p99", zero=True
    ),
]

SYNC_LATENCY = "Average Maximum p50 p90 p99 SampleCount"
REALTIME_VARIANT = [
    events(SAGEMAKER, "Invocations", "endpoint.invocations", "request"),
    events(SAGEMAKER, "InvocationsPerInstance", "endpoint.invocations_per_instance", "request"),
    events(SAGEMAKER, "Invocation4XXErrors", "endpoint.invocation_4xx_errors", "error"),
    events(SAGEMAKER, "Invocation5XXErrors", "endpoint.invocation_5xx_errors", "error"),
    events(SAGEMAKER, "InvocationModelErrors", "endpoint.invocation_model_errors", "error"),
    metric(SAGEMAKER, "ModelLatency", "Microseconds", "endpoint.model_latency", SYNC_LATENCY),
    metric(SAGEMAKER, "OverheadLatency", "Microseconds", "endpoint.overhead_latency", SYNC_LATENCY),
    metric(
        SAGEMAKER,
        "ConcurrentRequestsPerModel",
        "Count",
        "endpoint.concurrent_requests_per_model",
        "Maximum",
        "request",
    ),
]


def utilization(name, base):
    return metric(INSTANCES, name, "Percent", base, "Average Maximum", "percent", samples="instances")


CPU = utilization("CPUUtilization", "instance.cpu_utilization")
# One sample an instance and minute: their number is the number of instances that run.
CPU.series["SampleCount"] = ACTIVE
HOST = [
    CPU,
    utilization("MemoryUtilization", "instance.memory_utilization"),
    utilization("DiskUtilization", "instance.disk_utilization"),
]
GPU = [
    utilization("GPUUtilization", "instance.gpu_utilization"),
    utilization("GPUMemoryUtilization", "instance.gpu_memory_utilization"),
]

FUNCTION = [
    events(LAMBDA, "Invocations", "function.invocations", "invocation"),
    events(LAMBDA, "Errors", "function.errors", "error"),
    events(LAMBDA, "Throttles", "function.throttles", "invocation"),
    metric(LAMBDA, "Duration", "Milliseconds", "function.duration", "Average Maximum p95"),
    metric(LAMBDA, "ConcurrentExecutions", "Count", "function.concurrent_executions", "Maximum", "execution"),
    events(LAMBDA, "DeadLetterErrors", "function.dead_letter_errors", "error"),
    events(LAMBDA, "DestinationDeliveryFailures", "function.destination_delivery_failures", "error"),
    events(LAMBDA, "AsyncEventsReceived", "function.async_events_received", "event"),
    events(LAMBDA, "AsyncEventsDropped", "function.async_events_dropped", "event"),
    metric(LAMBDA, "AsyncEventAge", "Milliseconds", "function.async_event_age", "Maximum"),
]

STREAM = [
    events(FIREHOSE, "IncomingRecords", "stream.incoming_records", "record"),
    metric(FIREHOSE, "IncomingBytes", "Bytes", "stream.incoming_bytes", "Sum", "byte", zero=True),
    events(FIREHOSE, "ThrottledRecords", "stream.throttled_records", "record"),
    metric(FIREHOSE, "DeliveryToS3.Success", "Count", "stream.delivery_to_s3.success", "Average", samples="flag"),
    events(FIREHOSE, "DeliveryToS3.Records", "stream.delivery_to_s3.records", "record"),
    metric(FIREHOSE, "DeliveryToS3.DataFreshness", "Seconds", "stream.delivery_to_s3.data_freshness", "Maximum"),
]

# As it stands under `metrics: custom:` in ddsync.yaml.
CUSTOM = [
    {
        "name": "mlpipeline.endpoint.tokens",
        "namespace": "Company/Models",
        "metric": "Tokens",
        "target": "variant",
        "statistics": ["Sum", "Average", "Minimum", "Maximum", "SampleCount", "p50", "p99"],
        "unit": "count",
        "unit_out": "count",
        "absence": "zero",
        "kinds": ["async"],
    }
]


def of(kind, target, instance):
    """What an endpoint of this kind publishes for itself (`endpoint`) or for each variant (`variant`)."""
    if target == "endpoint":
        return ASYNC_ENDPOINT if kind == "async" else []
    host = HOST + (GPU if instance.startswith(("ml.g", "ml.p")) else [])
    return host + (ASYNC_VARIANT if kind == "async" else REALTIME_VARIANT)
