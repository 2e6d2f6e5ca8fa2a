"""Judges a pretend Datadog's deployments and events with Datadog's own Python client.

    dora_datadog.py DATADOG_URL

The keys come from DD_API_KEY and DD_APP_KEY. Prints each check that failed, and leaves with 1 when there is one.
"""

import json
import sys
from datetime import datetime, timedelta, timezone

from datadog_api_client.v1.api.events_api import EventsApi as EventsV1
from datadog_api_client.v1.api.monitors_api import MonitorsApi
from datadog_api_client.v1.model.event_alert_type import EventAlertType
from datadog_api_client.v1.model.event_create_request import EventCreateRequest
from datadog_api_client.v1.model.monitor import Monitor
from datadog_api_client.v1.model.monitor_type import MonitorType
from datadog_api_client.v2.api.dora_metrics_api import DORAMetricsApi
from datadog_api_client.v2.api.events_api import EventsApi as EventsV2
from datadog_api_client.v2.model.dora_deployment_patch_remediation import DORADeploymentPatchRemediation
from datadog_api_client.v2.model.dora_deployment_patch_remediation_type import DORADeploymentPatchRemediationType
from datadog_api_client.v2.model.dora_deployment_patch_request import DORADeploymentPatchRequest
from datadog_api_client.v2.model.dora_deployment_patch_request_attributes import DORADeploymentPatchRequestAttributes
from datadog_api_client.v2.model.dora_deployment_patch_request_data import DORADeploymentPatchRequestData
from datadog_api_client.v2.model.dora_deployment_patch_request_data_type import DORADeploymentPatchRequestDataType
from datadog_api_client.v2.model.dora_deployment_request import DORADeploymentRequest
from datadog_api_client.v2.model.dora_deployment_request_attributes import DORADeploymentRequestAttributes
from datadog_api_client.v2.model.dora_deployment_request_data import DORADeploymentRequestData
from datadog_api_client.v2.model.dora_git_info import DORAGitInfo
from datadog_api_client.v2.model.dora_list_deployments_request import DORAListDeploymentsRequest
from datadog_api_client.v2.model.dora_list_deployments_request_attributes import DORAListDeploymentsRequestAttributes
from datadog_api_client.v2.model.dora_list_deployments_request_data import DORAListDeploymentsRequestData
from datadog_api_client.v2.model.events_list_request import EventsListRequest
from datadog_api_client.v2.model.events_query_filter import EventsQueryFilter
from datadog_api_client.v2.model.events_request_page import EventsRequestPage
from datadog_api_client.v2.model.events_sort import EventsSort

from pretend_datadog import NOW, URL, api, control, gauge, judge, post, status
from strict import unknown_to_the_models

assert URL  # The first argument, which the helper has read.
DORA = api(DORAMetricsApi)
SHA = "0123456789abcdef0123456789abcdef01234567"
DAY = 86_400


def deployment(id, at, unit=1, **more):
    fields = dict(service="lease", env="data_prod", custom_tags=["pipeline:lease"], team="docs", **more)
    times = dict(started_at=(at - 300) * unit, finished_at=at * unit)
    attributes = DORADeploymentRequestAttributes(id=id, **times, **fields)
    return DORADeploymentRequest(data=DORADeploymentRequestData(attributes=attributes))


def send(id, at, client=DORA, **more):
    answer = client.create_dora_deployment(deployment(id, at, **more))
    assert not list(unknown_to_the_models(answer, "answer")), answer
    assert answer.data.id == id, answer


def listed(back=30 * DAY, limit=1000, **more):
    moment = lambda at: datetime.fromtimestamp(at, timezone.utc)
    attributes = DORAListDeploymentsRequestAttributes(_from=moment(NOW - back), to=moment(NOW), limit=limit, **more)
    request = DORAListDeploymentsRequest(data=DORAListDeploymentsRequestData(attributes=attributes))
    answer = DORA.list_dora_deployments(request)
    assert not list(unknown_to_the_models(answer, "answer")), answer
    return answer.data


def patch(id, *, of=None, **attributes):
    body = DORADeploymentPatchRequest(
        data=DORADeploymentPatchRequestData(
            attributes=DORADeploymentPatchRequestAttributes(**attributes),
            id=of or id,
            type=DORADeploymentPatchRequestDataType.DORA_DEPLOYMENT_PATCH_REQUEST,
        )
    )
    return DORA.patch_dora_deployment(id, body)


