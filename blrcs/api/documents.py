"""JSON documents, as google.protobuf.Struct has them."""

from math import isfinite

import orjson
from google.protobuf.struct_pb2 import Struct, Value

from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.field_path import Document, Json
from blrcs.domain.filter.document import MAX_DEPTH
from blrcs.domain.text_document import TextDocument
from blrcs_native.encoding.struct_json import json_of_struct
from blrcs_native.encoding.struct_wire import struct_of

MAX_WHOLE = 1 << 53


def document_of(data: Struct, *, field: str) -> Document:
    """The document; InvalidArgumentError about ``field`` where JSON has no such thing."""
    return _members(data, field)


def document_written(data: Struct, *, field: str) -> tuple[Document, bytes]:
    """The document, as its text where that is all that has to be known of it, and the data's bytes.

    What they hold beside it is dropped: what a client may have smuggled in would come back to every
    reader.

    Raises:
        InvalidArgumentError: JSON has no such thing.
    """
    encoded: bytes = data.SerializeToString(deterministic=True)
    text = json_of_struct(encoded, MAX_DEPTH)
    if text is not None:
        # There is no more in the bytes than what was read of them.
        return TextDocument(text, orjson.loads), encoded
    data.DiscardUnknownFields()
    return document_of(data, field=field), data.SerializeToString(deterministic=True)


def encoded_struct(data: Document) -> bytes:
    """A document as a Struct, serialized."""
    return struct_of(dict(data), MAX_DEPTH, ordered=True)


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
