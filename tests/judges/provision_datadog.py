"""Judges a pretend Datadog's dashboards, monitors, SLOs and queries with Datadog's own Python client.

    provision_datadog.py DATADOG_URL

The keys come from DD_API_KEY and DD_APP_KEY. Prints each check that failed, and leaves with 1 when there is one.
"""

import json
import sys
import urllib.error
import urllib.request

from datadog_api_client import Configuration
from datadog_api_client.v1.api.dashboards_api import DashboardsApi
from datadog_api_client.v1.api.monitors_api import MonitorsApi
from datadog_api_client.v1.api.service_level_objectives_api import ServiceLevelObjectivesApi
from datadog_api_client.v1.model.dashboard import Dashboard
from datadog_api_client.v1.model.dashboard_bulk_action_data import DashboardBulkActionData
from datadog_api_client.v1.model.dashboard_bulk_action_data_list import DashboardBulkActionDataList
from datadog_api_client.v1.model.dashboard_bulk_delete_request import DashboardBulkDeleteRequest
from datadog_api_client.v1.model.dashboard_layout_type import DashboardLayoutType
from datadog_api_client.v1.model.dashboard_resource_type import DashboardResourceType
from datadog_api_client.v1.model.dashboard_restore_request import DashboardRestoreRequest
from datadog_api_client.v1.model.dashboard_template_variable import DashboardTemplateVariable
from datadog_api_client.v1.model.group_widget_definition import GroupWidgetDefinition
from datadog_api_client.v1.model.group_widget_definition_type import GroupWidgetDefinitionType
from datadog_api_client.v1.model.monitor import Monitor
from datadog_api_client.v1.model.monitor_options import MonitorOptions
from datadog_api_client.v1.model.monitor_thresholds import MonitorThresholds
from datadog_api_client.v1.model.monitor_type import MonitorType
from datadog_api_client.v1.model.monitor_update_request import MonitorUpdateRequest
from datadog_api_client.v1.model.query_value_widget_definition import QueryValueWidgetDefinition
from datadog_api_client.v1.model.query_value_widget_definition_type import QueryValueWidgetDefinitionType
from datadog_api_client.v1.model.query_value_widget_request import QueryValueWidgetRequest
from datadog_api_client.v1.model.service_level_objective import ServiceLevelObjective
from datadog_api_client.v1.model.service_level_objective_query import ServiceLevelObjectiveQuery
from datadog_api_client.v1.model.service_level_objective_request import ServiceLevelObjectiveRequest
from datadog_api_client.v1.model.slo_threshold import SLOThreshold
from datadog_api_client.v1.model.slo_timeframe import SLOTimeframe
from datadog_api_client.v1.model.slo_type import SLOType
from datadog_api_client.v1.model.widget import Widget
from datadog_api_client.v1.model.widget_comparator import WidgetComparator
from datadog_api_client.v1.model.widget_conditional_format import WidgetConditionalFormat
from datadog_api_client.v1.model.widget_layout_type import WidgetLayoutType
from datadog_api_client.v1.model.widget_palette import WidgetPalette

from pretend_datadog import NOW, URL, api, control, count, gauge, judge, post, query, refusal, status

MONITORS = api(MonitorsApi)
DASHBOARDS = api(DashboardsApi)
SLOS = api(ServiceLevelObjectivesApi)
LISTS = {
    "list_monitors": lambda api_of: api_of(MonitorsApi).list_monitors(),
    "list_dashboards": lambda api_of: api_of(DashboardsApi).list_dashboards(),
    "list_slos": lambda api_of: api_of(ServiceLevelObjectivesApi).list_slos(),
}


def kept(wrote, read, path=""):
    """Fails unless everything that was written is read back. What says nothing may be missing, some lists come in any
    order, and the server may have added to objects."""
    if isinstance(wrote, dict):
        assert isinstance(read, dict), (path, wrote, read)
        for key, value in wrote.items():
            if key in read or value not in (None, False, "", [], {}):
                assert key in read, f"{path}.{key} is gone"
                kept(value, read[key], f"{path}.{key}")
    elif isinstance(wrote, list):
        assert isinstance(read, list) and len(read) == len(wrote), (path, wrote, read)
        if path.endswith((".tags", ".conditional_formats")):
            wrote, read = (sorted(items, key=lambda item: json.dumps(item, sort_keys=True)) for items in (wrote, read))
        for place, (one, other) in enumerate(zip(wrote, read)):
            kept(one, other, f"{path}[{place}]")
    else:
        assert wrote == read, (path, wrote, read)


