"""Puts a small company into the emulators with boto3, and says what has to reach Datadog.

    put_company.py AWS_URL CLOUDWATCH_URL DEVELOPMENT PRODUCTION SUFFIX

Two accounts (twelve digits each) with the same pipelines, under names that differ by account and end in SUFFIX, since
the CloudWatch emulator knows no accounts. What is expected is computed here from what was put, from the tag contract and
from the metric reference (metrics.py); nothing is asked of ddsync. Prints one JSON object:

    {"accounts": [{"name", "role"}], "region", "custom_metrics": [..as in ddsync.yaml..], "state_bucket",
     "points": [{"metric", "tags", "timestamp", "value", "unit", "type"}],  what must arrive
     "zero": [{"metric", "tags", "before"}],                                whose other minutes may be zeros
     "state": [{"metric", "tags", "value", "unit"}],                        gauges of the minute in which it runs
     "logs": {"noon", "groups", "silent", "bytes_per_day", "events_per_month"}}  what `estimate` says at that instant
"""

import io
import json
import random
import re
import sys
import time
import zipfile

import boto3
from botocore.config import Config

import metrics

REGION = "us-west-2"
# Minutes before now. The newest is past the two minutes that a poll leaves alone, the oldest inside its first window.
AGES = range(4, 13)
ANCIENT, FUTURE = 300, -9
# CloudWatch shows a minute up to five minutes after its end: from this age on, what is not there is nothing.
SHOWN = 6
SEED = 20
DAY = 24 * 60 * 60

HOSTILE = "Docs|#env:prod,team:x\n@pagerduty {{#is_alert}} <<x>>"
UNICODE = ("\u00c9\u65e5 x\u0130-" * 52)[:256]
LONG = "Long-" + "y" * 251


class Resource:
    """Something with a name, its own tags, and variants when it is an endpoint."""

    def __init__(self, kind, name, tags, variants=(), instance="ml.m5.large"):
        self.kind, self.name, self.tags, self.variants, self.instance = kind, name, tags, variants, instance


def company(environment, suffix):
    """The resources of one account."""
    lease = {"pipeline": "Lease", "environment": environment, "team": "Docs"}
    end = f"{environment.removeprefix('data_')}-{suffix}"
    one = [("AllTraffic", 2)]
    hostile = {"environment": environment, "pipeline": HOSTILE, "team": "Docs},*:{}", "model": "a b", "owner": "@all"}
    return [
        Resource("async", f"Lease-Page-Split-{end}", lease | {"model": "page-split"}, [("AllTraffic", 4)]),
        Resource(
            "async",
            f"lease-Tagger-{end}",
            lease | {"model": "clause-tagger", "depends-on": "page-split"},
            [("Blue", 1), ("Green", 3)],
            "ml.g4dn.xlarge",
        ),
        Resource("realtime", f"LOOKUP-{end}", lease | {"model": "lookup", "depends-on": "page-split+clause-tagger"}, one),
        Resource("function", f"Lease-Trigger-{end}", lease | {"model": "page-split"}),
        Resource("stream", f"Lease-Results-{end}", lease | {"model": "results"}),
        Resource("bucket", f"lease-input-{end}", lease),
        Resource("async", f"Hostile-{end}", hostile, one),
        Resource("async", f"Unicode-{end}", lease | {"pipeline": UNICODE, "team": UNICODE}, one),
        Resource("async", f"Long-{end}", lease | {"pipeline": LONG, "model": LONG}, one),
        Resource("async", f"No-Team-{end}", {"pipeline": "Payroll", "environment": environment}, one),
        Resource("async", f"Untagged-{end}", {}, one),
    ]


def clients(url, account):
    """A maker of boto3 clients that act in `account`, by a role that is assumed as ddsync does it."""
    here = {"endpoint_url": url, "region_name": REGION, "config": Config(retries={"max_attempts": 2})}
    base = here | {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "secret"}
    if account is None:
        return lambda service: boto3.client(service, **base)
    role = boto3.client("sts", **base).assume_role(RoleArn=role_of(account), RoleSessionName="put-company")
    keys = role["Credentials"]
    there = here | {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }
    return lambda service: boto3.client(service, **there)


def role_of(account):
    return f"arn:aws:iam::{account}:role/ddsync-read"


def create(client, resource, role):
    """Makes the resource; `role` is one that Lambda and Firehose accept."""
    tags = [{"Key": key, "Value": value} for key, value in resource.tags.items()]
    name = resource.name
    if resource.kind in ("async", "realtime"):
        create_endpoint(client("sagemaker"), resource, role, tags)
    elif resource.kind == "function":
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("trigger.py", "def handle(event, context): pass\n")
        client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=role,
            Handler="trigger.handle",
            Code={"ZipFile": code.getvalue()},
            Tags=resource.tags,
        )
    elif resource.kind == "stream":
        client("firehose").create_delivery_stream(
            DeliveryStreamName=name,
            ExtendedS3DestinationConfiguration={"RoleARN": role, "BucketARN": "arn:aws:s3:::results"},
            Tags=tags,
        )
    else:
        create_bucket(client("s3"), name)
        client("s3").put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})


