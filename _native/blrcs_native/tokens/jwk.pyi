"""JSON Web Keys: RFC 7517, 7518 section 6 and 8037, read strictly and written in public only."""

from collections.abc import Mapping
from typing import Any

from blrcs_native.tokens.key_rules import PublicKey

def read_key(jwk: Mapping[str, Any], algorithm: str) -> PublicKey | bytes: ...
def write_key(key: PublicKey) -> dict[str, str]: ...