def monitor(metric, tags=(), **options):
    thresholds = MonitorThresholds(critical=5.0, warning=2.0)
    return Monitor(
        name=f"{metric} is high",
        type=MonitorType.METRIC_ALERT,
        query=f"max(last_10m):max:{metric}{{pipeline:lease}} by {{stage}} > 5",
        message="It is high. @slack-ml",
        tags=list(tags),
        priority=2,
        options=MonitorOptions(thresholds=thresholds, include_tags=False, notify_no_data=False, **options),
    )


def slo(name, numerator="sum:judge.good{*}.as_count()", denominator="sum:judge.all{*}.as_count()"):
    return ServiceLevelObjectiveRequest(
        name=name,
        type=SLOType.METRIC,
        query=ServiceLevelObjectiveQuery(numerator=numerator, denominator=denominator),
        thresholds=[SLOThreshold(timeframe=SLOTimeframe.THIRTY_DAYS, target=99.0, warning=99.5)],
        tags=["Team:Docs", "b:2", "a:1"],
        description="",
    )


def burn_rate(id):
    return Monitor(
        name="budget burns",
        type=MonitorType.SLO_ALERT,
        query=f'burn_rate("{id}").over("30d").long_window("1h").short_window("5m") > 14.4',
        message="",
        options=MonitorOptions(thresholds=MonitorThresholds(critical=14.4)),
    )


def dashboard(title):
    formats = [
        WidgetConditionalFormat(comparator=WidgetComparator(sign), palette=WidgetPalette(colour), value=value)
        for sign, colour, value in ((">", "white_on_red", 3.0), ("<=", "white_on_green", 1.0), (">=", "red_on_white", 2.0))
    ]
    value = Widget(
        definition=QueryValueWidgetDefinition(
            type=QueryValueWidgetDefinitionType.QUERY_VALUE,
            title="age",
            title_size="",
            autoscale=False,
            requests=[QueryValueWidgetRequest(q="max:judge.age{$pipeline}", conditional_formats=formats)],
        )
    )
    group = GroupWidgetDefinition(
        type=GroupWidgetDefinitionType.GROUP, layout_type=WidgetLayoutType.ORDERED, title="all", widgets=[value]
    )
    return Dashboard(
        title=title,
        description="What it shows.",
        layout_type=DashboardLayoutType.ORDERED,
        template_variables=[DashboardTemplateVariable(name="pipeline", prefix="pipeline", defaults=["lease"])],
        tags=["team:docs"],
        widgets=[Widget(definition=group)],
    )


def check_keys():
    for name, call in LISTS.items():
        assert status(lambda: call(lambda kind: api(kind, app_key="wrong"))) == 403, name
        assert status(lambda: call(lambda kind: api(kind, api_key="wrong"))) == 403, name


def check_limits():
    for name, call in LISTS.items():
        _, code, headers = call(lambda kind: api(kind, headers=True))
        assert code == 200 and headers["x-ratelimit-name"] == name, headers
        assert 0 <= int(headers["x-ratelimit-remaining"]) < int(headers["x-ratelimit-limit"]), headers
        assert int(headers["x-ratelimit-period"]) >= int(headers["x-ratelimit-reset"]) > 0, headers


def check_monitors():
    wrote = monitor("judge.kept", ["team:docs", "ns:a", "c:3"])
    made = MONITORS.create_monitor(body=wrote)
    kept(wrote.to_dict(), made.to_dict())
    assert made.multi and made.options["new_host_delay"] == 300 and made.options["silenced"] == {}, made
    assert made.creator.handle and made.created == made.created and made.overall_state, made
    kept(wrote.to_dict(), MONITORS.get_monitor(monitor_id=made.id).to_dict())

    changed = MonitorUpdateRequest(
        name="renamed", query=wrote.query.replace("5", "6"), options=MonitorOptions(thresholds=MonitorThresholds(critical=6.0))
    )
    updated = MONITORS.update_monitor(monitor_id=made.id, body=changed)
    kept(changed.to_dict(), updated.to_dict())
    assert updated.message == wrote.message and sorted(updated.tags) == sorted(wrote.tags), "what is not sent stays"
    assert updated.modified > made.modified and updated.created == made.created
    assert "warning" not in updated.options.thresholds.to_dict(), "options are written anew"

    # The two types are one; any other is refused.
    same = MonitorUpdateRequest(type=MonitorType.QUERY_ALERT)
    MONITORS.update_monitor(monitor_id=made.id, body=same)
    other = MonitorUpdateRequest(type=MonitorType.LOG_ALERT)
    assert status(lambda: MONITORS.update_monitor(monitor_id=made.id, body=other)) == 400

    assert MONITORS.delete_monitor(monitor_id=made.id).deleted_monitor_id == made.id
    for call in (MONITORS.get_monitor, MONITORS.delete_monitor):
        assert status(lambda: call(monitor_id=made.id)) == 404
    assert status(lambda: MONITORS.update_monitor(monitor_id=made.id, body=changed)) == 404