def create_bucket(s3, name):
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})


def create_endpoint(sagemaker, resource, role, tags):
    model, config = f"{resource.name}-model", f"{resource.name}-config"
    sagemaker.create_model(ModelName=model, ExecutionRoleArn=role, PrimaryContainer={"Image": "image:1"})
    more = {}
    if resource.kind == "async":
        more["AsyncInferenceConfig"] = {"OutputConfig": {"S3OutputPath": "s3://results/"}}
    sagemaker.create_endpoint_config(
        EndpointConfigName=config,
        ProductionVariants=[
            {
                "VariantName": variant,
                "ModelName": model,
                "InitialInstanceCount": count,
                "InstanceType": resource.instance,
                "InitialVariantWeight": 1.0,
            }
            for variant, count in resource.variants
        ],
        **more,
    )
    sagemaker.create_endpoint(EndpointName=resource.name, EndpointConfigName=config, Tags=tags)


def normal(value, room):
    """A tag's value as Datadog stores it: https://docs.datadoghq.com/getting_started/tagging/."""
    text = re.sub(r"[^a-z0-9\-:./]+", "_", value.lower())
    return text[:room].rstrip("_") or "none"


def series_tags(resource, account, **more):
    kind = {"async": "endpoint", "realtime": "endpoint"}.get(resource.kind, resource.kind)
    get = resource.tags.get
    tags = {
        "pipeline": get("pipeline", ""),
        "environment": get("environment", ""),
        "env": get("environment", ""),
        "team": get("team", ""),
        "stage": get("model", resource.name),
        kind: resource.name,
        "aws_account": account,
        "region": REGION,
    }
    tags |= {key: value for key, value in more.items() if value is not None}
    return sorted(f"{key}:{normal(value, 200 - len(key) - 1)}" for key, value in tags.items())


def states(resource, account):
    """What describing an endpoint tells: the emulator has it in service at once, with all its instances."""
    if resource.kind not in ("async", "realtime") or not resource.tags:
        return
    for name, more in (("status", {"status": "InService"}), ("in_service", {})):
        tags = series_tags(resource, account, **more)
        yield {"metric": f"mlpipeline.endpoint.{name}", "tags": tags, "value": 1.0, "unit": ""}
    for variant, count in resource.variants:
        tags = series_tags(resource, account, variant=variant)
        yield {"metric": metrics.DESIRED, "tags": tags, "value": float(count), "unit": "instance"}


def samples(dice, metric, instances):
    """What happened in one minute: a value and how often, or nothing at all."""
    if dice.random() < 0.2:
        return []
    if metric.samples == "flag":
        return [(float(dice.random() < 0.5), 1)]
    if metric.samples == "instances":
        return [(dice.randrange(1, 400) / 4, 1) for _ in range(instances)]
    # With 101 samples every percentile that is asked for is one of them, whatever way it is defined.
    cuts = sorted(dice.sample(range(1, 101), 5))
    counts = [high - low for low, high in zip([0, *cuts], [*cuts, 101])]
    # Quarters add up exactly.
    return [(dice.randrange(0, 4_000_000) / 4, count) for count in counts]


