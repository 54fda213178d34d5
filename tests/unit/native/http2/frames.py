"""HTTP/2 frames as bytes, and the frames that bytes hold."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import hpack

from benchmarks.frames import *  # noqa: F403 - what makes frames is the benchmarks' too
from benchmarks.frames import DATA, END_STREAM, HEAD_BYTES, HEADERS, RST_STREAM


@dataclass(frozen=True)
class Frame:
    """A frame that was received; ``fields`` are a head's."""

    kind: int
    flags: int
    stream: int
    payload: bytes
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def code(self) -> int:
        """The error code of RST_STREAM or GOAWAY."""
        return int.from_bytes(self.payload[:4] if self.kind == RST_STREAM else self.payload[4:8])

    @property
    def last_stream(self) -> int:
        """What a GOAWAY names."""
        return int.from_bytes(self.payload[:4])

    @property
    def ends_stream(self) -> bool:
        return self.kind in {DATA, HEADERS} and bool(self.flags & END_STREAM)


class FrameReader:
    """Takes bytes as they come, and gives whole frames."""

    def __init__(self) -> None:
        self._rest = b""
        self._decoder = hpack.Decoder()

    def feed(self, received: bytes) -> list[Frame]:
        self._rest += received
        return list(self._frames())

    def _frames(self) -> Iterator[Frame]:
        while len(self._rest) >= HEAD_BYTES:
            end = HEAD_BYTES + int.from_bytes(self._rest[:3])
            if len(self._rest) < end:
                return
            kind, flags = self._rest[3], self._rest[4]
            stream = int.from_bytes(self._rest[5:9])
            payload, self._rest = self._rest[HEAD_BYTES:end], self._rest[end:]
            fields = {}
            if kind == HEADERS:
                fields = {str(name): str(value) for name, value in self._decoder.decode(payload)}
            yield Frame(kind, flags, stream, payload, fields)
