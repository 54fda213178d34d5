"""The records that a request creates, read of its bytes without a message for each."""

def batch_parent(request: bytes) -> str | None:
    """The parent of a BatchWriteRecordsRequest of several creations, which keeps all its rules.

    None where it has one write, does more than create records in its parent, says more of them
    than ids and data, asks for parts of them other than their names, or breaks a rule of the
    contract. Data are not looked into.
    """

def creation_parent(request: bytes) -> str | None:
    """Likewise, of a CreateRecordRequest."""

def read_creation_request(request: bytes, max_levels: int) -> tuple[str, str, bytes] | None:
    """What ``read_creations`` gives of one, of a CreateRecordRequest.

    Raises:
        ValueError: As ``json_of_struct``.
    """

def read_creations(
    request: bytes, parent: str, max_levels: int
) -> tuple[list[str], list[str], list[bytes], bool] | None:
    """Ids, documents as ``struct_json`` writes them, and data as ``struct_order`` has them.

    The last one is whether names are all that is to be returned. ``request`` is a
    BatchWriteRecordsRequest. Ids are not judged, and may be empty.

    Returns:
        None where it has another parent, or does more than create records in it, of which nothing
        but ids and data are said, has another mask, or where ``struct_json`` does not read one's
        data.

    Raises:
        ValueError: As ``json_of_struct``.
    """
