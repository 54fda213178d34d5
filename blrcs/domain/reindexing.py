"""Indexes that are declared of a collection, or are declared no more, once it has records.

A path is *built*: each write keeps it up from the declaration on, and what was there before is
filled in beside them; then it is *whole*, and filters go by it. One that is declared no more is
*retired*: no read begins by it, but writes keep it up for those that have begun; then it is
*dropped*: nobody keeps it up, and its rows are deleted.

Every change of that has a revision of the collection of its own, so that no write is carried out
by what was declared before it.
"""

from collections.abc import Sequence
from dataclasses import replace

from blrcs.domain.collection import TIME_INDEXES, Collection, check_paths
from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.field_path import Path, parse_path

MAX_PATHS = 64
"""Whatever becomes of them: writes keep up most, and each is looked after."""


def reindexed(stored: Collection, wanted: Sequence[str]) -> Collection:
    """The collection with these paths declared.

    Raises:
        InvalidArgumentError: A path is none, or is in the way of another.
        FailedPreconditionError: An encrypted field would have an index or have none, for which its
            values had to be opened; or too many paths are under way.
    """
    check_paths(
        indexes=wanted,
        encrypted_fields=stored.encrypted_fields,
        secret_fields=stored.secret_fields,
    )
    # A path may be written in several ways.
    known = {_place(each): each for each in (*stored.maintained, *stored.dropping)}
    wanted = tuple(known.get(_place(each), each) for each in wanted)
    _require_same(stored, wanted)
    whole, others = stored.indexes + stored.retiring, stored.building + stored.dropping
    changed = replace(
        stored,
        indexes=tuple(each for each in wanted if each in whole),
        building=tuple(each for each in wanted if each not in whole),
        retiring=tuple(each for each in whole if each not in wanted),
        dropping=tuple(each for each in others if each not in wanted),
    )
    if len(changed.maintained) + len(changed.dropping) > MAX_PATHS:
        raise FailedPreconditionError(
            "INDEXES_UNDER_WAY", "too many indexes are being built or dropped: try again later"
        )
    return changed


def built(stored: Collection) -> Collection:
    """The collection when all that is built is whole."""
    return replace(stored, indexes=stored.indexes + stored.building, building=())


def retired(stored: Collection) -> Collection:
    """The collection when no read goes by what is declared no more."""
    return replace(stored, retiring=(), dropping=stored.dropping + stored.retiring)


def _require_same(stored: Collection, wanted: Sequence[str]) -> None:
    sealed = {_place(each) for each in stored.encrypted_fields}
    for path in {*wanted} ^ {*stored.declared}:
        if _place(path) in sealed:
            raise FailedPreconditionError(
                "ENCRYPTED_INDEX",
                f"{path!r} is encrypted: whether it has an index is decided when the collection is"
                " created",
            )


def _place(path: str) -> Path:
    return ("", path) if path in TIME_INDEXES else parse_path(path, field="collection.indexes")
