"""Paths into JSON documents: ``address.city``, or ``labels.`a.b``` for a name that has a dot.

Documents are never changed in place: what is put in or taken out leaves the old one as it was, and
the new one shares with it what lies beside the path.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from blrcs.domain.errors import FailedPreconditionError, InvalidArgumentError

Json = Any
"""None, a bool, a number, a text, a list of such or a dict of such by text."""
Path = tuple[str, ...]
Document = Mapping[str, Json]

MAX_SEGMENTS = 16
MAX_PATHS = 64
"""Of a field mask."""
MAX_SHOWN = 64
_SEGMENT = re.compile(r"`([^`]+)`|([^.`]+)")


class Missing:
    """The type of MISSING."""


MISSING: Final = Missing()
"""What lies where nothing is: unlike None, which JSON has as null."""


def parse_path(text: str, *, field: str) -> Path:
    """The segments of a path; InvalidArgumentError about ``field`` where it is none."""
    segments: list[str] = []
    at = 0
    while found := _SEGMENT.match(text, at):
        # Before the next one is looked for: a text may have millions.
        if len(segments) == MAX_SEGMENTS:
            raise InvalidArgumentError(field, f"a path has at most {MAX_SEGMENTS} segments")
        segments.append(found[1] or found[2])
        at = found.end()
        if at == len(text) or text[at] != ".":
            break
        at += 1
    if at != len(text) or not segments or text.endswith("."):
        raise InvalidArgumentError(field, f"{text[:MAX_SHOWN]!r} is not a path")
    return tuple(segments)


def paths_named(mask: Iterable[str], *, field: str) -> frozenset[str]:
    """The paths of a field mask, each once.

    Raises:
        InvalidArgumentError: About ``field``, where they are more than ``MAX_PATHS``; no more are
            looked at then.
    """
    named: set[str] = set()
    for text in mask:
        named.add(text)
        if len(named) > MAX_PATHS:
            raise InvalidArgumentError(field, f"has more than {MAX_PATHS} paths")
    return frozenset(named)


def value_at(document: Document, path: Path) -> Json | Missing:
    """What lies at a path; MISSING where nothing does."""
    value: Json = document
    for segment in path:
        if not isinstance(value, Mapping) or segment not in value:
            return MISSING
        value = value[segment]
    return value


def has_list_before(document: Document, path: Path) -> bool:
    """Whether a list lies on the way to a path, which leads into none."""
    return any(isinstance(value_at(document, path[:depth]), list) for depth in range(1, len(path)))


def with_value(document: Document, path: Path, value: Json) -> dict[str, Json]:
    """The document with a value at a path; objects on the way are made where there are none.

    Raises:
        FailedPreconditionError: Something else than an object is in the way.
    """
    segment, *rest = path
    changed = dict(document)
    if not rest:
        changed[segment] = value
        return changed
    within = document.get(segment, {})
    if not isinstance(within, Mapping):
        raise FailedPreconditionError(
            "PATH_BLOCKED", f"{segment[:MAX_SHOWN]!r} is not an object in the record"
        )
    changed[segment] = with_value(within, tuple(rest), value)
    return changed


def without(document: Document, path: Path) -> Document:
    """The document with nothing at a path."""
    segment, *rest = path
    if segment not in document:
        return document
    changed = dict(document)
    if not rest:
        del changed[segment]
    elif isinstance(within := document[segment], Mapping):
        changed[segment] = without(within, tuple(rest))
    return changed


def overlap(one: Path, other: Path) -> bool:
    """Whether one path is the other, or lies below it."""
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]
