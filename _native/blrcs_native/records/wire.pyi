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

def write_results(records: list[bytes], names_only: bool) -> list[bytes]:
    """A blrcs.v1.RecordWriteResult for each record that is encoded as here.

    Args:
        records: What was written.
        names_only: Whether to show nothing of them but their names.

    Raises:
        ValueError: One does not begin with its name, which is looked for where it alone is shown.
    """
