"""Random changes through AccessService, and its answers against brute force."""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from blrcs.domain.access_name import group_name, role_name
from blrcs.domain.builtin_roles import BUILTIN_ROLES
from blrcs.domain.errors import DomainError
from blrcs.v1 import access_pb2
from blrcs_native.access.table import BindingSpec, GroupSpec, RoleSpec
from tests.integration.access.access import KINDS, METHOD_PERMISSIONS, AccessServer
from tests.integration.stores import FileStore
from tests.unit.application.identity_fakes import NOW_NS, FakeClock
from tests.unit.native.access.access_model import AccessModel

S = 1_000_000_000
PERMISSIONS = ("a.b", "a.b.c", "a", "blrcs.users.get")
RESOURCES = ("", "x", "x/y", "xy", "tenants/t", "tenants/t/y", "tenants/u/y")
PRINCIPALS = ("users/a", "users/b", "serviceAccounts/a")

CONDITIONS = {
    "resource.name.endsWith('y')": lambda _, where, __: where.endswith("y"),
    "principal.name == 'users/a' && 1 < 2": lambda who, _, __: who == "users/a",
    f"now >= timestamp('{datetime.fromtimestamp(NOW_NS // S + 15, UTC).isoformat()}')": (
        lambda _, __, now_ns: now_ns // S >= NOW_NS // S + 15
    ),
    "request.method == ''": lambda *_: None,
}
"""And what they say; nobody calls where somebody asks, so that the last cannot be told."""

ids = st.sampled_from(["p", "q", "r"])
homes = st.sampled_from(["", "", "tenants/t"])
resources = st.sampled_from(RESOURCES)
roles = st.sampled_from(
    ["roles/p", "roles/q", "roles/r", "roles/viewer", "tenants/t/roles/p", "tenants/t/roles/q"]
)
group_members = st.lists(
    st.sampled_from([*PRINCIPALS, "groups/p", "groups/q", "groups/r", "tenants/t/groups/p"]),
    max_size=2,
)
members = st.lists(
    st.sampled_from(
        [
            *PRINCIPALS * 2,
            *("groups/p", "groups/q", "groups/r", "tenants/t/groups/p", "tenants/t/groups/q"),
            "allAuthenticated",
        ]
    ),
    min_size=1,
    max_size=2,
)
permissions = st.lists(st.sampled_from([*PERMISSIONS, "a.*"]), max_size=2)
expiries = st.none() | st.integers(NOW_NS // S, NOW_NS // S + 40)
conditions = st.sampled_from([*[None] * 4, *CONDITIONS])


class AccessMachine(RuleBasedStateMachine):
    """A refused change must leave everything as it was, so the model changes only with the others.

    The model keeps what was sent, not what the server says it stored.
    """

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = FakeClock()
        self.stack = AsyncExitStack()
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.sent = {
            each.name: RoleSpec(each.name, each.permissions, each.included_roles)
            for each in BUILTIN_ROLES.values()
        }
        self.run(self.start())

    async def start(self):
        self.opened = AsyncExitStack()
        server = AccessServer.open(FileStore(self.folder), self.clock)
        self.access = await self.opened.enter_async_context(server)

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def teardown(self):
        self.run(self.opened.aclose())
        self.run(self.stack.aclose())
        self.loop.close()

    def attempt(self, change, spec):
        epoch = self.access.epoch
        try:
            self.run(change)
        except DomainError:
            assert self.access.epoch == epoch
        else:
            assert self.access.epoch == epoch + 1
            self.sent[spec.name] = spec

    @initialize()
    def set_up(self):
        """Something to refer to; a change that names what does not exist is refused."""
        for item_id, granted in zip("pqr", (["a.b"], ["a.b.c"], ["a"]), strict=True):
            self.put_role(item_id, granted, [])
            self.put_group(item_id, [])
            self.put_binding(item_id, f"roles/{item_id}", [f"groups/{item_id}"], "x", None)
        self.put_role("p", ["a.b"], [], "tenants/t")
        self.put_group("p", [], "tenants/t")

    @rule(role_id=ids, granted=permissions, included=st.lists(roles, max_size=1), home=homes)
    def put_role(self, role_id, granted, included, home=""):
        name = role_name(role_id, home)
        if name in self.sent:
            change = self.access.update(name, permissions=granted, included_roles=included)
        else:
            change = self.access.role(role_id, *granted, parent=home, included_roles=included)
        self.attempt(change, RoleSpec(name, granted, included))

    @rule(group_id=ids, held=group_members, home=homes)
    def put_group(self, group_id, held, home=""):
        name = group_name(group_id, home)
        if name in self.sent:
            change = self.access.update(name, members=held)
        else:
            change = self.access.group(group_id, *held, parent=home)
        self.attempt(change, GroupSpec(name, held))

    @rule(
        binding_id=ids,
        role=roles,
        held=members,
        resource=resources,
        ends_s=expiries,
        denies=st.sampled_from([False, False, True]),
        condition=conditions,
    )
    def put_binding(self, binding_id, role, held, resource, ends_s, denies=False, condition=None):
        name = f"bindings/{binding_id}"
        fields = {"resource": resource, "effect": 1 + denies}
        if condition is not None:
            fields["condition"] = {"expression": condition}
        if ends_s is not None:
            fields["expire_time"] = {"seconds": ends_s}
        if name in self.sent:
            change = self.access.update(name, role=role, members=held, **fields)
        else:
            change = self.access.bind(binding_id, role, *held, **fields)
        expires_at_ns = None if ends_s is None else ends_s * S
        spec = BindingSpec(name, role, held, resource, expires_at_ns, denies, condition)
        self.attempt(change, spec)

    @rule(collection=st.sampled_from(sorted(KINDS)), item_id=ids, home=homes)
    def delete(self, collection, item_id, home):
        own = home and collection != "bindings"
        name = f"{home}/{collection}/{item_id}" if own else f"{collection}/{item_id}"
        try:
            self.run(self.access.delete(name))
        except DomainError:
            return
        del self.sent[name]

    @rule(span_s=st.integers(1, 20))
    def wait(self, span_s):
        self.clock.advance(span_s * S)

    @rule()
    def restart(self):
        epoch = self.access.epoch
        self.run(self.opened.aclose())
        self.run(self.start())
        assert self.access.epoch == epoch

    @invariant()
    def answers_as_brute_force_does(self):
        def specs(kind):
            return [each for each in self.sent.values() if isinstance(each, kind)]

        model = AccessModel(
            specs(RoleSpec), specs(GroupSpec), specs(BindingSpec), CONDITIONS.__getitem__
        )
        concrete = {name for each in model.roles for name in each.permissions if name[-1] != "*"}
        known = sorted(concrete | METHOD_PERMISSIONS)
        for principal in PRINCIPALS:
            queries = [(name, where) for name in PERMISSIONS for where in RESOURCES]
            request = access_pb2.BatchCheckRequest(
                principal=principal,
                queries=[{"permission": name, "resource": where} for name, where in queries],
            )
            answer = self.run(self.access.service.BatchCheck(request, None))
            expected = [model.check(principal, *query, self.clock.now_ns) for query in queries]
            assert list(answer.allowed) == expected
            request = access_pb2.ListPermissionsRequest(principal=principal, resource="x/y")
            held = self.run(self.access.service.ListPermissions(request, None))
            expected = model.permissions(principal, "x/y", known, self.clock.now_ns)
            assert list(held.permissions) == expected


TestAccessMachine = AccessMachine.TestCase
TestAccessMachine.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
