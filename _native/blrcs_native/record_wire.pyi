"""A blrcs.v1.Record, written as it is stored and read."""

def encode_record(
    name: str,
    data: bytes,
    etag: str,
    create_time_ns: int,
    update_time_ns: int,
    expire_time_ns: int | None,
) -> bytes:
    """The bytes of the message, as a serializer writes them.

    ``data`` is a google.protobuf.Struct, encoded; an empty one is left out.
    """
