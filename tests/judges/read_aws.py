"""Judges a pretend AWS by reading it with boto3, the client that everybody uses.

    read_aws.py AWS_URL CONTROL_URL

boto3 parses every answer by AWS's own service models. What it reads is compared with what the company is known to have,
with itself in other pages and protocols, and with the truth that the control surface tells. Credentials come from the
environment. Prints each check that failed, and leaves with 1 when there is one.
"""

import datetime
import functools
import json
import sys
import traceback
import types
import urllib.request

import botocore.endpoint
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

AWS_URL, CONTROL_URL = sys.argv[1:3]
REGION, EXTERNAL_ID = "us-west-2", "pretend"
DEVELOPMENT, PRODUCTION = "111122223333", "444455556666"
# The time of the company, which may not be that of the machine.
NOW = 0


def control(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(CONTROL_URL + path, data)) as answer:
        return answer.read().decode()


class faults:
    """Rules that hold inside a `with` block."""

    def __init__(self, service, kind, operation=None, times=None, **more):
        rule = {"service": service, "kind": kind, "operation": operation, "times": times} | more
        self.rules = [{key: value for key, value in rule.items() if value is not None}]

    def __enter__(self):
        control("/_sim/faults", self.rules)

    def __exit__(self, *_):
        control("/_sim/faults", [])


@functools.cache
def session(protocol):
    """One for each protocol: a session reads the service models once."""
    made = botocore.session.Session()
    if protocol:
        # boto3 takes the first protocol that a service's model names and it knows itself.
        model = made.get_component("data_loader").load_service_model("cloudwatch", "service-2")
        model["metadata"]["protocols"] = [protocol]
    return made


def client(service, keys=None, attempts=1, protocol=None):
    given = keys and {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }
    retries = {"total_max_attempts": attempts, "mode": "standard"}
    config = Config(retries=retries, read_timeout=10)
    place = {"region_name": REGION, "endpoint_url": AWS_URL}
    return session(protocol).create_client(service, config=config, **place, **(given or {}))


def assume(account, role="ddsync-read", **more):
    arn = f"arn:aws:iam::{account}:role/{role}"
    return client("sts").assume_role(RoleArn=arn, RoleSessionName="judge", **more)["Credentials"]


