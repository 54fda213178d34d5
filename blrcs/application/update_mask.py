"""Field masks of Update methods (AIP-134, AIP-161)."""

from collections.abc import Iterable

from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.field_path import paths_named

MAX_SHOWN = 64


def fields_to_update(mask: Iterable[str], allowed: frozenset[str]) -> frozenset[str]:
    """The fields that a mask names: all of ``allowed`` for an empty mask or ``*``.

    Raises:
        InvalidArgumentError: The mask names a field that may not be changed, or too many.
    """
    named = paths_named(mask, field="update_mask")
    if not named or named == {"*"}:
        return allowed
    for path in sorted(named - allowed):
        raise InvalidArgumentError(
            "update_mask", f"{path[:MAX_SHOWN]!r} is not a field that can be changed"
        )
    return named
