"""Consume answered by shares that are at hand."""

import pytest

from blrcs.domain.limit_rule import LimitEntry, LimitRule
from blrcs.limits.cell import cell_key
from blrcs.limits.native_limits import native_index, native_rule
from blrcs.transport.in_process import InProcessStream
from blrcs.v1 import limit_pb2
from blrcs_native.calls.call import Call
from blrcs_native.calls.method import Method
from blrcs_native.direct.limit import DirectConsume
from blrcs_native.limits.index import CurrentLimits
from blrcs_native.limits.limiter import Limiter
from blrcs_native.limits.share import Share

LATE_NS = 2**62
METHOD = Method(
    "/blrcs.v1.LimitService/Consume",
    client_streaming=False,
    server_streaming=False,
    parse=None,
    serialize=None,
)


class World:
    """Rules by key: two that are counted elsewhere, and one that the limiter counts."""

    def __init__(self):
        self.shares = {"a": {}, "b": {}, "local": None}
        current = CurrentLimits(Limiter(64))
        rules = []
        for key, shares in self.shares.items():
            match = (LimitEntry(key),)
            stated = LimitRule(id=key, domain="d", match=match, requests=9)
            rules.append(("d", match, native_rule(stated, shares=shares)))
        current.replace(native_index(rules))
        self.direct = DirectConsume(current)

    def put(self, key, value, amount, ends_ns=LATE_NS):
        share = Share(lambda _: None)
        share.put(amount, ends_ns, 0)
        share.remaining = 100
        self.shares[key][cell_key((LimitEntry(key, value),))] = share
        return share

    def consume(self, *pairs, **fields):
        descriptors = [
            limit_pb2.LimitDescriptor(entries=[limit_pb2.LimitEntry(key=key, value=value)])
            for key, value in pairs
        ]
        request = limit_pb2.ConsumeRequest(domain="d", descriptors=descriptors, **fields)
        call = Call(METHOD, InProcessStream(None), (), "192.0.2.1")
        answer = self.direct.answer_bytes(call, request.SerializeToString())
        return None if answer is None else limit_pb2.ConsumeResponse.FromString(answer)


@pytest.fixture
def world():
    return World()


def test_it_spends_of_the_share(world):
    share = world.put("a", "x", 3)
    reply = world.consume(("a", "x"), cost=2)
    assert reply.allowed
    (status,) = reply.statuses
    assert (status.rule, status.allowed, status.limit) == ("limitRules/a", True, 9)
    assert status.remaining == 101
    assert share.left_at(0) == 1


def test_it_declines_where_there_is_not_enough(world):
    share = world.put("a", "x", 3)
    assert world.consume(("a", "x"), cost=4) is None
    assert world.consume(("a", "y")) is None
    assert share.left_at(0) == 3


def test_what_is_over_is_not_spent(world):
    world.put("a", "x", 3, ends_ns=1)
    assert world.consume(("a", "x")) is None


def test_all_or_none_is_spent(world):
    one, other = world.put("a", "x", 3), world.put("b", "x", 1)
    assert world.consume(("a", "x"), ("b", "x"), cost=2) is None
    assert (one.left_at(0), other.left_at(0)) == (3, 1)
    assert world.consume(("a", "x"), ("b", "x")).allowed
    assert (one.left_at(0), other.left_at(0)) == (2, 0)


def test_descriptors_of_one_cell_add_up(world):
    share = world.put("a", "x", 3)
    assert world.consume(("a", "x"), ("a", "x"), cost=2) is None
    assert world.consume(("a", "x"), ("a", "x")).allowed
    assert share.left_at(0) == 1


def test_what_matches_no_rule_stands_beside(world):
    world.put("a", "x", 3)
    assert [each.rule for each in world.consume(("none", "x"), ("a", "x")).statuses] == [
        "",
        "limitRules/a",
    ]


@pytest.mark.parametrize("how", [{"cost": 0}, {"check_only": True}])
def test_whoever_takes_nothing_is_answered_by_those_who_know(world, how):
    world.put("a", "x", 3)
    assert world.consume(("a", "x"), **how) is None


def test_shares_and_what_the_limiter_counts_do_not_mix(world):
    share = world.put("a", "x", 3)
    assert world.consume(("a", "x"), ("local", "x")) is None
    assert share.left_at(0) == 3
    assert world.consume(("local", "x")).statuses[0].remaining == 8
