"""A google.protobuf.Struct with its members in the order that serializers call deterministic."""

def in_order(encoded: bytes, max_levels: int) -> bytes | None:
    """A Struct with the members of each object by their names, a longer one before its beginning.

    None where a name comes twice, where there is anything that is read otherwise than it stands
    there, or where more than so many levels lie in one another.
    """