def check_lists_of_monitors():
    tags = [["ns:list", f"n:{n}", "even" if n % 2 == 0 else "odd"] for n in range(7)]
    made = [MONITORS.create_monitor(body=monitor(f"judge.list{n}", tags)).id for n, tags in enumerate(tags)]
    ids = lambda **asked: [one.id for one in MONITORS.list_monitors(**asked)]
    assert ids(monitor_tags="ns:list") == made
    assert ids(monitor_tags="ns:list,even") == made[::2], "all of the tags"
    assert ids(monitor_tags="ns:list", page=1, page_size=3) == made[3:6]
    assert ids(monitor_tags="ns:list", page=3, page_size=3) == []
    assert ids(name="judge.list4") == [made[4]]
    order = lambda: tuple(tuple(one.tags) for one in MONITORS.list_monitors(monitor_tags="ns:list"))
    assert len({order() for _ in range(5)}) > 1, "tags have no order"
    for id in made:
        MONITORS.delete_monitor(monitor_id=id)


def check_refused_monitors():
    made = MONITORS.create_monitor(body=monitor("judge.twin", ["a:1"]))
    twin = refusal(lambda: MONITORS.create_monitor(body=monitor("judge.twin", ["b:2"])))
    assert twin.status == 400 and f"Duplicate of an existing monitor_id:{made.id}" in twin.body["errors"][0], twin
    MONITORS.validate_monitor(body=monitor("judge.valid"))
    bad = []
    for field, value in (
        ("query", "max(last_10m):max:judge.bad{ > 5"),
        ("query", "max:judge.bad{*}"),
        ("query", "max(last_10m):max:judge.bad{*} > 4"),
        ("priority", 6),
        ("type", MonitorType.SLO_ALERT),
        ("type", MonitorType.COMPOSITE),
        ("options", MonitorOptions(thresholds=MonitorThresholds(critical=5.0, warning=7.0))),
        ("options", MonitorOptions(thresholds=MonitorThresholds(warning=3.0))),
    ):
        one = monitor("judge.bad")
        one[field] = value
        bad.append(one)
    bad.append(Monitor(type=MonitorType.COMPOSITE, query=f"{made.id} && 999", name="x"))
    bad.append(burn_rate("0" * 32))
    before = len(MONITORS.list_monitors())
    for one in bad:
        assert status(lambda: MONITORS.validate_monitor(body=one)) == 400, one
        assert status(lambda: MONITORS.create_monitor(body=one)) == 400, one
    assert len(MONITORS.list_monitors()) == before
    MONITORS.delete_monitor(monitor_id=made.id)


def check_needed_monitors():
    ids = [MONITORS.create_monitor(body=monitor(f"judge.part{n}")).id for n in range(3)]
    parts = Monitor(type=MonitorType.COMPOSITE, query=f"{ids[0]} && !{ids[1]}", name="both", message="")
    both = MONITORS.create_monitor(body=parts)
    blocked = refusal(lambda: MONITORS.check_can_delete_monitor(monitor_ids=ids))
    assert blocked.status == 409 and set(blocked.body["errors"]) == {str(id) for id in ids[:2]}, blocked
    assert blocked.body["data"]["ok"] == ids[2:], blocked
    assert MONITORS.check_can_delete_monitor(monitor_ids=ids[2:]).data.ok == ids[2:]
    assert status(lambda: MONITORS.delete_monitor(monitor_id=ids[0])) == 400
    MONITORS.delete_monitor(monitor_id=ids[0], force="true")
    for id in (both.id, *ids[1:]):
        MONITORS.delete_monitor(monitor_id=id)


