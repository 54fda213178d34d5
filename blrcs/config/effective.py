"""The values in effect, one by one, as they may be shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from blrcs.config.key_path import KeyPath, format_key
from blrcs.config.layer import origin_of
from blrcs.config.loading import LoadedSettings
from blrcs.config.option import Option, all_options


@dataclass(frozen=True, slots=True)
class EffectiveValue:
    """One value, with secrets masked.

    Attributes:
        key: Its key path.
        value: As JSON has it; durations and sizes with their units.
        origin: ``file:line``, a variable's name, ``flag`` or ``default``.
    """

    key: str
    value: Any
    origin: str

    @property
    def text(self) -> str:
        """The value for people; empty where there is none."""
        if self.value is None:
            return ""
        return self.value if isinstance(self.value, str) else orjson.dumps(self.value).decode()


def effective_values(loaded: LoadedSettings) -> list[EffectiveValue]:
    """All values in the model's order; of lists and tables of the user's own, what they hold."""
    everything = loaded.settings.model_dump(mode="json")
    given = loaded.settings.model_dump(mode="json", exclude_unset=True)
    return [
        EffectiveValue(format_key(path), value, origin_of(path, loaded.layers) or "default")
        for option in all_options().values()
        for path, value in _values_of(option, everything, given)
    ]


def _values_of(
    option: Option, everything: dict[str, Any], given: dict[str, Any]
) -> Iterator[tuple[KeyPath, Any]]:
    own = _at(given, option.path)
    if option.structured and own:
        yield from _leaves(own, option.path)
    else:
        yield option.path, _at(everything, option.path)


def _leaves(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list) and any(isinstance(element, dict) for element in value):
        for index, element in enumerate(value):
            yield from _leaves(element, (*path, index))
    else:
        yield path, value


def _at(values: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        values = values.get(part) if isinstance(values, dict) else None
    return values
