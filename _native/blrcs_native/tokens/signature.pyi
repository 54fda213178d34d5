"""What a signature must look like before it is worth checking."""

from typing import Final

P256_ORDER: Final[bytes]
P384_ORDER: Final[bytes]

def ecdsa_to_der(signature: bytes, order: bytes) -> bytes | None: ...
def ed25519_form(signature: bytes) -> bool: ...
