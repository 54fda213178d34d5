"""What a caller may set of a record, and what of it an update changes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from blrcs.application.update_mask import MAX_SHOWN
from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.field_path import Document, Path, overlap, parse_path, paths_named

DATA = "data"
EXPIRY = frozenset({"expire_time", "ttl"})


@dataclass(slots=True, kw_only=True)
class RecordFields:
    """Values for a record, not to be changed.

    As a record itself it is not frozen, for the sake of large batches.

    Attributes:
        data: The data as a whole; None where they are not given.
        encoded: The same, as presentation encodes them.
        expire_time_ns: When it is gone; None where nothing is said.
        ttl_ns: Likewise, from now on.
    """

    data: Document | None = field(repr=False)
    encoded: bytes = field(repr=False)
    expire_time_ns: int | None = None
    ttl_ns: int | None = None

    @property
    def states_expiry(self) -> bool:
        """Whether anything is said of when it is gone."""
        return self.expire_time_ns is not None or self.ttl_ns is not None

    def expiry_ns(self, now_ns: int) -> int | None:
        """When it is gone; None for never."""
        return self.expire_time_ns if self.ttl_ns is None else now_ns + self.ttl_ns


@dataclass(frozen=True, slots=True)
class RecordMask:
    """What an update changes.

    Attributes:
        whole: The data as a whole.
        paths: Parts of the data, none within another.
        expiry: When the record is gone; None where that depends on whether anything is said of it.
    """

    whole: bool
    paths: tuple[Path, ...] = ()
    expiry: bool | None = False

    @classmethod
    def parse(cls, mask: Iterable[str]) -> Self:
        """What the paths of a mask name: everything, where it is empty or ``*``.

        Raises:
            InvalidArgumentError: One names nothing that can be changed, or a part of another's; or
                they are more than ``MAX_PATHS``.
        """
        named = paths_named(mask, field="update_mask")
        if not named or named == {"*"}:
            return cls(whole=True, expiry=None)
        parts = sorted((_part(text), text) for text in named - EXPIRY - {DATA})
        # Whatever lies within a path follows it.
        before: list[Path] = [()] if DATA in named else []
        for path, text in parts:
            if before and overlap(before[-1], path):
                raise InvalidArgumentError(
                    "update_mask", f"{text[:MAX_SHOWN]!r} overlaps with another path"
                )
            before.append(path)
        paths = tuple(path for path, _ in parts)
        return cls(whole=DATA in named, paths=paths, expiry=not named.isdisjoint(EXPIRY))


def _part(text: str) -> Path:
    root, *path = parse_path(text, field="update_mask")
    if root != DATA or not path:
        raise InvalidArgumentError(
            "update_mask", f"{text[:MAX_SHOWN]!r} is not a field that can be changed"
        )
    return tuple(path)
