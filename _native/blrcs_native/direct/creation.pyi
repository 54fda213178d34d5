"""RecordService.CreateRecord, of what is nothing but a document."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar, final

from blrcs_native.direct.handler import DirectHandler
from blrcs_native.guards.guard import Guard

_Key = TypeVar("_Key")

@final
class DirectCreateRecord(DirectHandler):
    """Reads creations of their octets, and has those of one moment carried out together.

    While some are carried out in a collection, others gather there. What is not carried out for
    whatever reason goes to the method's own handler.

    Args:
        key_of: Of a collection, by its name; None where more is asked of its records.
        create: Creates many by that key, ids, of which several may be empty, documents' texts, and
            their data in their order; gives the records as they are shown, with None for each that
            it has not created, or None for all of them. What it raises counts as that.
        max_levels: As of ``json_of_struct``.
        guards: As of DirectHandler.
    """

    def __init__(
        self,
        key_of: Callable[[str], _Key | None],
        create: Callable[
            [_Key, list[str], list[str], list[bytes]], Awaitable[Sequence[bytes | None] | None]
        ],
        max_levels: int,
        guards: Iterable[Guard] = (),
    ) -> None: ...
