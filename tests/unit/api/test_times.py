"""Instants and spans whose nanoseconds are none."""

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from blrcs.api.access_messages import binding_fields
from blrcs.api.audit_messages import listed_filter
from blrcs.api.cache_service import ttl_ns
from blrcs.api.limit_messages import rule_fields
from blrcs.api.record_messages import collection_fields, record_fields
from blrcs.api.times import from_duration, from_timestamp
from blrcs.api.user_messages import api_key_fields
from blrcs.domain.errors import InvalidArgumentError
from blrcs.v1 import access_pb2, audit_pb2, cache_pb2, limit_pb2, record_pb2, user_pb2

SECOND_NS = 10**9
INSTANT = Timestamp(seconds=5, nanos=-1)
SPAN = Duration(seconds=5, nanos=-1)


def test_an_instant_and_a_span_are_nanoseconds():
    assert from_timestamp(Timestamp(seconds=5, nanos=SECOND_NS - 1), "x") == 6 * SECOND_NS - 1
    assert from_timestamp(Timestamp(seconds=-5, nanos=1), "x") == 1 - 5 * SECOND_NS
    assert from_duration(Duration(seconds=5, nanos=SECOND_NS - 1), "x") == 6 * SECOND_NS - 1
    assert from_duration(Duration(seconds=-5, nanos=-1), "x") == -5 * SECOND_NS - 1
    assert from_duration(Duration(nanos=-1), "x") == -1


@pytest.mark.parametrize("nanos", [-1, SECOND_NS])
def test_an_instant_has_no_other_nanoseconds_than_a_second(nanos):
    with pytest.raises(InvalidArgumentError, match=r"^field\.nanos: "):
        from_timestamp(Timestamp(seconds=5, nanos=nanos), "field")


@pytest.mark.parametrize(
    "span",
    [(5, -1), (-5, 1), (0, SECOND_NS), (0, -SECOND_NS)],
)
def test_a_span_has_nanoseconds_of_its_own_sign(span):
    seconds, nanos = span
    with pytest.raises(InvalidArgumentError, match=r"^field\.nanos: "):
        from_duration(Duration(seconds=seconds, nanos=nanos), "field")


@pytest.mark.parametrize(
    ("read", "field"),
    [
        (lambda: api_key_fields(user_pb2.ApiKey(expire_time=INSTANT)), "api_key.expire_time"),
        (lambda: binding_fields(access_pb2.Binding(expire_time=INSTANT)), "binding.expire_time"),
        (lambda: record_fields(record_pb2.Record(expire_time=INSTANT)), "record.expire_time"),
        (lambda: listed_filter(audit_pb2.ListEventsRequest(start_time=INSTANT)), "start_time"),
        (lambda: listed_filter(audit_pb2.ListEventsRequest(end_time=INSTANT)), "end_time"),
        (lambda: record_fields(record_pb2.Record(ttl=SPAN)), "record.ttl"),
        (
            lambda: collection_fields(record_pb2.Collection(default_ttl=SPAN)),
            "collection.default_ttl",
        ),
        (lambda: ttl_ns(cache_pb2.SetRequest(ttl=SPAN)), "ttl"),
        (lambda: rule_fields(limit_pb2.LimitRule(period=SPAN)), "limit_rule.period"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_each_field_is_named(read, field):
    with pytest.raises(InvalidArgumentError) as refused:
        read()
    assert refused.value.field == f"{field}.nanos"