def kept():
    lines = control("/_sim/deployments").splitlines()
    return {one["id"]: one for one in map(json.loads, lines)}


def check_keys():
    stranger = lambda name: api(DORAMetricsApi, **{name: "wrong"})
    assert status(lambda: send("wrong-api-key-0001", NOW, client=stranger("api_key"))) == 403
    # The application key is not looked at.
    send("any-application-key", NOW - 9 * DAY, client=stranger("app_key"))
    empty = DORAListDeploymentsRequest(data=DORAListDeploymentsRequestData(attributes=DORAListDeploymentsRequestAttributes()))
    assert status(lambda: stranger("app_key").list_dora_deployments(empty)) == 403


def check_what_is_sent_is_listed():
    git = DORAGitInfo(commit_sha=SHA, repository_url="https://github.com/acme/ml")
    send("in-seconds:0000001", NOW - 3 * DAY, git=git, version="1.2")
    send("in-milliseconds:01", NOW - 2 * DAY, unit=1000)
    found = listed(sort="started_at")
    assert [one.id for one in found] == ["any-application-key", "in-seconds:0000001", "in-milliseconds:01"], found
    one = found[1].attributes
    assert (one.service, one.env, one.team, one.version) == ("lease", "data_prod", "docs", "1.2"), one
    assert one.git.commit_sha == SHA and one.git.repository_id == "github.com/acme/ml", one
    assert one.finished_at - one.started_at == timedelta(minutes=5), one
    assert int(one.finished_at.timestamp()) == NOW - 3 * DAY, one
    assert [one.id for one in listed(limit=1)] == ["in-milliseconds:01"], "the newest comes first"
    assert [one.id for one in listed(back=2 * DAY + 600)] == ["in-milliseconds:01"]
    assert listed(query="service:other") == [] and len(listed(query="service:lease env:data_prod")) == 3
    assert DORA.get_dora_deployment("in-seconds:0000001").data.id == "in-seconds:0000001"
    assert status(lambda: DORA.get_dora_deployment("of-nobody-at-all-1")) == 404
    assert status(lambda: listed(limit=0)) == 400


def check_nanoseconds():
    send("in-nanoseconds:001", NOW - 40 * DAY, unit=10**9)
    one = kept()["in-nanoseconds:001"]
    assert (one["started_at"], one["finished_at"]) == (NOW - 40 * DAY - 300, NOW - 40 * DAY), one


def check_refused_deployments():
    good = "refused-deployment"
    refused = lambda **more: status(lambda: send(**{"id": good, "at": NOW, **more}))
    assert refused(id="too-short") == 400
    assert refused(id="x" * 129) == 400
    assert refused(id="with a blank in it") == 400
    assert refused(at=NOW, unit=1000**2) == 400, "microseconds"
    git = DORAGitInfo(commit_sha="abc123", repository_url="https://github.com/acme/ml")
    assert refused(git=git) == 400
    for tags in (["no_colon"], ["a:b"] * 101):
        body = deployment(good, NOW)
        body.data.attributes.custom_tags = tags
        assert status(lambda: DORA.create_dora_deployment(body)) == 400, tags[:2]
    body = deployment(good, NOW)
    body.data.attributes.started_at = NOW + 1
    assert status(lambda: DORA.create_dora_deployment(body)) == 400
    assert good not in kept()


def check_one_second():
    send("first-of-a-second1", NOW - 20 * DAY)
    send("other-of-a-second1", NOW - 20 * DAY)
    found = kept()
    assert (found["first-of-a-second1"]["clashes"], found["other-of-a-second1"]["clashes"]) == (False, True)
    send("first-of-a-second1", NOW - 21 * DAY)
    twice = [line for line in control("/_sim/deployments").splitlines() if "first-of-a-second1" in line]
    assert len(twice) == 2, "what comes twice is there twice"


