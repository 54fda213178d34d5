"""JSON documents, as google.protobuf.Struct has them."""

from math import isfinite

from google.protobuf.struct_pb2 import Struct, Value

from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.field_path import Document, Json

MAX_WHOLE = 1 << 53


def document_of(data: Struct, *, field: str) -> Document:
    """The document; InvalidArgumentError about ``field`` where JSON has no such thing."""
    return _members(data, field)


def encoded_struct(data: Document) -> bytes:
    """A document as a Struct, serialized."""
    message = Struct()
    message.update(dict(data))
    encoded: bytes = message.SerializeToString(deterministic=True)
    return encoded


def _members(data: Struct, field: str) -> dict[str, Json]:
    return {name: _json(value, field) for name, value in data.fields.items()}


def _json(value: Value, field: str) -> Json:
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "number_value":
            return _number(value.number_value, field)
        case "bool_value":
            return value.bool_value
        case "null_value":
            return None
        case "struct_value":
            return _members(value.struct_value, field)
        case "list_value":
            return [_json(each, field) for each in value.list_value.values]
    raise InvalidArgumentError(field, "has a value of no kind")


def _number(number: float, field: str) -> Json:
    if not isfinite(number):
        raise InvalidArgumentError(field, "has a number that JSON has not")
    # Whole numbers are written as such, so that equal numbers are equal texts.
    return int(number) if number.is_integer() and abs(number) < MAX_WHOLE else number
