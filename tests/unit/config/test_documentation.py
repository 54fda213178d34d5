import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from blrcs.config.option import all_options
from blrcs.config.reloadable import keys_that_need_a_restart
from blrcs.config.settings import Settings
from blrcs.config.variable_names import DIRECTORY_VARIABLE, FILE_VARIABLE

DOCUMENT = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
NAMES = {"policies": "METHOD", "cache.namespaces": "NAME"}


def elements(annotation):
    """The models inside a list, table or union, each with the step that leads to it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield "", annotation
        return
    origin = get_origin(annotation)
    step = "[]" if origin is tuple else ".*" if origin is Mapping else ""
    for argument in get_args(annotation):
        for inner, model in elements(argument):
            yield step + inner, model


def documented_keys(model, prefix):
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        found = list(elements(field.annotation))
        if not isinstance(field.annotation, type) or not found:
            yield key, field
        for step, inner in found:
            named = step.replace("*", NAMES.get(key, ""))
            yield from documented_keys(inner, f"{key}{named}.")


def default_of(field):
    default = field.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        return "required"
    if default is None:
        return "none"
    holder = type("Holder", (BaseModel,), {"__annotations__": {"v": field.rebuild_annotation()}})
    shown = holder.model_construct(v=default).model_dump(mode="json")["v"]
    if shown == "":
        return "empty"
    return "true" if shown is True else "false" if shown is False else str(shown)


EXPECTED = {key: default_of(field) for key, field in documented_keys(Settings, "")}
ROWS = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]*) \|$", DOCUMENT, re.MULTILINE)


def test_every_option_is_documented_and_every_documented_option_exists():
    keys = [key for key, *_ in ROWS]
    assert sorted(keys) == sorted(EXPECTED)
    assert set(all_options()) <= set(keys)


@pytest.mark.parametrize(("key", "default", "meaning"), ROWS)
def test_the_documented_default_is_the_default(key, default, meaning):
    assert default.strip("` ") == EXPECTED.get(key)
    assert len(meaning) > 10


def test_every_variable_that_is_named_exists():
    named = set(re.findall(r"\bBLRCS_[A-Z_]*[A-Z]\b", DOCUMENT))
    known = {option.variable for option in all_options().values()}
    secrets = {f"{option.variable}_FILE" for option in all_options().values() if option.secret}
    assert named
    assert named - known - secrets - {DIRECTORY_VARIABLE, FILE_VARIABLE} == set()
    assert secrets <= named


def test_every_example_is_valid():
    examples = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    assert len(examples) >= 3
    for example in examples:
        Settings(**tomllib.loads(example))


def test_it_says_what_reloads_without_a_restart():
    (said,) = re.findall(r"Without a restart change: (.*?)\.\n", DOCUMENT)
    reloading = set(re.findall(r"`([^`]+)`", said))
    for key in all_options():
        expected = any(key == each or key.startswith(f"{each}.") for each in reloading)
        assert reloads(key) is expected, key


def reloads(key):
    changed = object()

    class Other:
        def __init__(self, prefix):
            self.prefix = prefix

        def __getattr__(self, name):
            path = f"{self.prefix}.{name}".lstrip(".")
            return changed if path in all_options() else Other(path)

    return key not in set(keys_that_need_a_restart(Settings(), Other("")))
