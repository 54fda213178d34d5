import pytest
from grpc_health.v1 import health_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from blrcs.api.health_service import HealthService, HealthState, add_health_to_server
from blrcs.assembly.direct import direct_health
from blrcs.config.policies import PermissionAccess, PolicyOverride
from tests.unit.native.direct.direct_twins import Twins, World, declines_what_protobuf_refuses
from tests.unit.native.encoding.wire_strategies import near, texts

CHECK = "/grpc.health.v1.Health/Check"
Status = health_pb2.HealthCheckResponse


class HealthWorld(World):
    def __init__(self, overrides=None):
        self.health = HealthState(["orders.OrderService", "ü"])
        service = HealthService(self.health)
        super().__init__(
            lambda server: add_health_to_server(service, server),
            lambda: dict(self.health.statuses),
            direct_health(service, self.health),
            overrides or {},
        )


@pytest.fixture
def twins():
    return Twins(HealthWorld(), HealthWorld())


def body(service=""):
    return health_pb2.HealthCheckRequest(service=service).SerializeToString()


def status(outcome):
    return Status.FromString(outcome.reply).status


CHANGES = st.sampled_from(
    [
        lambda health: health.set_all(Status.SERVING),
        lambda health: health.set("ü", Status.UNKNOWN),
        lambda health: health.set("new", Status.SERVING),
        lambda health: health.finish(),
    ]
)
BODIES = st.builds(
    body, st.sampled_from(["orders.OrderService"]) | texts("", "ü", "new", "x" * 300)
)


@given(st.lists(CHANGES | near(BODIES), max_size=10))
@settings(deadline=None)
def test_nobody_can_tell_who_answers(steps):
    twins = Twins(HealthWorld(), HealthWorld())
    for step in steps:
        if isinstance(step, bytes):
            twins.call(CHECK, step, None)
        else:
            step(twins.python.health)
            step(twins.direct.health)


def test_every_change_is_seen_at_once(twins):
    for set_status in (Status.SERVING, Status.NOT_SERVING, Status.UNKNOWN):
        for world in (twins.python, twins.direct):
            world.health.set_all(set_status)
        for service in ("", "orders.OrderService", "ü"):
            assert twins.is_answered(CHECK, body(service), None)
            assert status(twins.call(CHECK, body(service), None)) == set_status


def test_an_unknown_service_needs_no_python(twins):
    assert twins.is_answered(CHECK, body("unknown"), None)
    assert twins.call(CHECK, body("unknown"), None).rejection[:3] == (
        5,
        "handler",
        "SERVICE_UNKNOWN",
    )


def test_a_policy_may_guard_it():
    access = PermissionAccess(permission="health.check", resource="caches/{service}")
    overrides = {CHECK: PolicyOverride(access=access)}
    twins = Twins(HealthWorld(overrides), HealthWorld(overrides))
    for service in ("sessions", "ü", ""):
        for principal in ("users/admin", "users/alice", "users/nobody", None):
            twins.call(CHECK, body(service), principal)
    assert twins.answered == 12


def test_what_protobuf_refuses_is_declined():
    refused = declines_what_protobuf_refuses(
        HealthWorld(), CHECK, health_pb2.HealthCheckRequest.FromString, [body("ü"), body("orders")]
    )
    assert refused > 100