def check_states():
    at = NOW - 600
    low, high, fair = ([(at - 60 * n, value) for n in range(5)] for value in (1.0, 9.0, 3.0))
    stages = {"ocr": high, "split": low, "read": fair}
    post(*(gauge("judge.state", points, ["pipeline:lease", f"stage:{stage}"]) for stage, points in stages.items()))
    delayed = MONITORS.create_monitor(body=monitor("judge.state", evaluation_delay=540))
    found = MONITORS.get_monitor(monitor_id=delayed.id, group_states="all")
    states = {name: str(group.status) for name, group in found.state.groups.items()}
    assert states == {"stage:ocr": "Alert", "stage:split": "OK", "stage:read": "Warn"}, states
    assert str(found.overall_state) == "Alert" and found.state.groups["stage:ocr"].last_triggered_ts > 0
    assert found.state.groups["stage:split"].last_triggered_ts == 0

    # Without the delay the window has nothing in it.
    silent = monitor("judge.state", evaluation_delay=0)
    silent.options.on_missing_data = "show_and_notify_no_data"
    silent = MONITORS.create_monitor(body=silent)
    found = MONITORS.get_monitor(monitor_id=silent.id, group_states="all")
    assert str(found.overall_state) == "No Data", found
    whole = Monitor(type=MonitorType.COMPOSITE, query=f"{delayed.id} && !{silent.id}", name="late", message="")
    whole = MONITORS.create_monitor(body=whole)
    assert str(MONITORS.get_monitor(monitor_id=whole.id, group_states="all").overall_state) == "Alert"
    for id in (whole.id, silent.id, delayed.id):
        MONITORS.delete_monitor(monitor_id=id)


