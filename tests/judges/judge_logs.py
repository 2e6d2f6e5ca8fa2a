"""Judges bodies of POST /api/v2/logs, one JSON document a line on standard input, by Datadog's own models.

The model of an item lets any attribute be: those are taken out before the strict walk, and are JSON. What the models do
not say is taken from https://docs.datadoghq.com/api/latest/logs/#send-logs and
https://docs.datadoghq.com/getting_started/tagging/: sizes, statuses, times, tags.

Prints what is wrong, a line each, and leaves with 1; leaves with 2 when there was nothing to judge.
"""

import json
import re

from datadog_api_client.model_utils import model_to_dict
from datadog_api_client.v2.model.http_log import HTTPLog
from datadog_api_client.v2.model.http_log_item import HTTPLogItem

from strict import main, parsed, unknown_to_the_models

MAX_UNCOMPRESSED, MAX_ITEM, MAX_ITEMS = 5_000_000, 1_000_000, 1000
TAG = re.compile(r"[a-z][a-z0-9_\-:./]{0,199}")
STATUSES = {"debug", "info", "warn", "error", "critical"}
# What Datadog takes for the host, the service, the status and the time of a line.
RESERVED = {"host", "hostname", "source", "level", "severity", "date", "@timestamp", "_timestamp"}


def against_the_documentation(item, where):
    """Yields what breaks a rule that is written in the documentation and not in the models."""
    # Each character that is not ASCII has at least as many bytes in an escape.
    if len(json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode()) > MAX_ITEM:
        yield f"{where}: longer than {MAX_ITEM} bytes, Datadog would cut it"
    for name in ("message", "service", "ddsource", "ddtags", "event_id"):
        if not isinstance(item.get(name), str):
            yield f"{where}: {name} is no text: {item.get(name)!r}"
            return
    for name in ("service", "ddsource", "event_id"):
        if not item[name]:
            yield f"{where}: {name} is empty"
    if item.get("status") not in STATUSES:
        yield f"{where}: unknown status {item.get('status')!r}"
    if not isinstance(item.get("timestamp"), int) or not 10**12 < item["timestamp"] < 10**13:
        yield f"{where}: {item.get('timestamp')!r} is no time in milliseconds"
    tags = item["ddtags"].split(",")
    for tag in tags:
        if not TAG.fullmatch(tag) or tag.endswith("_"):
            yield f"{where}: carries a tag that Datadog would change: {tag!r}"
    if len(set(tags)) != len(tags):
        yield f"{where}: repeats a tag: {tags}"
    for name in RESERVED & {name.lower().strip() for name in item}:
        yield f"{where}: {name} is Datadog's own"


def judge(line):
    """Yields what is wrong with one body."""
    if len(line) > MAX_UNCOMPRESSED:
        yield f"body: {len(line)} bytes, Datadog takes {MAX_UNCOMPRESSED}"
    try:
        data = json.loads(line)
        declared = set(HTTPLogItem.attribute_map)
        bare = [{name: value for name, value in item.items() if name in declared} for item in data]
        body = parsed(bare, HTTPLog)
    except Exception as error:  # The models raise many kinds; each is a verdict.
        yield f"body: {error}"
        return
    wrong = list(unknown_to_the_models(body.value, "body"))
    if not wrong and [model_to_dict(item, serialize=True) for item in body.value] != bare:
        wrong.append("body: the models read it as something else")
    if not 0 < len(data) <= MAX_ITEMS:
        wrong.append(f"body: {len(data)} items")
    for index, item in enumerate(data):
        wrong.extend(against_the_documentation(item, f"body[{index}]"))
    yield from wrong


if __name__ == "__main__":
    main(judge, "body", "bodies", lambda bodies: {"bodies": len(bodies), "lines": sum(map(len, bodies))})
