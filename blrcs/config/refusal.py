"""What pydantic refuses, in the words of a configuration."""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from blrcs.config.key_path import KeyPath, format_key
from blrcs.config.layer import Layer, merge, origin_of
from blrcs.config.problem import Problem
from blrcs.config.settings import Settings

_SUBJECT = re.compile(r"^\w+ should ")
_REASONS = {
    "missing": "is missing",
    "model_type": "must be a table",
    "mapping_type": "must be a table",
    "tuple_type": "must be a list",
}
_KEY_ITSELF = "[key]"


def problems_of(error: ValidationError, layers: Sequence[Layer]) -> list[Problem]:
    """One problem for each of pydantic's errors, with the place where the faulty value is set."""
    values = merge(layers)
    problems = []
    for details in _without_echoes(error.errors(include_url=False, include_input=False)):
        path = _path_of(details["loc"], values)
        origin = _nearest_origin(path, layers)
        problems.append(Problem(origin, format_key(path), _reason(details, path)))
    return problems


def _without_echoes(errors: list[ErrorDetails]) -> Iterator[ErrorDetails]:
    """All but the complaints that a list is too short because its elements are refused."""
    locations = [details["loc"] for details in errors]
    for details in errors:
        own = details["loc"]
        inside = any(len(other) > len(own) and other[: len(own)] == own for other in locations)
        if details["type"] != "too_short" or not inside:
            yield details


def _path_of(location: KeyPath, values: Any) -> KeyPath:
    """The location without what pydantic adds of its own: names of a union's members."""
    path: list[str | int] = []
    for depth, part in enumerate(location, start=1):
        if isinstance(values, dict) and part in values:
            values = values[part]
        elif isinstance(values, list) and isinstance(part, int):
            values = values[part] if part < len(values) else None
        elif not (isinstance(values, dict) and depth == len(location)) or part == _KEY_ITSELF:
            continue
        path.append(part)
    return tuple(path)


def _nearest_origin(path: KeyPath, layers: Sequence[Layer]) -> str:
    for length in range(len(path), 0, -1):
        if (origin := origin_of(path[:length], layers)) is not None:
            return origin
    return "default"


def _reason(details: ErrorDetails, path: KeyPath) -> str:
    match details["type"]:
        case "extra_forbidden":
            elsewhere = _in_sections(str(path[0])) if len(path) == 1 else []
            known = _known_keys(path[:-1])
            meant = elsewhere or difflib.get_close_matches(str(path[-1]), known, n=1)
            return f"is unknown; is {' or '.join(meant)} meant?" if meant else "is unknown"
        case "value_error":
            return str(details["ctx"]["error"])
        case "string_pattern_mismatch":
            return f"does not match {details['ctx']['pattern']}"
        case kind:
            return _REASONS.get(kind) or _SUBJECT.sub("must ", details["msg"])


def _in_sections(key: str) -> list[str]:
    """Where the sections have a key that stands outside of them, such as ``server.port``."""
    return [
        f"{section}.{key}"
        for section, field in Settings.model_fields.items()
        for model in _models_in(field.annotation)
        if key in model.model_fields
    ]


def _known_keys(path: KeyPath) -> list[str]:
    models: list[type[BaseModel]] = [Settings]
    for part in path:
        fields = [model.model_fields[part] for model in models if part in model.model_fields]
        if fields:
            models = [model for field in fields for model in _models_in(field.annotation)]
    return [name for model in models for name in model.model_fields]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
