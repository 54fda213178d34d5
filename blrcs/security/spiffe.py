"""SPIFFE ids (SPIFFE-ID.md, sections 2.1 to 2.3)."""

import re
from dataclasses import dataclass
from typing import Self

SCHEME = "spiffe:"
MAX_CHARS = 2048
TRUST_DOMAIN = r"[a-z0-9._-]{1,255}"
_SEGMENT = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]+"
_ID = re.compile(rf"spiffe://({TRUST_DOMAIN})/({_SEGMENT}(?:/{_SEGMENT})*)\Z")


@dataclass(frozen=True, slots=True)
class SpiffeId:
    """A workload's id: ``spiffe://{trust_domain}/{path}``."""

    trust_domain: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None for what is none, or only names a trust domain.

        There is one way to write an id: no escapes, no empty or relative segment, no slash at the
        end, no port, query or fragment; what differs in a letter's case is another id or none.
        """
        found = _ID.match(text) if len(text) <= MAX_CHARS else None
        return None if found is None else cls(*found.groups())


def is_spiffe(uri: str) -> bool:
    """Whether a URI means to be an id, valid or not."""
    return uri[: len(SCHEME)].lower() == SCHEME
