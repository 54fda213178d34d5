"""Chains to try things on."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blrcs.audit.chain import Chain
from blrcs.audit.checkpoint import KeySigner, PublicAuditKeys
from blrcs.audit.line import encoded
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