def refusal(call):
    """The code of the error that `call` must end in."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    raise AssertionError("it was not refused")


def everything(client, operation, key, **arguments):
    return client.get_paginator(operation).paginate(**arguments).build_full_result()[key]


def at(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def check_sts():
    for account in (DEVELOPMENT, PRODUCTION):
        keys = assume(account, ExternalId=EXTERNAL_ID)
        assert keys["Expiration"] > at(NOW), keys["Expiration"]
        assert client("sts", keys).get_caller_identity()["Account"] == account
    for wrong in (
        lambda: assume(PRODUCTION),
        lambda: assume(PRODUCTION, ExternalId="another"),
        lambda: assume("999999999999", ExternalId=EXTERNAL_ID),
        lambda: assume(PRODUCTION, "admin", ExternalId=EXTERNAL_ID),
    ):
        assert refusal(wrong) == "AccessDenied"
    stranger = {"AccessKeyId": "AKIANOBODY0000000000", "SecretAccessKey": "x", "SessionToken": "x"}
    assert refusal(client("sagemaker", stranger).list_endpoints) == "UnrecognizedClientException"


def check_tagging():
    seen = {}
    for account in (DEVELOPMENT, PRODUCTION):
        tagging = client("resourcegroupstaggingapi", assume(account, ExternalId=EXTERNAL_ID))
        ask = {"TagFilters": [{"Key": "pipeline"}]}
        found = everything(tagging, "get_resources", "ResourceTagMappingList", **ask)
        seen[account] = {thing["ResourceARN"]: thing["Tags"] for thing in found}
        pipelines = {tag["Value"] for thing in found for tag in thing["Tags"] if tag["Key"] == "pipeline"}
        assert {"Lease", "InvoiceTotals", "ClaimTriage"} <= pipelines, pipelines
        for arn in seen[account]:
            # The names of buckets are global: their ARNs know no account.
            assert arn.split(":")[4] in ("", account), arn
        for kind in ({"small_pages": 3}, "empty_page_with_token"):
            with faults("tagging", kind):
                again = everything(tagging, "get_resources", "ResourceTagMappingList", **ask)
            assert again == found, f"{kind} changes what is found"
        services = {arn.split(":")[2] for arn in seen[account]}
        assert {"sagemaker", "lambda", "s3", "firehose"} <= services, services
    assert not (set(seen[DEVELOPMENT]) & set(seen[PRODUCTION])), "one resource in two accounts"


def check_sagemaker():
    sagemaker = client("sagemaker", assume(DEVELOPMENT, ExternalId=EXTERNAL_ID))
    newest = {"SortBy": "CreationTime", "SortOrder": "Descending"}
    listed = everything(sagemaker, "list_endpoints", "Endpoints", **newest)
    times = [endpoint["CreationTime"] for endpoint in listed]
    assert len(listed) > 5 and times == sorted(times, reverse=True), times
    for kind in ({"small_pages": 2}, "empty_page_with_token"):
        with faults("sagemaker", kind):
            again = everything(sagemaker, "list_endpoints", "Endpoints", **newest)
        assert again == listed, f"{kind} changes what is listed"
    paged = everything(sagemaker, "list_endpoints", "Endpoints", PaginationConfig={"PageSize": 2}, **newest)
    assert paged == listed, "pages of two list something else"
    middle = sorted(endpoint["LastModifiedTime"] for endpoint in listed)[len(listed) // 2]
    later = everything(sagemaker, "list_endpoints", "Endpoints", LastModifiedTimeAfter=middle, **newest)
    assert later == [endpoint for endpoint in listed if endpoint["LastModifiedTime"] > middle], middle
    assert refusal(lambda: sagemaker.list_endpoints(SortBy="LastModifiedTime")) == "ValidationException"
    kinds = set()
    for endpoint in listed:
        name = endpoint["EndpointName"]
        description = sagemaker.describe_endpoint(EndpointName=name)
        for field in ("EndpointName", "EndpointArn", "EndpointStatus", "CreationTime", "LastModifiedTime"):
            assert description[field] == endpoint[field], (name, field)
        config = sagemaker.describe_endpoint_config(EndpointConfigName=description["EndpointConfigName"])
        variants = {variant["VariantName"] for variant in config["ProductionVariants"]}
        if description["EndpointStatus"] == "InService":
            assert {variant["VariantName"] for variant in description["ProductionVariants"]} == variants, name
        kinds.add("AsyncInferenceConfig" in config)
        kinds.update(key for variant in config["ProductionVariants"] for key in variant)
    assert {True, False, "InstanceType", "ServerlessConfig", "ModelName"} <= kinds, kinds
    nobody = {"EndpointName": "nobody"}
    try:
        sagemaker.describe_endpoint(**nobody)
        raise AssertionError("an unknown endpoint is described")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ValidationException", error
        assert "Could not find endpoint" in error.response["Error"]["Message"], error


def check_metrics(protocol):
    cloudwatch = client("cloudwatch", assume(DEVELOPMENT, ExternalId=EXTERNAL_ID), protocol=protocol)
    # Old enough that nothing arrives or changes while this runs.
    end = NOW - NOW % 60 - 12 * 60
    start = end - 30 * 60
    rows = [json.loads(line) for line in control(f"/_sim/truth?from={start}&to={end}").splitlines()]
    truth = {}
    for row in rows:
        if row["account"] != DEVELOPMENT:
            continue
        assert row["settled"] < NOW, row
        key = (row["namespace"], row["metric"], tuple(sorted(row["dimensions"].items())), row["statistic"], row["unit"])
        truth.setdefault(key, {})[row["timestamp"]] = row["value"]
    assert len({key[0] for key in truth}) >= 5, "fewer namespaces than the company uses"
    keys = sorted(truth)
    for first in range(0, len(keys), 500):
        chunk = keys[first : first + 500]
        pages = [read(cloudwatch, chunk, start, end, size) for size in (None, 2000)]
        assert pages[0] == pages[1], "small pages hold something else"
        for key, points in zip(chunk, pages[0]):
            assert points == truth[key], (key, truth[key], points)
    statistics(cloudwatch, truth, start, end)
    limits(cloudwatch, keys[0], start, end)


def query(number, key):
    namespace, metric, dimensions, statistic, _ = key
    named = [{"Name": name, "Value": value} for name, value in dimensions]
    asked = {"Namespace": namespace, "MetricName": metric, "Dimensions": named}
    return {"Id": f"q{number}", "MetricStat": {"Metric": asked, "Period": 60, "Stat": statistic}}


def read(cloudwatch, keys, start, end, size):
    """The points of each key: {second: value}."""
    points = [{} for _ in keys]
    ask = {"MetricDataQueries": [query(*pair) for pair in enumerate(keys)], "StartTime": at(start), "EndTime": at(end)}
    if size:
        ask["MaxDatapoints"] = size
    pages = 0
    for page in cloudwatch.get_paginator("get_metric_data").paginate(**ask):
        pages += 1
        assert size is None or sum(len(result["Values"]) for result in page["MetricDataResults"]) <= size
        for result in page["MetricDataResults"]:
            # PartialData with a token says that the rest is on a later page.
            assert result["StatusCode"] == "Complete" or "NextToken" in page, result
            mine = points[int(result["Id"][1:])]
            for moment, value in zip(result["Timestamps"], result["Values"], strict=True):
                second = int(moment.timestamp())
                assert start <= second < end and second % 60 == 0 and second not in mine, (second, result["Id"])
                mine[second] = value
    assert size is None or pages > 1, "everything fits one small page"
    return points


def statistics(cloudwatch, truth, start, end):
    """GetMetricStatistics has the same values, and the unit."""
    asked = {}
    for (namespace, metric, dimensions, statistic, unit), points in truth.items():
        asked.setdefault((namespace, metric), (dimensions, statistic, unit, points))
    for (namespace, metric), (dimensions, statistic, unit, points) in asked.items():
        which = "ExtendedStatistics" if statistic.startswith("p") else "Statistics"
        answer = cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions],
            StartTime=at(start),
            EndTime=at(end),
            Period=60,
            **{which: [statistic]},
        )
        read = {}
        for point in answer["Datapoints"]:
            assert point["Unit"] == unit, (metric, point)
            values = point["ExtendedStatistics"] if which == "ExtendedStatistics" else point
            read[int(point["Timestamp"].timestamp())] = values[statistic]
        assert read == points, (metric, points, read)
        listed = everything(cloudwatch, "list_metrics", "Metrics", Namespace=namespace, MetricName=metric)
        named = [{"Name": name, "Value": value} for name, value in dimensions]
        assert any(sorted(found["Dimensions"], key=str) == sorted(named, key=str) for found in listed), (metric, listed)


def limits(cloudwatch, key, start, end):
    """What AWS refuses is refused."""

    def ask(queries, since=start):
        return lambda: cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=at(since), EndTime=at(end))

    one = query(1, key)
    many = [query(number, key) for number in range(501)]
    for wrong in (ask(many), ask([one, one]), ask([one | {"Id": "Upper"}]), ask([one], since=end)):
        assert refusal(wrong) in ("ValidationError", "ValidationException")
    ask(many[:500])()


def check_logs():
    logs = client("logs", assume(DEVELOPMENT, ExternalId=EXTERNAL_ID))
    found = everything(logs, "describe_log_groups", "logGroups", logGroupNamePrefix="/aws/")
    names = [group["logGroupName"] for group in found]
    assert any(name.startswith("/aws/sagemaker/Endpoints/") for name in names), names
    assert any(name.startswith("/aws/lambda/") for name in names), names
    with faults("logs", {"small_pages": 2}):
        again = everything(logs, "describe_log_groups", "logGroups", logGroupNamePrefix="/aws/")
    assert again == found, "pages of two hold something else"
    group = "/aws/sagemaker/Endpoints/lease-page-split"
    # Old enough that nothing comes late while this runs.
    ask = {"logGroupName": group, "startTime": (NOW - 7200) * 1000, "endTime": (NOW - 3600) * 1000}
    events = everything(logs, "filter_log_events", "events", **ask)
    fields = {"eventId", "ingestionTime", "logStreamName", "message", "timestamp"}
    assert events and all(set(event) == fields for event in events), events[:3]
    ids = [event["eventId"] for event in events]
    assert len(set(ids)) == len(ids), "an event is there twice"
    times = [event["timestamp"] for event in events]
    assert times == sorted(times) and ask["startTime"] <= times[0] and times[-1] <= ask["endTime"], times
    assert all(event["timestamp"] < event["ingestionTime"] for event in events)
    streams = {event["logStreamName"] for event in events}
    assert any(name.endswith("/data-log") for name in streams), streams
    for kind in ({"small_pages": 50}, "empty_page_with_token"):
        with faults("logs", kind):
            again = everything(logs, "filter_log_events", "events", **ask)
        assert again == events, f"{kind} changes what is read"
    paged = everything(logs, "filter_log_events", "events", PaginationConfig={"PageSize": 100}, **ask)
    assert paged == events, "pages of a hundred hold something else"
    # Both ends belong to the range.
    one = ask | {"startTime": times[0], "endTime": times[0]}
    wanted = [event for event in events if event["timestamp"] == times[0]]
    assert everything(logs, "filter_log_events", "events", **one) == wanted
    stream = events[0]["logStreamName"]
    alone = everything(logs, "filter_log_events", "events", logStreamNames=[stream], **ask)
    assert alone == [event for event in events if event["logStreamName"] == stream]
    identifier = next(group_["logGroupArn"] for group_ in found if group_["logGroupName"] == group)
    named = {"logGroupIdentifier": identifier} | {key: value for key, value in ask.items() if key != "logGroupName"}
    assert everything(logs, "filter_log_events", "events", **named) == events
    missing = lambda: logs.filter_log_events(logGroupName="/aws/lambda/nobody")
    assert refusal(missing) == "ResourceNotFoundException"
    wrong = lambda: logs.filter_log_events(nextToken="bogus", **ask)
    assert refusal(wrong) == "InvalidParameterException"
    stranger = client("logs", assume(PRODUCTION, ExternalId=EXTERNAL_ID))
    with faults("logs", "access_denied", operation="FilterLogEvents", account=PRODUCTION):
        assert refusal(lambda: stranger.filter_log_events(**ask)) == "AccessDeniedException"
        logs.filter_log_events(**ask)


def check_faults():
    keys = assume(DEVELOPMENT, ExternalId=EXTERNAL_ID)
    window = {"StartTime": at(NOW - 600), "EndTime": at(NOW)}
    key = ("AWS/SageMaker", "ApproximateBacklogSize", (("EndpointName", "lease-page-split"),), "Maximum", "")
    calls = {
        "tagging": ("resourcegroupstaggingapi", lambda c: c.get_resources()),
        "sagemaker": ("sagemaker", lambda c: c.list_endpoints()),
        "logs": ("logs", lambda c: c.describe_log_groups()),
        "cloudwatch": ("cloudwatch", lambda c: c.get_metric_data(MetricDataQueries=[query(1, key)], **window)),
        "sts": ("sts", lambda c: c.get_caller_identity()),
    }
    codes = {
        "throttle": {"ThrottlingException", "ThrottledException", "Throttling"},
        "access_denied": {"AccessDeniedException", "AccessDenied"},
        "expired_token": {"ExpiredTokenException", "ExpiredToken"},
    }
    for service, (name, call) in calls.items():
        once, patient = client(name, keys), client(name, keys, attempts=4)
        for kind, known in codes.items():
            with faults(service, kind):
                code = refusal(lambda: call(once))
            assert code in known, (service, kind, code)
        # What passes by itself, boto3 has to recognise and try again.
        for kind in ("throttle", {"server_error": 500}, {"server_error": 503}, "reset"):
            with faults(service, kind, times=2):
                call(patient)
        with faults(service, "reset"):
            try:
                call(once)
                raise AssertionError(f"{service} answers on a connection that is reset")
            except ConnectionClosedError:
                pass
        with faults(service, "access_denied", account=PRODUCTION):
            call(once)


def main():
    global NOW
    NOW = json.loads(control("/_sim/clock"))["now"] // 1000
    control("/_sim/faults", [])
    # How long boto3 waits before it tries again is not what is judged.
    botocore.endpoint.time = types.SimpleNamespace(sleep=lambda _: None)
    checks = {
        "sts": check_sts,
        "tagging": check_tagging,
        "sagemaker": check_sagemaker,
        "cloudwatch in CBOR": lambda: check_metrics("smithy-rpc-v2-cbor"),
        "cloudwatch in JSON": lambda: check_metrics("json"),
        "logs": check_logs,
        "faults": check_faults,
    }
    failed = 0
    for name, check in checks.items():
        try:
            check()
            print(f"{name}: right")
        except Exception:  # Each is a verdict, and the other checks still say theirs.
            failed += 1
            print(f"{name}: WRONG\n{traceback.format_exc(limit=-3)[:3000]}", file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
