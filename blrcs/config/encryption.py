"""What fields are encrypted with."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, PlainSerializer

from blrcs.config.section import MASK, Section

PIN = re.compile(r"(?<=pin-value=)[^;?&]+", re.IGNORECASE)
"""Where RFC 7512 has it. It is refused there, but may have been written before that is told."""


@AfterValidator
def _names_a_place(text: str) -> str:
    kind, separator, rest = text.partition(":")
    if not (separator and kind and rest):
        raise ValueError("is not of the form file:PATH, env:NAME, pkcs11:… or ADAPTER:…")
    return text


KeyPlace = Annotated[
    str,
    Field(max_length=4096),
    _names_a_place,
    PlainSerializer(lambda text: PIN.sub(MASK, text), when_used="json"),
]


class Encryption(Section):
    """Encryption of fields at rest."""

    master_key: KeyPlace = "file:encryption_key"
    """The key that all others are wrapped by."""
    older_master_keys: tuple[KeyPlace, ...] = ()
    """Keys that still unwrap what they have wrapped, until `blrcs encryption rotate-master`."""
