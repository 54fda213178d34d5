"""A request that was read natively stands for its message."""

import pytest

from blrcs.api.record_requests import PARSERS
from blrcs.v1 import record_pb2
from blrcs_native.calls.checked_request import CheckedRequest
from tests.unit.native.records.test_record_creations import PARENT, batch, creation


def test_what_only_creates_is_not_parsed_before_it_is_asked_for():
    request = batch(creation("a", {"x": 1}), creation("b", {}))
    parsed = []

    def parse(octets):
        parsed.append(octets)
        return record_pb2.BatchWriteRecordsRequest.FromString(octets)

    checked = CheckedRequest(request.SerializeToString(), PARENT, parse)
    assert checked.parent == PARENT
    assert not parsed
    assert len(checked.writes) == 2
    assert checked.DESCRIPTOR.full_name == "blrcs.v1.BatchWriteRecordsRequest"
    assert checked.message == request
    assert len(parsed) == 1
    with pytest.raises(AttributeError):
        _ = checked.others


@pytest.mark.parametrize(
    ("method", "request_", "is_checked"),
    [
        ("CreateRecord", creation("a", {}).create, True),
        ("CreateRecord", creation("", {"x": [1]}).create, True),
        ("CreateRecord", creation("a", {}, etag="1").create, False),
        ("CreateRecord", record_pb2.CreateRecordRequest(), False),
        ("BatchWriteRecords", batch(creation("a", {}), creation("b", {})), True),
        ("BatchWriteRecords", batch(creation("a", {})), False),
        ("BatchWriteRecords", batch(), False),
    ],
)
def test_requests_are_checked_where_they_create_and_no_more(method, request_, is_checked):
    found = PARSERS[method](request_.SerializeToString())
    assert (type(found) is CheckedRequest) == is_checked
    assert (found.message if is_checked else found) == request_
