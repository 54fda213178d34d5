"""Header fields as Python objects, remembered: most calls repeat those of the last one."""

from typing import final

from blrcs_native.http2.metadatum import Metadatum

@final
class FieldCache:
    """At most 1,024 fields of at most 1 KiB each; a new one takes the place of another.

    Not for several threads.
    """

    def __init__(self) -> None: ...
    def find(self, name: bytes, value: bytes) -> list[Metadatum] | None:
        """The metadata that a field stands for; None where a ``-bin`` value is not base64.

        Text that is not UTF-8 is read as Latin-1.
        """
