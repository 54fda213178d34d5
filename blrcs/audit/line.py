"""One record of a chain, as a line of JSON that carries its own hash and that of the one before.

``{"hash":"…","prev":"…","chain":"…","seq":7,"time":"…","kind":"…",…}``: the hash is SHA-256, in
hexadecimal, of all octets behind its own member, up to the end of the line. So no octet of a line
can change without its hash, and no hash without the line that follows.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

from blrcs.domain.instant import from_instant

NO_HASH = "0" * 64
"""What stands for the hash of the record before the first."""
MAX_LINE_BYTES = 1 << 20
BEGINNING = b'{"hash":"'
"""Of every line."""

_LINE = re.compile(
    rb'\{"hash":"([0-9a-f]{64})",("prev":"([0-9a-f]{64})","chain":"([0-9a-f]{16})"'
    rb',"seq":([1-9][0-9]{0,18}),.*\})\n?'
)


@dataclass(frozen=True, slots=True)
class Line:
    """A record that holds together; whether it is in its place the chain tells.

    Attributes:
        sealed: What the hash is of.
        values: What is recorded, by name, with what is said of every record.
    """

    hash: str
    prev: str
    chain: str
    seq: int
    sealed: bytes
    values: Mapping[str, Any]

    @classmethod
    def read(cls, raw: bytes) -> Self | None:
        """The record in a line; None where it is none, or not the one that its hash is of."""
        found = _LINE.fullmatch(raw)
        if found is None or hashlib.sha256(found[2]).hexdigest().encode() != found[1]:
            return None
        try:
            values = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return None
        line = cls(
            hash=found[1].decode(),
            prev=found[3].decode(),
            chain=found[4].decode(),
            seq=int(found[5]),
            sealed=found[2],
            values=values,
        )
        return line if line._is_well_formed else None

    @property
    def _is_well_formed(self) -> bool:
        """Whether it says of itself what whoever reads its values takes for granted."""
        values = self.values
        if (values["chain"], values["seq"]) != (self.chain, self.seq):
            return False  # a member is there twice
        if not isinstance(values.get("kind"), str):
            return False
        try:
            from_instant(values["time"])
        except (KeyError, TypeError, ValueError, OverflowError):
            return False
        return True


def encoded(values: Mapping[str, Any]) -> bytes:
    """What is recorded, as JSON in printable ASCII; ValueError where JSON has no words for it.

    Whatever shows a line shows one line, and what is in it steers no terminal.
    """
    try:
        raw = orjson.dumps(values)
    except orjson.JSONEncodeError as error:
        raise ValueError(str(error)) from None
    if not raw.isascii():
        raw = json.dumps(orjson.loads(raw), separators=(",", ":")).encode()
    return raw.replace(b"\x7f", b"\\u007f")


def unsealed(prev: str, chain: str, seq: int, time: str, values: bytes) -> bytes:
    """What is to be sealed of a record; ``values`` is an object with members."""
    return b'"prev":"%b","chain":"%b","seq":%d,"time":"%b",%b' % (
        prev.encode(),
        chain.encode(),
        seq,
        time.encode(),
        values[1:],
    )


def sealed_line(content: bytes) -> tuple[bytes, str]:
    """The line of it, and its hash."""
    digest = hashlib.sha256(content).hexdigest()
    return b'%b%b",%b\n' % (BEGINNING, digest.encode(), content), digest
