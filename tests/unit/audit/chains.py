"""Chains to try things on."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blrcs.audit.chain import Chain
from blrcs.audit.checkpoint import KeySigner, PublicAuditKeys
from blrcs.audit.line import Line, encoded, sealed_line
from blrcs.audit.segments import segments_in
from blrcs.audit.verification import Verification
from blrcs.domain.audit_finding import Finding, Report
from blrcs.security.signing_keys import SigningKey

KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
SIGNER = KeySigner(KEY)
KEYS = PublicAuditKeys.of_jwks(KEY.jwks())
NOW_NS = 1_700_000_000_000_000_000


def take(directory: Path, **options: Any) -> Chain:
    """A chain of the directory."""
    return Chain.take(directory, **{"signer": SIGNER, "clock": lambda: NOW_NS, **options})


def records(numbers: Iterable[int]) -> list[tuple[int, bytes]]:
    """Some that differ."""
    return [(NOW_NS + each, encoded({"kind": "call", "number": each})) for each in numbers]


def write_chain(directory: Path, count: int, *, every: int = 5, **options: Any) -> Path:
    """A chain of so many records beside what it says of itself, signed now and then."""
    chain = take(directory, **options)
    for first in range(0, count, every):
        chain.append(records(range(first, min(first + every, count))), sign=True)
    chain.close()
    return directory / chain.name


FORGERIES = (
    b'"time":"2030-01-01T00:00:00Z","kind":[]',
    b'"time":"2030-01-01T00:00:00Z","kind":{"checkpoint":1}',
    b'"time":"2030-01-01T00:00:00Z","kind":"checkpoint","key":{}',
    b'"time":"2030-01-01T00:00:00Z","kind":"retired","through":7',
    b'"time":"2030-01-01T00:00:00Z","kind":"rotated","handovers":7',
    b'"time":"2030-01-01T00:00:00Z","kind":"restored","keys":7,"chains":[]',
    b'"time":"2030-01-01T00:00:00Z","kind":"call","seq":"x"',
    b'"time":"2030-01-01T00:00:00Z","kind":"call","chain":7',
    b'"time":"2030-01-01T00:00:00Z","kind":"call","chain":"0123456789abcdef"',
    b'"time":"2030-01-01T00:00:00","kind":"call"',
    b'"time":7,"kind":"call"',
    b'"time":"soon","kind":"call"',
    b'"kind":"call"',
)
"""What may stand in a line behind its number that nobody but a forger writes."""


def forged(raw: bytes, members: bytes) -> bytes:
    """Another record in the place of one, with a hash that fits."""
    line = Line.read(raw)
    assert line is not None
    place = b'"prev":"%b","chain":"%b","seq":%d' % (
        line.prev.encode(),
        line.chain.encode(),
        line.seq,
    )
    return sealed_line(b"%b,%b}" % (place, members))[0]


def verify(directory: Path, *kept: bytes) -> Report:
    """By the public key alone."""
    return Verification(directory, KEYS, kept).run()


def finding(directory: Path, *kept: bytes) -> Finding | None:
    """The only one; None where all is as it was written."""
    findings = verify(directory, *kept).findings
    assert len(findings) < 2
    return findings[0] if findings else None


def raw_of(chain: Path) -> bytes:
    """All that is in its files."""
    return b"".join(each.path.read_bytes() for each in segments_in(chain))
