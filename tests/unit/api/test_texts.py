"""What texts may have in them that are kept."""

import pytest
from protovalidate import Validator

from blrcs.v1 import access_pb2, auth_pb2, credential_pb2, record_pb2, user_pb2

VALIDATOR = Validator()
FILES = (access_pb2, auth_pb2, credential_pb2, record_pb2, user_pb2)
NAMED = [
    message
    for file in FILES
    for message in file.DESCRIPTOR.message_types_by_name.values()
    if "display_name" in message.fields_by_name and message.name not in {"Session", "Passkey"}
]


@pytest.mark.parametrize("message", NAMED, ids=lambda message: message.name)
def test_a_display_name_is_any_text_without_a_nul(message):
    assert "display_name" not in wrong_in(message, "Zo\u00eb \U0001f600\n\x01")
    assert "display_name" in wrong_in(message, "a\0b")


def test_all_that_have_one_are_looked_at():
    assert len(NAMED) == 9


def wrong_in(message, text):
    made = message._concrete_class(display_name=text)
    return {each.proto.field.elements[0].field_name for each in VALIDATOR.collect_violations(made)}
