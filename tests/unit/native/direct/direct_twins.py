"""Two worlds with one service in each: Python alone serves the one, direct handlers the other.

A world's ``state`` says all that calls can change. Both are told the same, and must not be told
apart by what they answer or by what state they are in.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError

from blrcs.interceptors.binding import bind_all
from blrcs.interceptors.effective_policy import effective_policy
from blrcs.interceptors.factory import PipelineFactory
from blrcs.transport.in_process import InProcessStream
from blrcs.transport.registration import Registrar
from blrcs_native.access.table import AccessTable, BindingSpec, RoleSpec
from blrcs_native.calls.call import Call
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.authorization import CurrentAccess
from blrcs_native.limits.limiter import Limiter
from tests.unit.native.tokens.token_factory import make_token, make_verifier

VERIFIER = make_verifier()
GRANTS = CurrentAccess(
    AccessTable(
        [RoleSpec("all", ["*"])],
        [],
        [
            BindingSpec("anything", "all", ["users/admin"], ""),
            BindingSpec("something", "all", ["users/alice"], "limits/checkout"),
            BindingSpec("entries", "all", ["users/alice"], "caches/sessions"),
        ],
    )
)
PRINCIPALS = ("users/admin", "users/alice", "users/nobody")
TOKENS = {name: make_token(sub=name) for name in PRINCIPALS}


@dataclass(frozen=True)
class Outcome:
    """What a caller and the observers get to see."""

    reply: bytes | None
    rejection: tuple[Any, ...] | None
    shadowed: tuple[str, ...]


def shown(rejection):
    if rejection is None:
        return None
    return (
        rejection.code,
        rejection.stage,
        rejection.reason,
        rejection.message,
        rejection.trailers,
    )


@dataclass
class World:
    """``add`` registers the servicer; ``overrides`` are policies in place of the contract's."""

    add: Callable[[Any], object]
    state: Callable[[], object]
    direct: Any = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)
    grants: CurrentAccess = GRANTS

    def __post_init__(self):
        registrar = Registrar()
        self.add(registrar)
        self.registrations = {each.name: each for each in registrar}
        factory = PipelineFactory(limiter=Limiter(64), verifier=VERIFIER, access=self.grants)
        self.pipelines = bind_all(
            registrar,
            factory,
            lambda each: effective_policy(
                each.name, each.descriptor, self.overrides.get(each.name)
            ),
        )
        self.factory = PipelineFactory(
            limiter=Limiter(64), verifier=VERIFIER, access=self.grants, direct=self.direct
        )
        self._handlers: dict[str, Any] = {}

    def call(self, name, principal):
        metadata = (("authorization", f"Bearer {TOKENS[principal]}"),) if principal else ()
        return Call(self.pipelines[name].method, InProcessStream(None), metadata, "192.0.2.1")

    def served(self, name, body, principal) -> Outcome:
        """By Python: guards, validation, middleware, servicer."""
        call = self.call(name, principal)
        serving = self.pipelines[name].serve(call, body)
        try:
            serving.send(None)
        except StopIteration as ended:
            return self._outcome(call, ended.value)
        raise AssertionError("nothing here waits")

    def handler(self, name):
        """The direct handler of a method, or None; the same one whenever it is asked for."""
        if name not in self._handlers:
            self._handlers[name] = self._new_handler(name)
        return self._handlers[name]

    def _new_handler(self, name):
        pipeline = self.pipelines[name]
        guards = [guard for guard in pipeline.body_guards if guard.stage != "validation"]
        handler = self.registrations[name].handler()
        return self.factory.direct_handler(pipeline.method, pipeline.method.policy, handler, guards)

    def answered(self, name, body, principal) -> Outcome | None:
        """By the direct handler; None where it declines, which leaves everything as it was."""
        call = self.call(name, principal)
        refused = self.pipelines[name].admit(call)
        before = self.state()
        answer = refused or self.handler(name).answer_bytes(call, body)
        assert (call.request, call.rejection) == (None, None)
        if answer is None:
            assert self.state() == before
            assert call.shadowed is None
            return None
        if isinstance(answer, Rejection):
            return Outcome(None, shown(answer), _names(call))
        return Outcome(answer, None, _names(call))

    def _outcome(self, call, reply):
        return Outcome(reply, shown(call.rejection), _names(call))


def _names(call):
    return tuple(rejection.reason for rejection in call.shadowed or ())


@dataclass
class Twins:
    """One world served by Python, and another by direct handlers where they answer."""

    python: World
    direct: World
    answered: int = 0

    def call(self, name, body, principal="users/admin") -> Outcome:
        """What both answer; a difference fails the test."""
        expected = self.python.served(name, body, principal)
        found = self.direct.answered(name, body, principal)
        if found is None:
            found = self.direct.served(name, body, principal)
        else:
            self.answered += 1
        assert found == expected
        assert self.direct.state() == self.python.state()
        return found

    def is_answered(self, name, body, principal="users/admin") -> bool:
        """Whether it needed no Python."""
        before = self.answered
        self.call(name, body, principal)
        return self.answered > before


def mutations(body: bytes):
    """Every truncation of a message, and every message with one byte changed."""
    for end in range(len(body)):
        yield body[:end]
    for place in range(len(body)):
        for byte in range(256):
            if byte != body[place]:
                yield body[:place] + bytes([byte]) + body[place + 1 :]


def declines_what_protobuf_refuses(world, name, parse, bodies, principal="users/admin"):
    """How many mutations protobuf refuses; the direct handler must have declined each."""
    handler, pipeline = world.handler(name), world.pipelines[name]
    refused = 0
    for body in bodies:
        for mutated in mutations(body):
            try:
                parse(mutated)
            except DecodeError:
                refused += 1
                call = world.call(name, principal)
                assert pipeline.admit(call) is None
                assert handler.answer_bytes(call, mutated) is None, mutated
    return refused
