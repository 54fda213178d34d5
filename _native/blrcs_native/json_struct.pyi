"""JSON text written as google.protobuf.Struct, without any object between."""

def struct_of_json(text: bytes, max_levels: int) -> bytes | None:
    """An object's text as the message's bytes, its members in their order.

    Returns:
        None where it is not read: it is no JSON object in UTF-8, has a name twice in an object or
        more names in one than are compared here, a number that 64 bits of floating point do not
        hold, half of a surrogate pair, or more than ``max_levels`` levels of objects and lists.
        Whoever reads it by other means finds out what is wrong, if anything is.

    Raises:
        ValueError: ``max_levels`` is less than 1 or more than 256.
    """
