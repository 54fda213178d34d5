"""Names that a sealed value is bound to."""


def place(*names: str) -> bytes:
    """Names, each with its length, so that no others look the same together."""
    encoded = [name.encode() for name in names]
    return b"".join(len(each).to_bytes(4, "big") + each for each in encoded)
