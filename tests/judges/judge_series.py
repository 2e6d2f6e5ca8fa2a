"""Judges bodies of POST /api/v2/series, one JSON document a line on standard input, by Datadog's own models.

Datadog's Python models are lenient: what they do not know they keep. So the walk is strict: a body passes when it
parses, holds no object or key that the models do not know, and serialises back to itself. What the models do not say is
taken from https://docs.datadoghq.com/api/latest/metrics/#submit-metrics and
https://docs.datadoghq.com/getting_started/tagging/: names, tags, sizes, intervals, finite values.

Prints what is wrong, a line each, and leaves with 1; leaves with 2 when there was nothing to judge.
"""

import json
import math
import re

from datadog_api_client.model_utils import model_to_dict
from datadog_api_client.v2.model.metric_payload import MetricPayload
from datadog_api_client.v2.model.metric_series import MetricSeries

from strict import main, parsed, unknown_to_the_models

MAX_UNCOMPRESSED = 5_242_880
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,199}")
TAG = re.compile(r"[a-z][a-z0-9_\-:./]{0,199}")
COUNT, RATE, GAUGE = 1, 2, 3


def against_the_documentation(series, where):
    """Yields what breaks a rule that is written in the documentation and not in the models."""
    name = series["metric"]
    if not NAME.fullmatch(name):
        yield f"{where}: illegal name {name!r}"
    if name.startswith(("aws.", "dora.")):
        yield f"{where}: {name} takes a prefix that is Datadog's own"
    if series.get("type") not in (COUNT, RATE, GAUGE):
        yield f"{where}: {name} does not say what it is: type {series.get('type')!r}"
    if series.get("type") in (COUNT, RATE) and not series.get("interval", 0) > 0:
        yield f"{where}: {name} is a count or a rate without an interval"
    tags = series.get("tags", [])
    for tag in tags:
        if not TAG.fullmatch(tag) or tag.endswith("_"):
            yield f"{where}: {name} carries a tag that Datadog would change: {tag!r}"
    if len(set(tags)) != len(tags):
        yield f"{where}: {name} repeats a tag: {tags}"
    if not series["points"]:
        yield f"{where}: {name} has no points"
    seconds = [point["timestamp"] for point in series["points"]]
    if len(set(seconds)) != len(seconds):
        yield f"{where}: {name} has two points for one second: the last would win"
    for point in series["points"]:
        if not math.isfinite(point["value"]):
            yield f"{where}: {name} has the value {point['value']}"


def judge(line):
    """Yields what is wrong with one body."""
    if len(line) >= MAX_UNCOMPRESSED:
        yield f"body: {len(line)} bytes, Datadog takes less than {MAX_UNCOMPRESSED}"
    try:
        data = json.loads(line)
        body = parsed(data, MetricPayload)
    except Exception as error:  # The models raise many kinds; each is a verdict.
        yield f"body: {error}"
        return
    wrong = list(unknown_to_the_models(body, "body"))
    if wrong and isinstance(data, dict) and isinstance(data.get("series"), list):
        # One bad series makes the whole body unreadable: say which.
        for index, series in enumerate(data["series"]):
            if list(unknown_to_the_models(parsed(series, MetricSeries), "")):
                wrong.append(f"body.series[{index}]: {json.dumps(series)[:300]}")
    if not wrong and model_to_dict(body, serialize=True) != data:
        wrong.append("body: the models read it as something else")
    if not wrong and not data["series"]:
        wrong.append("body: no series")
    if not wrong:
        for index, series in enumerate(data["series"]):
            wrong.extend(against_the_documentation(series, f"body.series[{index}]"))
    # One key for one point, over all series of the body.
    if not wrong:
        seen = set()
        for series in data["series"]:
            for point in series["points"]:
                key = (series["metric"], tuple(sorted(series.get("tags", []))), point["timestamp"])
                if key in seen:
                    wrong.append(f"body: {series['metric']} stands twice for {point['timestamp']}: {series['tags']}")
                seen.add(key)
    yield from wrong


def summary(bodies):
    return {"bodies": len(bodies), "points": sum(len(series["points"]) for body in bodies for series in body["series"])}


if __name__ == "__main__":
    main(judge, "body", "bodies", summary)