def statistic(name, drawn):
    if not drawn:
        return 0.0
    values = sorted(value for value, count in drawn for _ in range(count))
    if name.startswith("p"):
        return values[int(name[1:]) * (len(values) - 1) // 100]
    return {
        "Sum": sum(values),
        "SampleCount": float(len(values)),
        "Average": sum(values) / len(values),
        "Minimum": values[0],
        "Maximum": values[-1],
    }[name]


def data_of(metric, dimensions, minute, drawn, dice):
    """The samples in two parts, each somewhere inside the minute, as instances publish them."""
    middle = dice.randrange(0, len(drawn) + 1)
    for part in (drawn[:middle], drawn[middle:]):
        if part:
            yield metric.namespace, {
                "MetricName": metric.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
                "Timestamp": minute + dice.randrange(0, 60),
                "Values": [value for value, _ in part],
                "Counts": [float(count) for _, count in part],
                "Unit": metric.unit,
            }


def targets(resource):
    """What the resource's metrics are asked for: the metrics, the exact dimensions, the variant, the instances."""
    if resource.kind in ("async", "realtime"):
        name = {"EndpointName": resource.name}
        yield metrics.of(resource.kind, "endpoint", resource.instance), name, None, 0
        for variant, count in resource.variants:
            of_variant = metrics.of(resource.kind, "variant", resource.instance)
            yield of_variant, name | {"VariantName": variant}, variant, count
    elif resource.kind == "function":
        yield metrics.FUNCTION, {"FunctionName": resource.name}, None, 0
    elif resource.kind == "stream":
        yield metrics.STREAM, {"DeliveryStreamName": resource.name}, None, 0


def points_of(metric, tags, minute, drawn):
    """What Datadog has to get for one minute; a zero when nothing was drawn."""
    for stat, name in metric.series.items():
        in_unit = stat != "SampleCount"
        yield {
            "metric": name,
            "tags": tags,
            "timestamp": minute,
            "value": statistic(stat, drawn) * (metric.factor if in_unit else 1),
            "unit": metric.datadog_unit if in_unit else "",
            "type": "count" if stat in ("Sum", "SampleCount") and name != metrics.ACTIVE else "gauge",
        }


def observe(dice, resource, account, now, expected):
    """Yields what CloudWatch gets about the resource, and adds to `expected` what Datadog has to get."""
    for table, dimensions, variant, instances in targets(resource):
        tags = series_tags(resource, account, variant=variant)
        for metric in table:
            # Not of endpoints: they have just been made, and before that there was nothing to be zero. A function's
            # point carries the time at which a run of up to 15 minutes began: until then it may still come.
            zero = metric.zero and resource.kind == "stream"
            late = metric.zero and resource.kind == "function"
            if zero or late:
                before = now if zero else now - 15 * 60
                expected["zero"] += [{"metric": name, "tags": tags, "before": before} for name in metric.series.values()]
            for age in (*AGES, ANCIENT, FUTURE):
                minute = now - now % 60 - 60 * age
                drawn = samples(dice, metric, instances)
                yield from data_of(metric, dimensions, minute, drawn, dice)
                if (drawn or (zero and age >= SHOWN)) and age in AGES and resource.tags:
                    expected["points"] += points_of(metric, tags, minute, drawn)
        # The same metric with other dimensions is another metric: none of this may be heard of.
        stray = metrics.Metric("AWS/SageMaker", "ModelLatency", "Microseconds", {}, "")
        more = dimensions | {"InstanceId": "i-1"}
        yield from data_of(stray, more, now - now % 60 - 300, [(123456.0, 1)], dice)


def write_logs(dice, resources, noon, expected):
    """Yields what CloudWatch counts of the log groups of a week, and adds to `expected` what an estimate makes of it."""
    folders = {"async": "/aws/sagemaker/Endpoints/", "realtime": "/aws/sagemaker/Endpoints/", "function": "/aws/lambda/"}
    today = noon - noon % DAY
    for resource in resources:
        if resource.kind not in folders or not resource.tags:
            continue
        expected["groups"] += 1
        # Some groups are young, some never say anything, and on some days nobody says anything.
        first = dice.randrange(1, 9)
        written = [age for age in range(1, first + 1) if age == first or dice.random() < 0.7] if first < 8 else []
        expected["silent"] += not written
        # Today is not over, and the eighth day is too long ago.
        for age in [0, 8, *written] if written else []:
            for _ in range(dice.randrange(1, 4)):
                for name, unit in (("IncomingBytes", "Bytes"), ("IncomingLogEvents", "None")):
                    value = dice.randrange(1, 1_000_000)
                    yield "AWS/Logs", {
                        "MetricName": name,
                        "Dimensions": [{"Name": "LogGroupName", "Value": folders[resource.kind] + resource.name}],
                        "Timestamp": today - age * DAY + dice.randrange(0, DAY // 2),
                        "Value": float(value),
                        "Unit": unit,
                    }
                    if age in written:
                        bytes_or_events = "bytes_per_day" if unit == "Bytes" else "events_per_month"
                        expected[bytes_or_events] += value / first * (1 if unit == "Bytes" else 30)


def put(cloudwatch, data):
    by_namespace = {}
    for namespace, datum in data:
        by_namespace.setdefault(namespace, []).append(datum)
    for namespace, data in by_namespace.items():
        for start in range(0, len(data), 500):
            cloudwatch.put_metric_data(Namespace=namespace, MetricData=data[start : start + 500])


def main():
    aws_url, cloudwatch_url, development, production, suffix = sys.argv[1:]
    accounts = {"data_dev": development, "data_prod": production}
    dice = random.Random(SEED)
    now = int(time.time())
    expected = {
        "accounts": [{"name": name, "role": role_of(account)} for name, account in accounts.items()],
        "region": REGION,
        "custom_metrics": metrics.CUSTOM,
        "state_bucket": f"ddsync-state-{suffix}",
        "points": [],
        "zero": [],
        "state": [],
        "logs": {"noon": now - now % DAY + DAY // 2, "groups": 0, "silent": 0, "bytes_per_day": 0, "events_per_month": 0},
    }
    create_bucket(clients(aws_url, None)("s3"), expected["state_bucket"])
    cloudwatch = clients(cloudwatch_url, None)("cloudwatch")
    for environment, account in accounts.items():
        client = clients(aws_url, account)
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        role = client("iam").create_role(RoleName="pipelines", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        for resource in company(environment, suffix):
            create(client, resource, role)
            expected["state"] += states(resource, account)
            put(cloudwatch, observe(dice, resource, account, now, expected))
    # Their own dice: what else is put stays as it is.
    dice = random.Random(SEED)
    for environment in accounts:
        put(cloudwatch, write_logs(dice, company(environment, suffix), expected["logs"]["noon"], expected["logs"]))
    json.dump(expected, sys.stdout)


if __name__ == "__main__":
    main()
