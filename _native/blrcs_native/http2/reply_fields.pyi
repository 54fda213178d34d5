"""Metadata as it is sent."""

from blrcs_native.calls.interfaces import Metadata

def check_fields(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    """Names and values as header fields have them; ``-bin`` values in base64.

    Raises:
        TypeError: A value is bytes where the name does not end in ``-bin``, or text where it does.
        ValueError: A name or value has a character that no field may have, or a name is one that
            HTTP or gRPC keeps for itself.
    """
