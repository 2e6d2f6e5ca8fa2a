"""A pretend Datadog at the address of the first argument, spoken to with Datadog's own Python client.

The keys come from DD_API_KEY and DD_APP_KEY.
"""

import json
import sys
import traceback
import urllib.request

from datadog_api_client import ApiClient, Configuration
from datadog_api_client.exceptions import ApiException
from datadog_api_client.v1.api.metrics_api import MetricsApi as MetricsV1
from datadog_api_client.v2.api.metrics_api import MetricsApi as MetricsV2
from datadog_api_client.v2.model.metric_content_encoding import MetricContentEncoding
from datadog_api_client.v2.model.metric_intake_type import MetricIntakeType
from datadog_api_client.v2.model.metric_payload import MetricPayload
from datadog_api_client.v2.model.metric_point import MetricPoint
from datadog_api_client.v2.model.metric_series import MetricSeries

URL = sys.argv[1]


def api(kind, headers=False, **keys):
    """An API of the client; `api_key` and `app_key` in place of those of the environment.

    With `headers` each call returns what was read, the status and the headers.
    """
    configuration = Configuration(host=URL, enable_retry=False, return_http_data_only=not headers)
    for name, argument in (("apiKeyAuth", "api_key"), ("appKeyAuth", "app_key")):
        if argument in keys:
            configuration.api_key[name] = keys[argument]
    return kind(ApiClient(configuration))


def control(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(URL + path, data)) as answer:
        return answer.read().decode()


def status(call):
    """The HTTP status that `call` must be refused with."""
    return refusal(call).status


def refusal(call):
    """What `call` must be refused with."""
    try:
        call()
    except ApiException as error:
        assert error.body["errors"], "a refusal without words"
        return error
    raise AssertionError("it was not refused")


def series(metric, kind, points, tags, **more):
    points = [MetricPoint(timestamp=second, value=value) for second, value in points]
    return MetricSeries(metric=metric, type=kind, points=points, tags=tags, **more)


def gauge(metric, points, tags, **more):
    return series(metric, MetricIntakeType.GAUGE, points, tags, **more)


def count(metric, points, tags):
    return series(metric, MetricIntakeType.COUNT, points, tags, interval=60)


def post(*series, encoding=None, **keys):
    more = {"content_encoding": MetricContentEncoding(encoding)} if encoding else {}
    answer = api(MetricsV2, **keys).submit_metrics(body=MetricPayload(series=list(series)), **more)
    assert answer.errors == [], answer


def query(text, back=3600, ahead=600):
    """The series of a query, each {second: value}."""
    answer = api(MetricsV1).query_metrics(_from=NOW - back, to=NOW + ahead, query=text)
    assert answer.status == "ok", answer
    return [{int(point.value[0] // 1000): point.value[1] for point in one.pointlist} for one in answer.series]


def judge(checks):
    """Prints each check that failed; the exit code."""
    failed = 0
    for check in checks:
        name = check.__name__.removeprefix("check_").replace("_", " ")
        try:
            check()
            print(f"{name}: right")
        except Exception:  # Each is a verdict, and the other checks still say theirs.
            failed += 1
            print(f"{name}: WRONG\n{traceback.format_exc(limit=-3)[:3000]}", file=sys.stderr)
    return 1 if failed else 0


# A whole minute, as the points of an answer are minutes.
NOW = json.loads(control("/_sim/clock"))["now"] // 60_000 * 60
