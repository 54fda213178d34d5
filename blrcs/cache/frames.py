"""Messages between the processes of one server, of whom one keeps the cache.

A frame is its length, the number of the request that it belongs to, and a message in the form of
marshal: made of texts, bytes, numbers, booleans, None, tuples and lists. Its ends are processes of
one program that run as one user, over a socket that no other user can open.
"""

import marshal
import struct
from collections.abc import Iterator
from typing import Any

_HEAD = struct.Struct("<IQ")


def frame(number: int, message: Any) -> bytes:
    """A message as it is sent."""
    body = marshal.dumps(message)
    return _HEAD.pack(len(body), number) + body


class Frames:
    """Puts frames together again from what a socket gives."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, Any]]:
        """The frames that are complete now, each with its request's number."""
        rest = self._rest
        rest += data
        place = 0
        while len(rest) - place >= _HEAD.size:
            size_bytes, number = _HEAD.unpack_from(rest, place)
            end = place + _HEAD.size + size_bytes
            if end > len(rest):
                break
            yield number, marshal.loads(bytes(rest[place + _HEAD.size : end]))  # noqa: S302 - see above
            place = end
        del rest[:place]
