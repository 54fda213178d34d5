"""How a sealed value begins: with its version, and the id of the key that it was sealed with."""

VERSION = b"\x02"
OLD_VERSION = b"\x01"
KEY_ID_BYTES = 8
HEADER_BYTES = len(VERSION) + KEY_ID_BYTES


def key_id_in(sealed: bytes) -> bytes:
    """The id of the key that a value was sealed with; empty where it is none."""
    return sealed[len(VERSION) : HEADER_BYTES] if sealed[:1] in {VERSION, OLD_VERSION} else b""
