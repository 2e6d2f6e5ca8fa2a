"""Judges a pretend Datadog by posting to it with Datadog's own Python client, and reading back what was written.

    post_datadog.py DATADOG_URL

The keys come from DD_API_KEY and DD_APP_KEY. Prints each check that failed, and leaves with 1 when there is one.
"""

import json
import sys
import urllib.error
import urllib.request

from datadog_api_client import Configuration
from datadog_api_client.exceptions import ApiException
from datadog_api_client.v1.api.authentication_api import AuthenticationApi
from datadog_api_client.v1.api.metrics_api import MetricsApi as MetricsV1
from datadog_api_client.v1.model.metric_metadata import MetricMetadata
from datadog_api_client.v2.api.logs_api import LogsApi
from datadog_api_client.v2.model.content_encoding import ContentEncoding
from datadog_api_client.v2.model.http_log import HTTPLog
from datadog_api_client.v2.model.http_log_item import HTTPLogItem
from datadog_api_client.v2.model.metric_resource import MetricResource

from pretend_datadog import NOW, URL, api, control, gauge, judge, post, query, status


def read(metric, scope):
    """The points that a query selects: {second: value}."""
    found = query(f"avg:{metric}{{{scope}}}")
    return found[0] if found else {}


def check_keys():
    assert api(AuthenticationApi).validate().valid
    assert status(lambda: api(AuthenticationApi, api_key="wrong").validate()) == 403
    assert status(lambda: post(gauge("judge.key", [(NOW, 1.0)], []), api_key="wrong")) == 403
    assert read("judge.key", "*") == {}


def check_bodies():
    for number, encoding in enumerate([None, "gzip", "deflate", "zstd1"]):
        written = {NOW - 60 * age: age + number / 4 for age in range(1, 30)}
        tags = ["team:docs", f"number:{number}"]
        post(gauge("judge.bodies", written.items(), tags, unit="second"), encoding=encoding)
        assert read("judge.bodies", f"number:{number},team:docs") == written, encoding
    kept = [json.loads(line) for line in control("/_sim/received").splitlines()]
    kept = [point for point in kept if point["metric"] == "judge.bodies"]
    assert len(kept) == 4 * 29 and {(point["unit"], point["type"]) for point in kept} == {("second", 3)}, kept[:2]


def check_last_point_wins():
    for value in (1.0, 5.0, 3.0):
        post(gauge("judge.last", [(NOW - 60, value)], ["b:2", "a:1"]))
    post(gauge("judge.last", [(NOW - 60, 9.0)], ["a:1", "b:2"], resources=[MetricResource(type="host", name="h")]))
    post(gauge("judge.last", [(NOW - 60, 7.0)], ["a:2", "b:2"]))
    assert read("judge.last", "a:2") == {NOW - 60: 7.0}
    kept = [json.loads(line) for line in control("/_sim/received").splitlines()]
    kept = {(tuple(point["tags"]), point["host"]): point for point in kept if point["metric"] == "judge.last"}
    assert kept[("a:1", "b:2"), ""]["value"] == 3.0, kept
    assert (kept[("a:1", "b:2"), ""]["received"], kept[("a:1", "b:2"), ""]["different"]) == (3, 3), kept
    # The host tells series apart as a tag does.
    assert kept[("a:1", "b:2"), "h"]["value"] == 9.0, kept


def check_times():
    points = [(NOW - 3700, 1.0), (NOW - 3500, 2.0), (NOW + 500, 3.0), (NOW + 1000, 4.0)]
    before = json.loads(control("/_sim/counters"))
    post(gauge("judge.times", points, ["a:b"]))
    after = json.loads(control("/_sim/counters"))
    assert set(read("judge.times", "a:b").values()) == {2.0, 3.0}
    for counter in ("too_old", "too_new"):
        assert after[counter] - before[counter] == 1, (counter, before, after)


def check_sizes():
    # Digits that hardly compress, 700 kB of them.
    noise = [gauge("judge.size", [(NOW, 1.0)], [f"n:{pow(3, number * 7, 10**190)}"]) for number in range(3500)]
    assert status(lambda: post(*noise)) == 413
    # 6 MB that compress to nothing.
    large = [gauge("judge.size", [(NOW, 1.0)], ["same:" + "x" * 180])] * 26_000
    assert status(lambda: post(*large, encoding="gzip")) == 413
    assert status(lambda: post(*large, encoding="zstd1")) == 413
    assert read("judge.size", "*") == {}


