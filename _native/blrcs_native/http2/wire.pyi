"""What gRPC writes into header fields: time-outs, messages and binary values."""

def parse_timeout(text: bytes) -> int:
    """Nanoseconds of a ``grpc-timeout``; beyond 73 years it stays there.

    Raises:
        ValueError: It is not at most eight digits and one of H, M, S, m, u, n.
    """

def encode_message(text: str) -> bytes:
    """A ``grpc-message``: UTF-8, percent-encoded outside of printable ASCII."""

def decode_binary(text: bytes) -> list[bytes]:
    """The values of a ``-bin`` field: base64, padded or not, split at commas.

    Raises:
        ValueError: It is not base64, or more than 64 values.
    """
