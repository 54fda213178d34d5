"""JSON whose whole numbers are what the text says, however large they are."""

import json
import re
from typing import Any

import orjson

_BEYOND_64_BITS = re.compile(rb"\d{19}")


def read_exactly(text: bytes) -> Any:
    """The value of a JSON text in UTF-8.

    orjson takes whole numbers beyond 64 bits for the nearest that floating point has. Where there
    may be some, the text is read once more, by what knows them all.

    Raises:
        orjson.JSONDecodeError: It is none, or has a number beyond what floating point has.
    """
    value = orjson.loads(text)
    if not _BEYOND_64_BITS.search(text):
        return value
    try:
        return json.loads(text)
    except RecursionError:
        return value  # deeper than any document may be