def check_marks():
    send("failed-deployment1", NOW - 5 * DAY)
    send("remedy-deployment1", NOW - 4 * DAY)
    rollback = lambda **by: DORADeploymentPatchRemediation(type=DORADeploymentPatchRemediationType.ROLLBACK, **by)
    assert patch("failed-deployment1", change_failure=True) is None
    patch("failed-deployment1", change_failure=True, remediation=rollback(id="remedy-deployment1"))
    one = kept()["failed-deployment1"]
    assert one["change_failure"] is True and one["patches"] == 2, one
    assert one["remediation"] == {"id": "remedy-deployment1", "type": "rollback"}, one
    patch("failed-deployment1", change_failure=False)
    assert kept()["failed-deployment1"]["change_failure"] is False
    assert status(lambda: patch("of-nobody-at-all-1", change_failure=True)) == 404
    assert status(lambda: patch("failed-deployment1", of="remedy-deployment1", change_failure=True)) == 400
    both = rollback(id="remedy-deployment1", version="1")
    assert status(lambda: patch("failed-deployment1", change_failure=True, remediation=both)) == 400
    nobody = rollback(id="of-nobody-at-all-1")
    assert status(lambda: patch("failed-deployment1", change_failure=True, remediation=nobody)) == 400


def event(title, at=None, **more):
    body = EventCreateRequest(title=title, text="It was.", date_happened=at or NOW, tags=["pipeline:lease"], **more)
    return api(EventsV1).create_event(body)


def found(query, limit=1000, cursor=None, back=30 * DAY):
    page = EventsRequestPage(limit=limit, **({"cursor": cursor} if cursor else {}))
    bounds = EventsQueryFilter(query=query, _from=str((NOW - back) * 1000), to=str((NOW + DAY) * 1000))
    answer = api(EventsV2).search_events(
        body=EventsListRequest(filter=bounds, page=page, sort=EventsSort.TIMESTAMP_ASCENDING)
    )
    after = answer.meta.get("page", {}).get("after") if answer.get("meta") else None
    return answer.data, after


def check_posted_events():
    answer = event("deployed", alert_type=EventAlertType.SUCCESS)
    assert answer.status == "ok" and answer.event.title == "deployed", answer
    event("deployed again", at=NOW - 17 * 3600)
    assert status(lambda: event("too old", at=NOW - 19 * 3600)) == 400
    events, _ = found("source:my_apps pipeline:lease")
    titles = [one.attributes.attributes.title for one in events]
    assert titles == ["deployed again", "deployed"], titles
    assert not list(unknown_to_the_models(events[1], "event")), events[1]
    assert events[1].attributes.tags == ["pipeline:lease"]
    assert found("source:my_apps pipeline:other") == ([], None)


def check_pages_of_events():
    for number in range(5):
        event(f"page {number}", at=NOW - 600 + number)
    ids, after = [], None
    while True:
        events, after = found("source:my_apps", limit=2, cursor=after)
        ids += [one.id for one in events]
        if after is None:
            break
    assert len(ids) == len(set(ids)) == 7, ids


def check_alerts():
    monitor = api(MonitorsApi).create_monitor(
        Monitor(
            name="it is high",
            type=MonitorType.METRIC_ALERT,
            query="max(last_10m):max:judge.high{*} by {stage} > 5",
            message="It is.",
            tags=["pipeline:fax", "ddsync_namespace:main"],
            priority=1,
        )
    )
    alerts = lambda: found("source:alert pipeline:fax")[0]
    assert alerts() == []
    post(gauge("judge.high", [(NOW, 9.0)], ["stage:ocr"]))
    (one,) = alerts()
    attributes = one.attributes.attributes
    assert attributes.monitor.id == monitor.id and attributes.monitor_id == monitor.id, attributes
    assert str(attributes.status) == "error" and str(attributes.priority) == "1", attributes
    assert {"pipeline:fax", "stage:ocr", "ddsync_namespace:main"} <= set(one.attributes.tags), one
    assert len(alerts()) == 1, "an alert that goes on is one alert"
    control("/_sim/alerts", {"monitor": str(monitor.id), "group": "stage:other"})
    assert len(alerts()) == 2
    # The company's past has some too.
    past, _ = found("source:alert ddsync_namespace:main", back=170 * DAY)
    assert len(past) > 10, len(past)


CHECKS = [
    check_keys,
    check_what_is_sent_is_listed,
    check_nanoseconds,
    check_refused_deployments,
    check_one_second,
    check_marks,
    check_posted_events,
    check_pages_of_events,
    check_alerts,
]

if __name__ == "__main__":
    sys.exit(judge(CHECKS))
