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

def encode_records(
    names: list[str],
    data: list[bytes],
    etag: str,
    time_ns: int,
    expire_time_ns: int | None,
) -> list[bytes]:
    """As ``encode_record``, of records that are created at one moment."""
