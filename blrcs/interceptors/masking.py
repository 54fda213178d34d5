"""Messages as they may be shown: secret fields masked (``blrcs.v1.field``)."""

import base64
from typing import Any

from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from blrcs.interceptors.proto_policy import is_secret

MASK = "********"
WELL_KNOWN = "google.protobuf."
INT64_TYPES = frozenset({FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64})


def masked(message: Message) -> dict[str, Any]:
    """A message as JSON values (proto3 JSON, original field names), secrets replaced by a mask.

    Works for whatever a client can send: what JSON cannot express, or what lies in an Any of an
    unknown type, is masked too.
    """
    return {_name(field): _shown(field, value) for field, value in message.ListFields()}


def _name(field: FieldDescriptor) -> str:
    return f"[{field.full_name}]" if field.is_extension else field.name


def _shown(field: FieldDescriptor, value: Any) -> Any:
    if is_secret(field):
        return MASK
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        of_value = field.message_type.fields_by_name["value"]
        return {_key(key): _single(of_value, each) for key, each in value.items()}
    if field.is_repeated:
        return [_single(field, each) for each in value]
    return _single(field, value)


def _key(key: object) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def _single(field: FieldDescriptor, value: Any) -> Any:
    if isinstance(value, Message):
        return _message(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return value if known is None else known.name
    return str(value) if field.cpp_type in INT64_TYPES else value


def _message(message: Message) -> Any:
    name = message.DESCRIPTOR.full_name
    if name == AnyMessage.DESCRIPTOR.full_name:
        return _unpacked(message)
    if not name.startswith(WELL_KNOWN):
        return masked(message)
    try:
        return json_format.MessageToDict(message, preserving_proto_field_name=True)
    except (json_format.Error, ValueError, TypeError):
        return MASK


def _unpacked(packed: Any) -> dict[str, Any]:
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(packed.TypeName())
        message = message_factory.GetMessageClass(descriptor).FromString(packed.value)
    except (KeyError, DecodeError):
        return {"@type": packed.type_url, "value": MASK}
    shown = _message(message)
    return {"@type": packed.type_url} | (shown if isinstance(shown, dict) else {"value": shown})
