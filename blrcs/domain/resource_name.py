"""Names of resources: paths without a leading slash."""

import unicodedata

from blrcs.domain.errors import InvalidArgumentError

MAX_BYTES = 1024
MAX_SEGMENTS = 16
REFUSED_CATEGORIES = {"Cc", "Cs"}


def check_resource(name: str, *, field: str = "binding.resource") -> None:
    """Raises InvalidArgumentError about ``field`` unless it is a resource's name or empty.

    At most 16 segments and 1,024 bytes of UTF-8; no empty segment, ``.`` or ``..``, and no control
    characters.
    """
    if not name:
        return
    segments = name.split("/")
    if len(segments) > MAX_SEGMENTS or len(name.encode(errors="replace")) > MAX_BYTES:
        raise InvalidArgumentError(field, "has at most 16 segments and 1024 bytes")
    if not all(segments) or not {".", ".."}.isdisjoint(segments):
        raise InvalidArgumentError(field, "has an empty segment, . or ..")
    if not REFUSED_CATEGORIES.isdisjoint(map(unicodedata.category, name)):
        raise InvalidArgumentError(field, "has a control character")
