import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blrcs.api.access_service import AccessService
from blrcs.assembly.direct import direct_access
from blrcs.security.access_store import TableDecisions
from blrcs.v1 import access_pb2, access_pb2_grpc
from blrcs_native.access.table import AccessTable, BindingSpec, GroupSpec, RoleSpec
from blrcs_native.guards.authorization import CurrentAccess
from tests.unit.native.direct.direct_twins import Twins, World, declines_what_protobuf_refuses
from tests.unit.native.encoding.wire_strategies import near, texts

CHECK = "/blrcs.v1.AccessService/Check"
NOW_NS = 1_000


def table(epoch):
    return AccessTable(
        [RoleSpec("reader", ["orders.read"]), RoleSpec("all", ["*"])],
        [GroupSpec("groups/devs", ["users/bob"])],
        [
            BindingSpec("reading", "reader", ["users/alice", "groups/devs"], "orders/7"),
            BindingSpec("past", "all", ["users/carol"], "", expires_at_ns=NOW_NS),
            BindingSpec("robots", "all", ["serviceAccounts/robot"], "tenants/ü"),
        ],
        clock=lambda: NOW_NS,
        epoch=epoch,
    )


class AccessWorld(World):
    def __init__(self, epoch=3):
        self.access = CurrentAccess(table(epoch))
        service = AccessService(
            decisions=lambda: TableDecisions(self.access.table, list),
            roles=None,
            groups=None,
            bindings=None,
            who_can=None,
            dry_run=None,
        )
        super().__init__(
            lambda server: access_pb2_grpc.add_AccessServiceServicer_to_server(service, server),
            lambda: None,
            direct_access(service, self.access),
        )


def body(principal="users/alice", permission="orders.read", resource="orders/7/items/1"):
    return access_pb2.CheckRequest(
        principal=principal, permission=permission, resource=resource
    ).SerializeToString()


TWINS = Twins(AccessWorld(), AccessWorld())
IDS = st.sampled_from(["alice", "bob", "carol", "a" * 64, "a" * 65, "", "A", "-a", "a.b_c-", "a/b"])
BODIES = st.builds(
    body,
    st.builds("{}/{}".format, st.sampled_from(["users", "serviceAccounts", "groups", ""]), IDS)
    | texts("", "users/", "serviceAccounts/robot", "users/alice\n", "users/ä"),
    st.sampled_from(["orders.read", "orders", "orders.*", ".x", "x.", "a..b", "A-b_1.c"])
    | texts("p" * 256, "p" * 257, "orders.read\n", "ordérs"),
    st.sampled_from(["orders/7", "orders/70", "orders", "tenants/ü/x", "", "/", "a//b", "a/../b"])
    | texts("r" * 1024, "r" * 1025, "ü" * 1024, "ü" * 1025, "a\x00b", "/".join("x" * 17)),
)
CALLERS = st.sampled_from(["users/admin", "users/alice", "users/nobody", None])


@given(near(BODIES), CALLERS)
@settings(deadline=None)
def test_nobody_can_tell_who_answers(body, caller):
    TWINS.call(CHECK, body, caller)


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        (body(), True),
        (body("users/bob", resource="orders/7"), True),
        (body("users/alice", resource="orders/70"), False),
        (body("users/carol"), False),
        (body("serviceAccounts/robot", "any.thing", "tenants/ü"), True),
        (body(resource=""), False),
        (body(resource="ü" * 1024), False),
    ],
)
def test_what_is_valid_needs_no_python(asked, allowed):
    assert TWINS.is_answered(CHECK, asked)
    reply = access_pb2.CheckResponse.FromString(TWINS.call(CHECK, asked).reply)
    assert (reply.allowed, reply.epoch) == (allowed, 3)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (body("users/" + "a" * 64), True),
        (body("users/" + "a" * 65), False),
        (body("serviceAccounts/" + "a" * 64), True),
        (body("serviceAccounts/" + "a" * 65), False),
        (body("users/"), False),
        (body("users/alice\n"), False),
        (body("groups/devs"), False),
        (body(permission="A-z_0.9"), True),
        (body(permission="p" * 256), True),
        (body(permission="p" * 257), False),
        (body(permission=""), False),
        (body(permission="x."), False),
        (body(permission=".x"), False),
        (body(permission="a..b"), False),
        (body(permission="orders.*"), False),
        (body(resource="r" * 1025), False),
        (body(resource="ü" * 1025), False),
    ],
)
def test_a_rule_that_is_broken_is_left_to_python(asked, answered):
    assert TWINS.is_answered(CHECK, asked) is answered


def test_everyone_may_ask_about_themselves_and_no_other():
    assert TWINS.is_answered(CHECK, body("users/alice"), "users/alice")
    assert TWINS.is_answered(CHECK, body("users/bob"), "users/alice")
    assert TWINS.call(CHECK, body("users/alice"), "users/alice").rejection is None
    assert TWINS.call(CHECK, body("users/bob"), "users/alice").rejection[0] == 7


def test_a_new_table_is_asked_from_the_next_call_on():
    twins = Twins(AccessWorld(2**63), AccessWorld(2**63))
    twins.call(CHECK, body())
    for world in (twins.python, twins.direct):
        world.access.replace(AccessTable([], [], [], epoch=2**64 - 1))
    assert twins.is_answered(CHECK, body())
    reply = access_pb2.CheckResponse.FromString(twins.call(CHECK, body()).reply)
    assert (reply.allowed, reply.epoch) == (False, 2**64 - 1)


def test_what_protobuf_refuses_is_declined():
    refused = declines_what_protobuf_refuses(
        AccessWorld(), CHECK, access_pb2.CheckRequest.FromString, [body(resource="ü/7")]
    )
    assert refused > 500
