"""Lines that follow one another in a chain, not written yet."""

from collections.abc import Callable, Mapping
from typing import Any

from blrcs.audit.checkpoint import Signer
from blrcs.audit.line import Line, encoded, sealed_line, unsealed
from blrcs.domain.instant import to_instant

CLOCK_SET_BACK_NS = 1_000_000_000
"""Records that wait for each other may come in another order than they were made in."""


class Batch:
    """What the chain is after its last record, and what comes behind it.

    Attributes:
        lines: As they are to be written.
        first_seq: The number of the first.
        seq: That of the last; ``hash`` and ``last_ns`` are of it too.
        key: Who signed the last one that is signed; empty where that is not known.

    Args:
        source: How each record begins: ``{``, and what all of them say.
    """

    def __init__(
        self, seq: int, hash_: str, last_ns: int, chain: str, key: str, source: bytes
    ) -> None:
        self.lines: list[bytes] = []
        self.first_seq = seq + 1
        self.seq = seq
        self.hash = hash_
        self.last_ns = last_ns
        self.key = key
        self._source = source
        self._chain = chain

    def add(
        self,
        time_ns: int,
        values: bytes,
        finish: Callable[[bytes], bytes] = lambda content: content,
    ) -> None:
        """Adds a record, at an instant that is not before the last one's."""
        values = self._source + values[1:]
        if time_ns < self.last_ns - CLOCK_SET_BACK_NS:
            values = b'{"clock":"%b",%b' % (to_instant(time_ns).encode(), values[1:])
        self.last_ns = max(self.last_ns, time_ns)
        self.seq += 1
        content = unsealed(self.hash, self._chain, self.seq, to_instant(self.last_ns), values)
        raw, self.hash = sealed_line(finish(content))
        self.lines.append(raw)

    def add_signed(self, time_ns: int, values: Mapping[str, Any], signer: Signer) -> Line | None:
        """Adds one that is signed, and with it all that come before it."""
        self.add(time_ns, encoded(values), signer.sign)
        self.key = signer.kid
        return Line.read(self.lines[-1])
