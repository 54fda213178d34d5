"""Settings from the command line."""

from collections.abc import Mapping
from typing import Any

from blrcs.config.key_path import KeyPath
from blrcs.config.layer import Layer, put
from blrcs.config.option import all_options
from blrcs.config.problem import Problem

FLAG = "flag"


def read_flags(flags: Mapping[str, object]) -> Layer:
    """Reads values by key, such as ``server.port``; None counts as not given."""
    values: dict[str, Any] = {}
    origins: dict[KeyPath, str] = {}
    problems = []
    for key, value in flags.items():
        if value is None:
            continue
        option = all_options().get(key)
        if option is None:
            problems.append(Problem(FLAG, key, "is unknown"))
            continue
        put(values, option.path, value)
        origins[option.path] = FLAG
    return Layer(FLAG, values, origins, tuple(problems))
