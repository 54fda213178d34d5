"""One field of metadata."""

from typing import NamedTuple


class Metadatum(NamedTuple):
    """A name in lower case and its value: bytes where the name ends in ``-bin``, text elsewhere."""

    key: str
    value: str | bytes
