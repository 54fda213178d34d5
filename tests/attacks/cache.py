"""CacheService as a caller sees it, and a plain dict that it is compared with."""

from typing import Any

import grpc
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from blrcs.v1 import cache_pb2, cache_pb2_grpc
from tests.attacks.clocked import Clocked
from tests.e2e.workers import TIMEOUT_S, Metadata

S = 1_000_000_000
START_NS = 1_800_000_000 * S
KEYS = ["k", "K", "k ", "é", "e\N{COMBINING ACUTE ACCENT}"]
NOT_FOUND = grpc.StatusCode.NOT_FOUND
FAILED = grpc.StatusCode.FAILED_PRECONDITION


class Cache:
    """A namespace, as somebody sees it."""

    def __init__(self, channel: grpc.Channel, metadata: Metadata, namespace: str) -> None:
        self.stub = cache_pb2_grpc.CacheServiceStub(channel)
        self._call: dict[str, Any] = {"metadata": metadata, "timeout": TIMEOUT_S}
        self.namespace = namespace

    def call(self, method: str, **fields: Any) -> Any:
        """The reply, or how the call failed."""
        request = getattr(cache_pb2, f"{method}Request")(namespace=self.namespace, **fields)
        try:
            return getattr(self.stub, method)(request, **self._call)
        except grpc.RpcError as error:
            return error.code()

    def watch(self) -> Any:
        """What is told of it."""
        return self.stub.Watch(cache_pb2.WatchRequest(namespace=self.namespace), **self._call)

    def value(self, key: str) -> Any:
        found = self.call("Get", key=key)
        return found.entry.value if isinstance(found, cache_pb2.GetResponse) else found


class Entries:
    """A dict whose entries end: what the cache promises, and no more."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[bytes, int, int | None]] = {}

    def get(self, key: str) -> tuple[bytes, int, int | None] | None:
        value, version, end_ns = self._kept.get(key, (b"", 0, 0))
        if end_ns is not None and end_ns <= self._clock():
            self._kept.pop(key, None)
            return None
        return value, version, end_ns

    def put(self, key: str, value: bytes, version: int, end_ns: int | None) -> None:
        self._kept[key] = value, version, end_ns

    def drop(self, key: str) -> bool:
        there = self.get(key) is not None
        self._kept.pop(key, None)
        return there

    def drop_all(self) -> None:
        self._kept.clear()


class CacheMachine(RuleBasedStateMachine):
    """Any calls in any order, by a clock: every answer is the model's."""

    keys = st.sampled_from(KEYS)
    values = st.sampled_from([b"", b"7", b"-12", b"x", b"9223372036854775807", b" 1"])
    ttls = st.sampled_from([None, 1, S, 10 * S])
    conditions = st.sampled_from([None, "if_absent", "if_present", "right", "wrong"])

    clocked: Clocked

    def __init__(self) -> None:
        super().__init__()
        self.clock = self.clocked.clock
        world = self.clocked.world
        self.cache = Cache(world.channel, world.admin, "machine")
        self.entries = Entries(self.clock)
        self.last_version = 0

    @initialize()
    def begin(self) -> None:
        self.clock.set(max(self.clock(), START_NS))
        assert isinstance(self.cache.call("Flush"), cache_pb2.FlushResponse)

    @rule(by_ns=st.sampled_from([1, S - 1, S, 9 * S]))
    def wait(self, by_ns: int) -> None:
        self.clock.advance(by_ns)

    @rule(key=keys, value=values, ttl_ns=ttls, condition=conditions)
    def set(self, key: str, value: bytes, ttl_ns: int | None, condition: str | None) -> None:
        found = self.entries.get(key)
        version = found[1] if found else 0
        holds, fields = {
            None: (True, {}),
            "if_absent": (found is None, {"if_absent": True}),
            "if_present": (found is not None, {"if_present": True}),
            "right": (found is not None, {"if_version": version}),
            "wrong": (False, {"if_version": version + 1}),
        }[condition]
        reply = self.cache.call("Set", key=key, value=value, **ttl(ttl_ns), **fields)
        if not holds:
            assert reply is FAILED
            return
        self.changed(key, value, reply.version, self.end_of(ttl_ns))

    @rule(key=keys)
    def delete(self, key: str) -> None:
        assert self.cache.call("Delete", key=key).deleted == self.entries.drop(key)

    @rule(key=keys, delta=st.sampled_from([1, -1, 5, -(2**63), 2**63 - 1]), ttl_ns=ttls)
    def increment(self, key: str, delta: int, ttl_ns: int | None) -> None:
        found = self.entries.get(key)
        reply = self.cache.call("Increment", key=key, delta=delta, **ttl(ttl_ns))
        value = added(found[0] if found else b"0", delta)
        if value is None:
            assert reply is FAILED
            return
        assert reply.value == value
        end_ns = found[2] if found else self.end_of(ttl_ns)
        self.changed(key, str(value).encode(), reply.version, end_ns)

    @rule(key=keys, ttl_ns=ttls)
    def touch(self, key: str, ttl_ns: int | None) -> None:
        found = self.entries.get(key)
        reply = self.cache.call("Touch", key=key, **ttl(ttl_ns))
        if found is None:
            assert reply is NOT_FOUND
            return
        end_ns = self.end_of(ttl_ns)
        assert reply.expire_time.ToNanoseconds() == (end_ns or 0)
        self.entries.put(key, found[0], found[1], end_ns)

    @rule()
    def flush(self) -> None:
        assert isinstance(self.cache.call("Flush"), cache_pb2.FlushResponse)
        self.entries.drop_all()

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        there = {key: found for key in KEYS if (found := self.entries.get(key)) is not None}
        reply = self.cache.call("BatchGet", keys=KEYS)
        assert {
            each.key: (
                each.value,
                each.version,
                each.expire_time.ToNanoseconds() if each.HasField("expire_time") else None,
            )
            for each in reply.entries
        } == there
        for key in KEYS:
            assert self.cache.value(key) == (there[key][0] if key in there else NOT_FOUND)

    def changed(self, key: str, value: bytes, version: int, end_ns: int | None) -> None:
        """Versions never come back."""
        assert version > self.last_version
        self.last_version = version
        self.entries.put(key, value, version, end_ns)

    def end_of(self, ttl_ns: int | None) -> int | None:
        return None if ttl_ns is None else self.clock() + ttl_ns


def ttl(ttl_ns: int | None) -> dict[str, Any]:
    """The field of a request."""
    if ttl_ns is None:
        return {}
    return {"ttl": {"seconds": ttl_ns // S, "nanos": ttl_ns % S}}


def added(value: bytes, delta: int) -> int | None:
    """None where the value is no number, or the sum none of 64 bits."""
    if (
        value not in (b"0", b"7", b"-12", b"9223372036854775807")
        and not value.strip(b"-").isdigit()
    ):
        return None
    number = int(value) + delta
    return number if -(2**63) <= number < 2**63 else None