def check_refusals():
    bad = ({}, {"series": [{"points": []}]}, {"series": [{"metric": "judge.bad", "points": [[1, 2]]}]})
    for body in bad:
        headers = {"DD-API-KEY": Configuration().api_key["apiKeyAuth"], "Content-Type": "application/json"}
        request = urllib.request.Request(URL + "/api/v2/series", json.dumps(body).encode(), headers)
        try:
            urllib.request.urlopen(request)
            raise AssertionError(f"{body} is accepted")
        except urllib.error.HTTPError as error:
            assert error.code == 400, (body, error.code)
    control("/_sim/faults", [{"service": "datadog", "operation": "series", "kind": "rate_limited", "times": 1}])
    try:
        post(gauge("judge.limited", [(NOW, 1.0)], []))
        raise AssertionError("it was not rate limited")
    except ApiException as error:
        assert error.status == 429, error
        for header in ("limit", "period", "remaining", "reset"):
            assert error.headers[f"x-ratelimit-{header}"].isdigit(), error.headers
    post(gauge("judge.limited", [(NOW, 1.0)], []))


def check_metadata():
    metadata = MetricMetadata(description="Age of the oldest request.", unit="second", type="gauge")
    setting = lambda: api(MetricsV1).update_metric_metadata(metric_name="judge.metadata", body=metadata)
    assert status(setting) == 404, "metadata of a metric that nobody has sent"
    post(gauge("judge.metadata", [(NOW, 1.0)], ["a:b"]))
    setting()
    known = api(MetricsV1).get_metric_metadata(metric_name="judge.metadata")
    for field in ("description", "unit", "type"):
        assert known[field] == metadata[field], known
    wrong = lambda: api(MetricsV1, app_key="wrong").update_metric_metadata(metric_name="judge.metadata", body=metadata)
    assert status(wrong) == 403


def send(*items, encoding=None, **keys):
    """Sends lines of logs."""
    logs = api(LogsApi, **keys)
    # They have a host of their own, which no configuration changes.
    logs._submit_log_endpoint.settings["servers"] = []
    more = {"content_encoding": ContentEncoding(encoding)} if encoding else {}
    assert logs.submit_log(body=HTTPLog(list(items)), **more) == {}


def kept(service):
    """The lines of a service that are kept."""
    lines = [json.loads(line) for line in control("/_sim/logs").splitlines()]
    return [line for line in lines if line["item"].get("service") == service]


def check_logs():
    now = NOW * 1000
    for encoding in (None, "gzip", "deflate"):
        item = HTTPLogItem(
            message=f"\u00e9 {encoding}", service="judge.logs", ddsource="lambda", ddtags="team:docs,env:x",
            hostname="h", timestamp=now - 1, nested={"number": 1.5},
        )
        send(item, encoding=encoding)
    lines = kept("judge.logs")
    assert [line["item"]["message"] for line in lines] == [f"\u00e9 {encoding}" for encoding in (None, "gzip", "deflate")]
    for line in lines:
        assert (line["at"], line["tags"], line["item"]["nested"]) == (now - 1, ["team:docs", "env:x"], {"number": 1.5})
    assert status(lambda: send(HTTPLogItem(message="x", service="judge.none"), api_key="wrong")) == 403
    assert kept("judge.none") == []


def check_limits_of_logs():
    hour = 3_600_000
    ages = [0, 17 * hour, 19 * hour]
    send(*(HTTPLogItem(message=str(age), service="judge.ages", timestamp=NOW * 1000 - age) for age in ages))
    assert [line["item"]["message"] for line in kept("judge.ages")] == ["0", str(17 * hour)]
    many = [HTTPLogItem(message="x", service="judge.many")] * 1000
    send(*many)
    assert status(lambda: send(*many, many[0])) == 413
    assert len(kept("judge.many")) == 1000
    large = [HTTPLogItem(message="x" * 1_000_000, service="judge.large")] * 6
    assert status(lambda: send(*large, encoding="gzip")) == 413
    assert kept("judge.large") == []
    # One that is too long is cut with a yes.
    send(HTTPLogItem(message="x" * 2_000_000, service="judge.long"), encoding="gzip")
    assert 1_000_000 < len(kept("judge.long")[0]["item"]["message"]) < 1_100_000
    control("/_sim/faults", [{"service": "datadog", "operation": "logs", "kind": "rate_limited", "times": 1}])
    assert status(lambda: send(many[0])) == 429


CHECKS = [
    check_keys,
    check_bodies,
    check_last_point_wins,
    check_times,
    check_sizes,
    check_refusals,
    check_metadata,
    check_logs,
    check_limits_of_logs,
]

if __name__ == "__main__":
    sys.exit(judge(CHECKS))
