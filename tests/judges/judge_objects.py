"""Judges dashboards, monitors and SLOs by Datadog's own models: lines of {"kind": .., "body": ..} on standard input.

Datadog's Python models are lenient: what they do not know they keep. So the walk is strict: a body passes when it
parses, holds no object or key that the models do not know, and serialises back to itself. What the models do not say is
taken from https://docs.datadoghq.com/api/latest/monitors/ and https://docs.datadoghq.com/api/latest/dashboards/.

Prints what is wrong, a line each, and leaves with 1; leaves with 2 when there was nothing to judge.
"""

import json
from collections import Counter

from datadog_api_client.model_utils import model_to_dict
from datadog_api_client.v1.model.dashboard import Dashboard
from datadog_api_client.v1.model.monitor import Monitor
from datadog_api_client.v1.model.service_level_objective_request import ServiceLevelObjectiveRequest
from datadog_api_client.v1.model.widget import Widget

from strict import main, parsed, unknown_to_the_models

MODELS = {"dashboard": Dashboard, "monitor": Monitor, "slo": ServiceLevelObjectiveRequest}
LAST_PRIORITY = 5


def widgets(data, where):
    """Yields every widget with its place, those inside of groups before their group."""
    for index, widget in enumerate(data.get("widgets") or []):
        place = f"{where}.widgets[{index}]"
        yield from widgets(widget.get("definition") or {}, f"{place}.definition")
        yield widget, place


def culprits(data):
    """One bad widget makes a whole dashboard unreadable: yields the widgets that cannot be read by themselves."""
    for widget, place in widgets(data, "body"):
        inner = dict(widget, definition=dict(widget.get("definition") or {}))
        if "widgets" in inner["definition"]:
            inner["definition"]["widgets"] = []
        if list(unknown_to_the_models(parsed(inner, Widget), "")):
            yield f"{place}: {json.dumps(inner)[:300]}"


def against_the_documentation(kind, data):
    """Yields what breaks a rule that is written in the documentation and not in the models."""
    if kind == "dashboard":
        for widget, place in widgets(data, "body"):
            if data.get("reflow_type") == "auto" and "layout" in widget:
                yield f"{place}.layout: a dashboard that lays itself out takes none"
        return
    if not data.get("name"):
        yield "body.name: missing"
    if kind == "monitor":
        options = data.get("options") or {}
        if not 1 <= data.get("priority", 1) <= LAST_PRIORITY:
            yield f"body.priority: {data['priority']} is not from 1 to {LAST_PRIORITY}"
        if "on_missing_data" in options and "notify_no_data" in options:
            yield "body.options: on_missing_data and notify_no_data exclude each other"
        if "renotify_statuses" in options and not options.get("renotify_interval"):
            yield "body.options.renotify_statuses: nothing is notified again without renotify_interval"
        if not data.get("query"):
            yield "body.query: missing"
    if kind == "slo" and not data.get("thresholds"):
        yield "body.thresholds: none"


def judge(line):
    """Yields what is wrong with one object."""
    try:
        record = json.loads(line)
        kind, data = record["kind"], record["body"]
        body = parsed(data, MODELS[kind])
    except Exception as error:  # The models raise many kinds; each is a verdict.
        yield f"body: {type(error).__name__}: {error}"
        return
    wrong = list(unknown_to_the_models(body, "body"))
    if wrong and kind == "dashboard":
        wrong.extend(culprits(data))
    if not wrong and model_to_dict(body, serialize=True) != data:
        wrong.append("body: the models read it as something else")
    yield from wrong or against_the_documentation(kind, data)


def summary(records):
    return Counter(record["kind"] for record in records)


if __name__ == "__main__":
    main(judge, "object", "objects", summary)
