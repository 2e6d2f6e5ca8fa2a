"""The strict walk: Datadog's Python models are lenient, and keep what they do not know without a word."""

import json
import pathlib
import sys

from datadog_api_client.configuration import Configuration
from datadog_api_client.model_utils import (
    ModelComposed,
    ModelNormal,
    ModelSimple,
    UnparsedObject,
    validate_and_convert_types,
)


def parsed(data, model):
    """The data as the model reads it, whatever it makes of it."""
    return validate_and_convert_types(data, (model,), ["body"], True, True, Configuration())


def unknown_to_the_models(thing, where):
    """Yields every object or key that the models kept without knowing it."""
    if isinstance(thing, UnparsedObject) or getattr(thing, "_unparsed", False):
        yield f"{where}: the models cannot read this"
    elif isinstance(thing, ModelSimple):
        pass
    elif isinstance(thing, (ModelNormal, ModelComposed)):
        for key, value in thing._data_store.items():
            if key not in thing.attribute_map:
                yield f"{where}.{key}: the model has no such field"
            yield from unknown_to_the_models(value, f"{where}.{key}")
        # A choice between models holds the one that was chosen apart from its own data.
        for chosen in getattr(thing, "_composed_instances", []):
            yield from unknown_to_the_models(chosen, where)
    elif isinstance(thing, list):
        for index, value in enumerate(thing):
            yield from unknown_to_the_models(value, f"{where}[{index}]")


def main(judge, one, many, summary):
    """Judges each line of standard input, which is `one` of `many`. Prints what is wrong, a line each, and leaves with 1;
    leaves with 2 when there was nothing to judge. Of lines that are right it prints the summary."""
    script = pathlib.Path(sys.argv[0]).name
    lines = [line for line in sys.stdin.buffer.read().splitlines() if line.strip()]
    if not lines:
        print(f"{script}: no {one} on standard input", file=sys.stderr)
        sys.exit(2)
    wrong = [f"{number}: {words}" for number, line in enumerate(lines, 1) for words in judge(line)]
    for words in wrong[:50]:
        print(words, file=sys.stderr)
    if wrong:
        print(f"{script}: {len(wrong)} faults in {len(lines)} {many}", file=sys.stderr)
        sys.exit(1)
    print(json.dumps(summary([json.loads(line) for line in lines])))
