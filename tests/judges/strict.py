"""The strict walk: Datadog's Python models are lenient, and keep what they do not know without a word."""

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
