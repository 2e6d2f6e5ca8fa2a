"""Judges what is sent about deployments and events by Datadog's own models: lines of {"kind": .., "body": ..} on standard
input.

Datadog's Python models are lenient: what they do not know they keep. So the walk is strict: a body passes when it parses,
holds no object or key that the models do not know, and serialises back to itself. What the models do not say is taken from
https://docs.datadoghq.com/api/latest/dora-metrics/ and https://docs.datadoghq.com/api/latest/events/: ids, tags, times.

Prints what is wrong, a line each, and leaves with 1; leaves with 2 when there was nothing to judge.
"""

import json
import re
from collections import Counter

from datadog_api_client.model_utils import model_to_dict
from datadog_api_client.v1.model.event_create_request import EventCreateRequest
from datadog_api_client.v2.model.dora_deployment_patch_request import DORADeploymentPatchRequest
from datadog_api_client.v2.model.dora_deployment_request import DORADeploymentRequest
from datadog_api_client.v2.model.dora_list_deployments_request import DORAListDeploymentsRequest
from datadog_api_client.v2.model.events_list_request import EventsListRequest

from strict import main, parsed, unknown_to_the_models

MODELS = {
    "deployment": DORADeploymentRequest,
    "patch": DORADeploymentPatchRequest,
    "list": DORAListDeploymentsRequest,
    "event": EventCreateRequest,
    "search": EventsListRequest,
}
ID = re.compile(r"[A-Za-z0-9\-_.:]{16,128}")
SHA = re.compile(r"[0-9a-f]{40}")
TAG = re.compile(r"[a-z][a-z0-9_\-:./]{0,199}")
MOST_TAGS = 100
TITLE = 100
# Seconds, milliseconds and nanoseconds of this century.
TIMES = (range(10**9, 10**11), range(10**12, 10**14), range(10**18, 10**20))


def tags_of(tags, where):
    for tag in tags:
        if not TAG.fullmatch(tag) or tag.endswith("_") or ":" not in tag:
            yield f"{where}: a tag that Datadog would change, or that is no key:value: {tag!r}"
    if len(set(tags)) != len(tags):
        yield f"{where}: repeats a tag: {tags}"


def of_deployment(attributes):
    where = "body.data.attributes"
    if not ID.fullmatch(attributes.get("id", "")):
        yield f"{where}.id: {attributes.get('id')!r}"
    if not attributes["service"]:
        yield f"{where}.service: empty"
    begin, end = attributes["started_at"], attributes["finished_at"]
    if not any(begin in span and end in span for span in TIMES):
        yield f"{where}: {begin} and {end} are no two times of one unit"
    if begin > end:
        yield f"{where}: it ends before it begins"
    tags = attributes.get("custom_tags") or []
    if len(tags) > MOST_TAGS:
        yield f"{where}.custom_tags: {len(tags)} of them"
    yield from tags_of(tags, f"{where}.custom_tags")
    git = attributes.get("git")
    if git and not (SHA.fullmatch(git["commit_sha"]) and git["repository_url"].startswith("https://")):
        yield f"{where}.git: {git}"


def of_patch(data):
    remediation = data["attributes"].get("remediation")
    if remediation and ("id" in remediation) == ("version" in remediation):
        yield "body.data.attributes.remediation: takes either id or version"
    if remediation and "type" not in remediation:
        yield "body.data.attributes.remediation: without a type it is not linked"


def against_the_documentation(kind, data):
    """Yields what breaks a rule that is written in the documentation and not in the models."""
    if kind == "deployment":
        yield from of_deployment(data["data"]["attributes"])
    elif kind == "patch":
        yield from of_patch(data["data"])
    elif kind == "event":
        if not 0 < len(data["title"]) <= TITLE:
            yield f"body.title: {data['title']!r}"
        yield from tags_of(data.get("tags", []), "body.tags")


def judge(line):
    """Yields what is wrong with one body."""
    try:
        record = json.loads(line)
        kind, data = record["kind"], record["body"]
        body = parsed(data, MODELS[kind])
    except Exception as error:  # The models raise many kinds; each is a verdict.
        yield f"body: {type(error).__name__}: {error}"
        return
    wrong = list(unknown_to_the_models(body, "body"))
    # The models write times of their own form back: with milliseconds.
    same = model_to_dict(body, serialize=True) == data or kind == "list"
    if not wrong and not same:
        wrong.append("body: the models read it as something else")
    yield from wrong or against_the_documentation(kind, data)


def summary(records):
    return Counter(record["kind"] for record in records)


if __name__ == "__main__":
    main(judge, "body", "bodies", summary)
