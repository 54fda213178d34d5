"""The JSON text of a google.protobuf.Struct, made of its bytes without any object between."""

def json_of_struct(encoded: bytes, max_levels: int) -> str | None:
    """The text, as orjson writes it; whole numbers below 2**53 have no fraction.

    Read is what serializers write that sort the members of maps by their names, and nothing else.

    Returns:
        None where it is not read, or is no document that can be stored: a value of no kind, a
        number that is not finite, a NUL in a string or a name, a text that is not UTF-8, or objects
        and lists in each other on more than ``max_levels`` levels. Whoever reads it by other means
        finds out what is wrong, if anything is.

    Raises:
        ValueError: ``max_levels`` is less than 1 or more than 256.
    """