def check_slos():
    wrote = slo("judge.kept")
    made = SLOS.create_slo(body=wrote).data[0]
    expected = wrote.to_dict() | {"tags": ["team:docs", "b:2", "a:1"]}
    kept(expected, made.to_dict())
    assert made.timeframe == SLOTimeframe.THIRTY_DAYS and made.created_at and made.creator.email, made
    kept(expected, SLOS.get_slo(slo_id=made.id).data.to_dict())

    changed = ServiceLevelObjective(**(wrote.to_dict() | {"name": "renamed", "type": SLOType.METRIC}))
    changed.thresholds = [SLOThreshold(timeframe=SLOTimeframe.SEVEN_DAYS, target=95.0)]
    changed.query = wrote.query
    updated = SLOS.update_slo(slo_id=made.id, body=changed).data[0]
    assert (updated.name, updated.thresholds[0].target, len(updated.thresholds)) == ("renamed", 95.0, 1), updated

    others = [SLOS.create_slo(body=slo(f"judge.page{n}")).data[0].id for n in range(4)]
    ids = lambda **asked: {one.id for one in SLOS.list_slos(**asked).data}
    assert ids() == {made.id, *others} and ids(tags_query="team:docs") == ids() and ids(tags_query="team:other") == set()
    pages = [ids(limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert [len(page) for page in pages] == [2, 2, 1, 0] and set().union(*pages) == ids(), pages
    assert ids(ids=",".join(others[:2])) == set(others[:2])

    rated = slo("judge.rated", numerator="sum:judge.good{*}")
    assert status(lambda: SLOS.create_slo(body=rated)) == 400, "a count is needed"
    for id in (made.id, *others):
        assert SLOS.delete_slo(slo_id=id).data == [id]
    for call in (SLOS.get_slo, SLOS.delete_slo):
        assert status(lambda: call(slo_id=made.id)) == 404


def check_burn_rates():
    used, free = (SLOS.create_slo(body=slo(f"judge.burn{n}")).data[0].id for n in range(2))
    alert = MONITORS.create_monitor(body=burn_rate(used))
    blocked = refusal(lambda: SLOS.check_can_delete_slo(ids=f"{used},{free}"))
    assert blocked.status == 409 and set(blocked.body["errors"]) == {used}, blocked
    assert blocked.body["data"]["ok"] == [free], blocked
    assert status(lambda: SLOS.delete_slo(slo_id=used)) == 409

    state = lambda: str(MONITORS.get_monitor(monitor_id=alert.id).overall_state)
    assert state() == "No Data"
    minutes = [NOW - 60 * n for n in range(59)]
    post(count("judge.all", [(at, 100.0) for at in minutes], []), count("judge.good", [(at, 100.0) for at in minutes], []))
    assert state() == "OK"
    # A fifth of all is bad: twenty times what 99 % allow.
    post(count("judge.good", [(at, 80.0) for at in minutes], []))
    assert state() == "Alert"
    SLOS.delete_slo(slo_id=used, force="true")
    SLOS.delete_slo(slo_id=free)
    MONITORS.delete_monitor(monitor_id=alert.id)


def widgets(dashboard):
    outer = dashboard.widgets[0]
    return [outer.id, outer.definition.widgets[0].id]


def bulk(request, *ids):
    data = [DashboardBulkActionData(id=id, type=DashboardResourceType.DASHBOARD) for id in ids]
    return request(data=DashboardBulkActionDataList(data))


def check_dashboards():
    wrote = dashboard("judge kept")
    made = DASHBOARDS.create_dashboard(body=wrote)
    kept(wrote.to_dict(), made.to_dict())
    read = DASHBOARDS.get_dashboard(dashboard_id=made.id)
    kept(wrote.to_dict(), read.to_dict())
    assert all(widgets(made)) and widgets(read) == widgets(made)
    assert made.url.startswith(f"/dashboard/{made.id}/") and made.author_handle, made

    # Ids that are sent stay; without them the widgets are new ones.
    wrote.title, wrote.widgets = "judge renamed", read.widgets
    updated = DASHBOARDS.update_dashboard(dashboard_id=made.id, body=wrote)
    assert updated.title == "judge renamed" and widgets(updated) == widgets(made)
    assert updated.modified_at > made.modified_at and updated.created_at == made.created_at
    anew = DASHBOARDS.update_dashboard(dashboard_id=made.id, body=dashboard("judge renamed"))
    assert not set(widgets(anew)) & set(widgets(made))
    free = dashboard("judge free")
    free.layout_type = DashboardLayoutType.FREE
    assert status(lambda: DASHBOARDS.update_dashboard(dashboard_id=made.id, body=free)) == 400
    untitled = dashboard("")
    assert status(lambda: DASHBOARDS.create_dashboard(body=untitled)) == 400
    assert DASHBOARDS.delete_dashboard(dashboard_id=made.id).deleted_dashboard_id == made.id
    for call in (DASHBOARDS.get_dashboard, DASHBOARDS.delete_dashboard):
        assert status(lambda: call(dashboard_id=made.id)) == 404


def check_many_dashboards():
    ids = {DASHBOARDS.create_dashboard(body=dashboard(f"judge {n}")).id for n in range(103)}
    listed = lambda **asked: DASHBOARDS.list_dashboards(**asked).dashboards
    assert len(listed()) == 100, "a page has a hundred when nobody says otherwise"
    assert len(listed(count=1000)) == 103 and {one.id for one in listed(count=60) + listed(count=60, start=60)} == ids
    one = listed(count=1)[0]
    assert one.description == "What it shows." and one.modified_at and one.author_handle and one.url, one
    assert "widgets" not in one.to_dict()

    gone = sorted(ids)[:3]
    assert status(lambda: DASHBOARDS.delete_dashboards(body=bulk(DashboardBulkDeleteRequest, *gone, "no"))) == 404
    assert len(listed(count=1000)) == 103, "all or none"
    before = DASHBOARDS.get_dashboard(dashboard_id=gone[0])
    DASHBOARDS.delete_dashboards(body=bulk(DashboardBulkDeleteRequest, *gone))
    assert len(listed(count=1000)) == 100 and {one.id for one in listed(filter_deleted=True)} >= set(gone)
    DASHBOARDS.restore_dashboards(body=bulk(DashboardRestoreRequest, *gone))
    assert {one.id for one in listed(count=1000)} == ids
    kept(before.to_dict(), DASHBOARDS.get_dashboard(dashboard_id=gone[0]).to_dict())
    assert status(lambda: DASHBOARDS.restore_dashboards(body=bulk(DashboardRestoreRequest, *gone))) == 404
    DASHBOARDS.delete_dashboards(body=bulk(DashboardBulkDeleteRequest, *ids))


def check_people():
    made = DASHBOARDS.create_dashboard(body=dashboard("judge edited"))
    edit = {"kind": "dashboard", "id": made.id, "pointer": "/widgets/0/definition/title", "value": "by hand"}
    control("/_sim/objects/edit", edit)
    read = DASHBOARDS.get_dashboard(dashboard_id=made.id)
    assert read.widgets[0].definition.title == "by hand" and read.modified_at > made.modified_at, read
    kept_there = [json.loads(line) for line in control("/_sim/objects?kind=dashboard").splitlines()]
    assert [one["widgets"][0]["definition"]["title"] for one in kept_there] == ["by hand"], kept_there
    before = json.loads(control("/_sim/writes"))
    body = monitor("judge.hand").to_dict()
    new = json.loads(control("/_sim/objects", {"kind": "monitor", "body": body | {"type": "metric alert"}}))
    kept(body["options"], MONITORS.get_monitor(monitor_id=int(new["id"])).options.to_dict())
    control("/_sim/objects/delete", {"kind": "monitor", "id": new["id"]})
    assert status(lambda: MONITORS.get_monitor(monitor_id=int(new["id"]))) == 404
    assert json.loads(control("/_sim/writes")) == before, "only what comes through the API counts"
    DASHBOARDS.delete_dashboard(dashboard_id=made.id)
    after = json.loads(control("/_sim/writes"))
    assert after["dashboard"]["delete"] == before["dashboard"]["delete"] + 1, after


def check_queries():
    at = NOW - 300
    for stage, value in (("ocr", 8.0), ("split", 2.0)):
        post(
            gauge("judge.q", [(at, value)], ["pipeline:lease", f"stage:{stage}"]),
            count("judge.events", [(at, value), (at + 60, value)], ["pipeline:lease", f"stage:{stage}"]),
        )
    assert query("avg:judge.q{pipeline:lease}") == [{at: 5.0}]
    assert query("max:judge.q{*} by {stage}") == [{at: 8.0}, {at: 2.0}]
    assert query("sum:judge.q{pipeline:lease,!stage:ocr}") == [{at: 2.0}]
    assert query("100 * sum:judge.q{stage:s*} / sum:judge.q{*}") == [{at: 20.0}]
    assert query("sum:judge.events{*}.as_count().rollup(sum, 3600)", ahead=0)[0].popitem()[1] > 0
    assert sum(query("sum:judge.events{*}.as_count()")[0].values()) == 20.0
    assert query("avg:judge.unheard{*}") == []
    assert status(lambda: query("avg:judge.q{")) == 400

    # A month ago there was nothing, until there is a past.
    month = lambda: query("max:judge.q{stage:ocr}", back=30 * 86_400, ahead=0)[0]
    assert len(month()) == 1
    control("/_sim/history", {"days": 30})
    assert len(month()) > 100 and set(month().values()) == {8.0} and NOW - min(month()) > 29 * 86_400


def raw(path):
    keys = Configuration().api_key
    headers = {"DD-API-KEY": keys["apiKeyAuth"], "DD-APPLICATION-KEY": keys["appKeyAuth"]}
    with urllib.request.urlopen(urllib.request.Request(URL + path, headers=headers)) as answer:
        return json.loads(answer.read())


def check_handles():
    handles = lambda limit: {
        handle["value"]
        for group in raw(f"/api/v2/notifications/handles?group_limit={limit}")["data"]
        for handle in group["attributes"]["handles"]
    }
    assert {"@slack-ml", "@slack-docs", "@pagerduty-Docs"} <= handles(1000), handles(1000)
    assert len([handle for handle in handles(1) if handle.startswith("@slack-")]) == 1
    control("/_sim/faults", [{"service": "datadog", "operation": "list_handles", "kind": {"server_error": 404}, "times": 1}])
    try:
        handles(1000)
        raise AssertionError("it is not documented, so it may be gone")
    except urllib.error.HTTPError as error:
        assert error.code == 404, error


CHECKS = [
    check_keys,
    check_limits,
    check_monitors,
    check_lists_of_monitors,
    check_refused_monitors,
    check_needed_monitors,
    check_states,
    check_slos,
    check_burn_rates,
    check_dashboards,
    check_many_dashboards,
    check_people,
    check_queries,
    check_handles,
]

if __name__ == "__main__":
    sys.exit(judge(CHECKS))
