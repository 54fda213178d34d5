"""Messages as they may be shown: secret fields masked (``blrcs.v1.field``)."""

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from blrcs.interceptors.proto_policy import is_secret

MASK = "********"


def masked(message: Message) -> dict[str, Any]:
    """A message as JSON values (proto3 JSON, original field names), secrets replaced by a mask."""
    shown: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    _mask(shown, message.DESCRIPTOR)
    return shown


def _mask(shown: dict[str, Any], descriptor: Descriptor) -> None:
    for field in descriptor.fields:
        if field.name not in shown:
            continue
        if is_secret(field):
            shown[field.name] = MASK
        elif field.message_type is not None:
            for value in _messages(shown[field.name], field):
                if isinstance(value, dict):  # well-known types have a JSON form of their own
                    _mask(value, _message_type(field))


def _is_map(field: FieldDescriptor) -> bool:
    return bool(field.message_type.GetOptions().map_entry)


def _message_type(field: FieldDescriptor) -> Descriptor:
    if _is_map(field):
        value = field.message_type.fields_by_name["value"]
        return value.message_type or field.message_type
    return field.message_type


def _messages(value: Any, field: FieldDescriptor) -> list[Any]:
    if _is_map(field):
        return list(value.values())
    return value if isinstance(value, list) else [value]
