"""Requests that are read without a message: judged and refused as any others, on each transport."""

import pytest
import structlog

from blrcs.api.record_requests import PARSERS
from blrcs.security.condition_compiler import compile_condition
from blrcs.v1 import record_pb2
from blrcs_native.access.table import BindingSpec
from blrcs_native.calls.checked_request import CheckedRequest
from tests.conformance.transport.channels import open_channel
from tests.integration.records.world import ORDERS, TENANT, creation
from tests.unit.api.refusals import refusal
from tests.unit.native.encoding.test_struct_order import field

EDITOR = "users/eve"
PERMISSIONS = {
    "CreateRecord": "blrcs.records.create",
    "BatchWriteRecords": "blrcs.records.batchWrite",
}
PLAIN = {
    "CreateRecord": creation("a", {"x": 1}),
    "BatchWriteRecords": record_pb2.BatchWriteRecordsRequest(
        parent=ORDERS,
        writes=[record_pb2.RecordWrite(create=creation(each, {"x": 1})) for each in "ab"],
    ),
}
BROKEN = field(1, ORDERS.encode()) + field(3, field(2, b"\xff"))
"""A creation whose data are no Struct."""
MALFORMED = {
    "CreateRecord": BROKEN,
    "BatchWriteRecords": field(1, ORDERS.encode()) + 2 * field(2, field(1, BROKEN)),
}
REFUSED = ("INVALID_ARGUMENT", "REQUEST_MALFORMED")
DENIED = ("PERMISSION_DENIED", "PERMISSION_DENIED")
methods = pytest.mark.parametrize("method", sorted(PARSERS))
transports = pytest.mark.parametrize("transport", ["native", "grpcio"])


def bound(world, method, text, effect="allow"):
    """The editor may call the method where the condition holds; or may not, where it does."""
    condition = compile_condition(text)
    host = world.host
    given = {} if effect == "deny" else {PERMISSIONS[method]: f"{TENANT}/collections/none"}
    host.channel(EDITOR, given or {PERMISSIONS[method]: ORDERS})
    role = host._roles[-1].name
    host._bindings.append(
        BindingSpec(
            "bindings/c", role, [EDITOR], TENANT, denies=effect == "deny", condition=condition
        )
    )
    host.channel(EDITOR, {})


async def sent(world, transport, method, octets):
    metadata = (("authorization", f"Bearer {world.host._token(EDITOR)}"),)
    async with open_channel(transport, world.host._router) as channel:
        return await channel.unary_unary(f"/blrcs.v1.RecordService/{method}")(
            octets, metadata=metadata, timeout=20
        )


def test_each_parser_is_tried():
    assert PLAIN.keys() == MALFORMED.keys() == PARSERS.keys()
    for method, parse in PARSERS.items():
        assert type(parse(PLAIN[method].SerializeToString())) is CheckedRequest
        assert type(parse(MALFORMED[method])) is CheckedRequest


@methods
@pytest.mark.parametrize("effect", ["allow", "deny"])
@pytest.mark.parametrize("holds", [True, False])
async def test_conditions_on_the_message_are_judged(world, method, effect, holds):
    bound(world, method, f"request.message.parent == '{ORDERS if holds else TENANT}'", effect)
    call = sent(world, "native", method, PLAIN[method].SerializeToString())
    if holds == (effect == "allow"):
        await call
        assert "a" in await world.listed()
    else:
        assert await refusal(call) == DENIED


@methods
@transports
async def test_data_that_are_no_struct_are_a_malformed_request(world, method, transport):
    world.host.channel(EDITOR, {PERMISSIONS[method]: ORDERS})
    with structlog.testing.capture_logs() as told:
        assert await refusal(sent(world, transport, method, MALFORMED[method])) == REFUSED
    assert told == []


@methods
@transports
async def test_so_are_they_where_a_condition_asks_for_the_message(world, method, transport):
    bound(world, method, f"request.message.parent == '{ORDERS}'")
    assert await refusal(sent(world, transport, method, MALFORMED[method])) == REFUSED
