"""The records that a batch creates, read of its request's bytes without a message for each."""

def read_creations(
    request: bytes, parent: str, max_levels: int
) -> tuple[list[str], list[str], list[bytes]] | None:
    """Ids, documents as ``struct_json`` writes them, and data as they are encoded, in their order.

    ``request`` is a BatchWriteRecordsRequest, of a serializer that sorts the members of maps. Ids
    are not judged, and may be empty.

    Returns:
        None where it has another parent, or does more than create records in it, of which nothing
        but ids and data are said, or where ``struct_json`` does not read one's data.

    Raises:
        ValueError: As ``json_of_struct``.
    """
