"""One source of settings, and how sources lie on top of each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from blrcs.config.key_path import KeyPath
from blrcs.config.problem import Problem


@dataclass(frozen=True, slots=True)
class Layer:
    """What one source says.

    Attributes:
        name: The file, or what kind of source it is.
        values: Nested as in :class:`blrcs.config.settings.Settings`, not yet validated.
        origins: Where paths are set; the nearest one around or inside another speaks for it.
        problems: What could not be read; ``values`` lacks it.
    """

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    origins: Mapping[KeyPath, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def origin(self, path: KeyPath) -> str:
        """Where the path is set, as ``file:line``, a variable's name, or the layer's name."""
        for length in range(len(path), 0, -1):
            if (origin := self.origins.get(path[:length])) is not None:
                return origin
        inside = (own for key, own in self.origins.items() if key[: len(path)] == path)
        return next(inside, self.name)


def merge(layers: Sequence[Layer]) -> dict[str, Any]:
    """The values of all layers: later ones win, tables key by key and lists as a whole."""
    merged: dict[str, Any] = {}
    for layer in layers:
        _lay_over(merged, layer.values)
    return merged


def origin_of(path: KeyPath, layers: Sequence[Layer]) -> str | None:
    """Where the value that counts at the path is set; None where no layer sets it."""
    for layer in reversed(layers):
        found, hidden_below = _reach(layer.values, path)
        if found:
            return layer.origin(path)
        if hidden_below:
            return None
    return None


def put(values: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Sets one value in nested tables, which are made where they are missing."""
    *tables, last = path
    for table in tables:
        values = values.setdefault(table, {})
    values[last] = value


def _lay_over(lower: dict[str, Any], upper: Mapping[str, Any]) -> None:
    for key, value in upper.items():
        below = lower.get(key)
        if isinstance(value, Mapping):
            table = below if isinstance(below, dict) else {}
            _lay_over(table, value)
            lower[key] = table
        else:
            lower[key] = value


def _reach(values: Any, path: KeyPath) -> tuple[bool, bool]:
    """Whether the path is there, and whether the layer hides what lower ones have there."""
    hides = False
    for part in path:
        if isinstance(values, Mapping) and part in values:
            values = values[part]
        elif isinstance(values, list) and isinstance(part, int) and part < len(values):
            values = values[part]
            # Lists are replaced as a whole: nothing inside them can come from below.
            hides = True
        else:
            return False, hides or not isinstance(values, Mapping)
    return True, True
