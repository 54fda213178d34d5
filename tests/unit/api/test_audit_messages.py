"""Records as messages, whatever stands in them: one that cannot be shown hides no other."""

import pytest
from google.protobuf import json_format

from blrcs.api.audit_messages import MAX_REQUEST_LEVELS, event_message
from blrcs.domain.audit_event import AuditEvent, EventPlace
from blrcs.v1 import audit_pb2

PROTOBUF_LEVELS = 100
"""Of messages in each other: what readers of all languages take."""


def message(**values: object) -> audit_pb2.AuditEvent:
    return event_message(AuditEvent(EventPlace(1, "c", 1), values, b"{}\n"))


def nested(levels: int) -> dict[str, object]:
    found: dict[str, object] = {}
    for _ in range(levels - 1):
        found = {"in": found}
    return found


def depth(request: dict[str, object]) -> int:
    return 1 + max((depth(each) for each in request.values() if isinstance(each, dict)), default=0)


def test_a_request_is_shown_as_deep_as_every_client_can_read():
    shown = message(request=nested(MAX_REQUEST_LEVELS)).request
    assert depth(json_format.MessageToDict(shown)) == MAX_REQUEST_LEVELS
    # The response, the event, and three messages for each level: Struct, its entry and its Value.
    assert 2 + 3 * MAX_REQUEST_LEVELS - 2 <= PROTOBUF_LEVELS


@pytest.mark.parametrize("request_", [nested(MAX_REQUEST_LEVELS + 1), nested(200), [], "x", None])
def test_one_that_is_deeper_or_none_is_left_to_the_line(request_):
    told = message(request=request_, method="/a.B/C")
    assert not told.HasField("request")
    assert (told.method, told.line) == ("/a.B/C", "{}")


@pytest.mark.parametrize("number", [-1, 1 << 64, 1 << 63, "7", 1.5, None])
def test_numbers_that_are_none_count_for_nothing(number):
    told = message(epoch=number, count=number)
    assert (told.epoch, told.count) == (0, 1)
