"""Requests of the methods that direct handlers answer: nobody may tell them from Python.

Each request goes to two worlds, by two callers. The one world parses it with protobuf, validates it
and serves it in Python; the other has its direct handler read it. What a serializer has written and
Python answers, a direct handler has to answer as well; it may leave everything else to Python.
"""

from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any

from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health_pb2

from blrcs.v1 import access_pb2, auth_pb2, cache_pb2, limit_pb2, record_pb2
from tests.unit.native.direct.direct_twins import Twins, World
from tests.unit.native.direct.test_direct_access import AccessWorld
from tests.unit.native.direct.test_direct_auth import AuthWorld
from tests.unit.native.direct.test_direct_cache import CacheWorld, set_
from tests.unit.native.direct.test_direct_health import HealthWorld
from tests.unit.native.direct.test_direct_limit import LimitWorld
from tests.unit.native.direct.test_direct_record import GET, OPEN, RecordWorld
from tests.unit.native.tokens.token_factory import FakeClock

CALLERS = ("users/admin", "users/alice")


def is_canonical(kind: type[Message], body: bytes) -> bool:
    """Whether a serializer writes the message that it holds as it stands."""
    try:
        message = kind.FromString(body)
    except DecodeError:
        return False
    message.DiscardUnknownFields()
    return message.SerializeToString() == body


class DirectTarget:
    """A method, what it is asked, and how to make a world for it that has no past."""

    def __init__(
        self,
        method: str,
        kind: type[Message],
        world: Callable[[], World],
        *,
        leaves: Callable[[Any], bool] = lambda _: False,
    ) -> None:
        """``leaves`` says which requests Python answers alone."""
        self._method = method
        self._kind = kind
        self._world = world
        self._leaves = leaves

    def __call__(self, body: bytes) -> Hashable:
        """What became of the request, for each caller.

        What the direct handler declines is Python's, so there is nothing to compare.
        """
        if not self._answers(body) and not is_canonical(self._kind, body):
            return "declined"
        twins = Twins(self._world(), self._world())
        happened = []
        for caller in CALLERS:
            before = twins.answered
            outcome = twins.call(self._method, body, caller)
            answered = twins.answered > before
            if outcome.rejection is None:
                assert answered or not is_canonical(self._kind, body) or self._is_left(body)
            happened.append((answered, outcome.rejection and outcome.rejection[:3]))
        return tuple(happened)

    def _is_left(self, body: bytes) -> bool:
        return self._leaves(self._kind.FromString(body))

    @cached_property
    def _asked(self) -> World:
        return self._world()

    def _answers(self, body: bytes) -> bool:
        call = self._asked.call(self._method, CALLERS[0])
        assert self._asked.pipelines[self._method].admit(call) is None
        return self._asked.handler(self._method).answer_bytes(call, body) is not None


def cache_world() -> CacheWorld:
    """With entries in it: what was never written to has no namespace to be read natively."""
    world = CacheWorld(FakeClock())
    for namespace in ("sessions", "carts"):
        world.served("/blrcs.v1.CacheService/Set", set_("k", b"v", namespace), "users/admin")
    return world


def record_world(source: str) -> RecordWorld:
    """With a record in it that is read natively from ``source``."""
    world = RecordWorld(FakeClock(), direct=source, overrides={GET: OPEN})
    world.keep()
    return world


def record_target(source: str) -> DirectTarget:
    return DirectTarget(
        GET,
        record_pb2.GetRecordRequest,
        lambda: record_world(source),
        leaves=lambda request: request.HasField("read_mask"),
    )


DIRECT_TARGETS = {
    "direct_access_check": DirectTarget(
        "/blrcs.v1.AccessService/Check", access_pb2.CheckRequest, AccessWorld
    ),
    "direct_cache_get": DirectTarget(
        "/blrcs.v1.CacheService/Get", cache_pb2.GetRequest, cache_world
    ),
    "direct_cache_set": DirectTarget(
        "/blrcs.v1.CacheService/Set", cache_pb2.SetRequest, cache_world
    ),
    "direct_get_record": record_target("copies"),
    "direct_get_stored_record": record_target("read"),
    "direct_health_check": DirectTarget(
        "/grpc.health.v1.Health/Check", health_pb2.HealthCheckRequest, HealthWorld
    ),
    "direct_introspect": DirectTarget(
        "/blrcs.v1.AuthService/Introspect",
        auth_pb2.IntrospectRequest,
        lambda: AuthWorld(FakeClock()),
    ),
    "direct_consume": DirectTarget(
        "/blrcs.v1.LimitService/Consume",
        limit_pb2.ConsumeRequest,
        lambda: LimitWorld(FakeClock()),
    ),
}
