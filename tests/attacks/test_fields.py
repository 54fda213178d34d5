"""What a caller may set and may see of an object (OWASP API3)."""

import grpc
import pytest

from blrcs.v1 import record_pb2
from tests.attacks.world import RECORD, World, collection

CREATE = "/blrcs.v1.RecordService/CreateRecord"
DELETE = "/blrcs.v1.RecordService/DeleteRecord"
UPDATE = "/blrcs.v1.RecordService/UpdateRecord"
UNKNOWN = b"\xfa\xff\x03\x05admin"
FORGED = {
    "name": f"{collection('alice')}/records/{RECORD}",
    "etag": "",
    "create_time": {"seconds": 1},
    "update_time": {"seconds": 2},
}


def test_what_only_the_server_sets_is_not_taken_from_a_caller(unharmed: World) -> None:
    """Mass assignment, with a field beside it that the message does not know."""
    request = record_pb2.CreateRecordRequest(
        parent=collection("mallory"), record_id="forged", record=FORGED
    )
    request.record.data.update({"text": "mine"})
    code, details, _, reply = unharmed.call(
        CREATE, request.SerializeToString() + UNKNOWN, unharmed.mallory
    )
    assert code is grpc.StatusCode.OK, details
    made = record_pb2.Record.FromString(reply)
    assert made.name == f"{collection('mallory')}/records/forged"
    assert made.create_time.seconds > FORGED["create_time"]["seconds"]
    assert UNKNOWN not in reply
    code, _, _, _ = unharmed.call(
        DELETE, record_pb2.DeleteRecordRequest(name=made.name).SerializeToString(), unharmed.mallory
    )
    assert code is grpc.StatusCode.OK


@pytest.mark.parametrize("path", ["name", "create_time", "etag", "nothing", "data.text.", "*.*"])
def test_a_mask_reaches_no_field_that_is_not_for_writing(unharmed: World, path: str) -> None:
    request = record_pb2.UpdateRecordRequest(update_mask={"paths": [path]})
    request.record.name = f"{collection('mallory')}/records/{RECORD}"
    request.record.data.update({"text": "changed"})
    code, _, _, _ = unharmed.call(UPDATE, request.SerializeToString(), unharmed.mallory)
    assert code is grpc.StatusCode.INVALID_ARGUMENT


def test_a_record_in_another_tenant_is_not_written_by_its_name(unharmed: World) -> None:
    request = record_pb2.UpdateRecordRequest(record=FORGED)
    request.record.data.update({"text": "mine now"})
    code, _, _, _ = unharmed.call(UPDATE, request.SerializeToString(), unharmed.mallory)
    assert code is grpc.StatusCode.PERMISSION_DENIED
