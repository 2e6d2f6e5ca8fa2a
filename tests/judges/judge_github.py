"""Judges a pretend GitHub by reading it as its follower does, with models that are made from GitHub's OpenAPI description.

    judge_github.py GITHUB_URL
    judge_github.py MODEL < bodies, one a line

The token comes from GITHUB_TOKEN. Prints what the models do not accept or do not know, and leaves with 1 when there is
something; else prints how many bodies of each model were judged.
"""

import collections
import json
import os
import sys
import urllib.request

from githubkit_schemas.v2022_11_28 import models
from pydantic import BaseModel, ValidationError

REPOSITORY = "/repos/acme/ml-pipelines"


def unknown(thing, body, where):
    """Yields every field of a body that its model does not know: models leave such fields out without a word."""
    if isinstance(thing, BaseModel):
        fields = {field.alias or name: name for name, field in type(thing).model_fields.items()}
        for key, value in body.items():
            if key in fields:
                yield from unknown(getattr(thing, fields[key]), value, f"{where}.{key}")
            elif type(thing).model_config.get("extra") != "allow":
                yield f"{where}.{key}: the model has no such field"
    elif isinstance(thing, list):
        for index, (one, value) in enumerate(zip(thing, body)):
            yield from unknown(one, value, f"{where}[{index}]")


def faults(model, body):
    try:
        # Strict: else a number in quotes is a number.
        thing = getattr(models, model).model_validate_json(json.dumps(body), strict=True)
    except ValidationError as error:
        return [f"{model}.{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
    return list(unknown(thing, body, model))


def get(url):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}"})
    with urllib.request.urlopen(request) as answer:
        links = answer.headers.get("Link", "")
        after = next((part.split(">")[0].strip(" <") for part in links.split(",") if 'rel="next"' in part), None)
        return json.load(answer), after


def bodies(base):
    """Everything that a follower asks for, with the model that GitHub's description gives it."""
    base += REPOSITORY
    runs, url = [], f"{base}/actions/workflows/deploy.yml/runs?per_page=100"
    while url:
        page, url = get(url)
        runs += page["workflow_runs"]
    assert len(runs) == page["total_count"] > 1000, len(runs)
    assert len({run["id"] for run in runs}) == len(runs)
    for run in runs:
        yield "WorkflowRun", run
    for run in [*runs[:40], *[run for run in runs if run["run_attempt"] > 1][:40]]:
        at = f"{base}/actions/runs/{run['id']}"
        yield "WorkflowRun", get(at)[0]
        for number in range(1, run["run_attempt"] + 1):
            yield "WorkflowRun", get(f"{at}/attempts/{number}")[0]
            yield from (("Job", job) for job in get(f"{at}/attempts/{number}/jobs")[0]["jobs"])
        yield from (("Artifact", artifact) for artifact in get(f"{at}/artifacts")[0]["artifacts"])
    yield "MinimalRepository", get(base)[0]
    yield from (("Workflow", workflow) for workflow in get(f"{base}/actions/workflows")[0]["workflows"])
    commits = get(f"{base}/commits?sha=main&per_page=100")[0]
    yield from (("Commit", commit) for commit in commits)
    new, old = commits[0]["sha"], runs[-1]["head_sha"]
    for base_head in (f"{old}...{new}?per_page=100", f"{old}...{new}", f"{new}...{old}", f"{new}...{new}", f"{new}...feature/27"):
        yield "CommitComparison", get(f"{base}/compare/{base_head}")[0]
    yield "GitRef", get(f"{base}/git/ref/heads/main")[0]
    for deployment in get(f"{base}/deployments?environment=data_prod&per_page=30")[0]:
        yield "Deployment", deployment
        yield from (("DeploymentStatus", s) for s in get(f"{base}/deployments/{deployment['id']}/statuses")[0])


def main():
    if sys.argv[1].startswith("http"):
        judged = list(bodies(sys.argv[1]))
    else:
        judged = [(sys.argv[1], json.loads(line)) for line in sys.stdin if line.strip()]
    wrong = [(number, fault) for number, body in enumerate(judged, 1) for fault in faults(*body)]
    for number, fault in wrong[:50]:
        print(f"{number}: {fault}", file=sys.stderr)
    if wrong or not judged:
        print(f"judge_github.py: {len(wrong)} faults in {len(judged)} bodies", file=sys.stderr)
        sys.exit(1)
    print(json.dumps(collections.Counter(model for model, _ in judged)))


if __name__ == "__main__":
    main()
