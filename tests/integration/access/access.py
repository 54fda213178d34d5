"""AccessService over a real database, as the composition root puts it together."""

import contextlib

from blrcs.api.calling_actor import calling_actor
from blrcs.assembly.access import assemble_access
from blrcs.assembly.foundation import Foundation
from blrcs.database.repositories.revocation import RevocationRepository
from blrcs.database.repositories.service_account import SqlServiceAccountRepository
from blrcs.database.repositories.user import SqlUserRepository
from blrcs.security.page_tokens import SignedPageTokens
from blrcs.security.secret_generator import RandomSecretGenerator
from blrcs.v1 import access_pb2
from tests.unit.application.identity_fakes import counting_random

KINDS = {"roles": "Role", "groups": "Group", "bindings": "Binding"}
METHOD_PERMISSIONS = frozenset({"blrcs.users.get", "orders.read"})


class NoRevocations:
    def revoke_sessions(self, session_ids, *, expires_at_ns):
        pass

    restore_sessions = revoke_sessions


class AccessServer:
    """``open`` on the same folder is a restart. A change without a call is the program's own."""

    def __init__(self, access, database, reader, clock):
        self.store = access.store
        self.current = access.current
        self.service = access.service
        self.grant_administrator = access.grant_administrator
        self.database = database
        revocations = RevocationRepository(
            database, reader, revoker=NoRevocations(), clock=clock, token_ttl_ns=1
        )
        self.users = SqlUserRepository(database, revocations, access.store)
        self.accounts = SqlServiceAccountRepository(database, revocations, access.store)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, store, clock):
        async with store.open() as (database, reader):
            base = Foundation(
                data_directory=store.folder,
                database=database,
                reader=reader,
                consistency_token=None,
                clock=clock,
                secrets=RandomSecretGenerator(counting_random()),
                page_tokens=SignedPageTokens(bytes(32)),
            )
            access = assemble_access(
                base, lambda: METHOD_PERMISSIONS, actor_of=lambda call: call and calling_actor(call)
            )
            yield cls(access, database, reader, clock)

    @property
    def epoch(self):
        return self.current.table.epoch

    async def role(self, role_id, *permissions, parent="", **fields):
        request = access_pb2.CreateRoleRequest(
            parent=parent, role_id=role_id, role={"permissions": permissions, **fields}
        )
        return await self.service.CreateRole(request, None)

    async def group(self, group_id, *members, parent="", **fields):
        request = access_pb2.CreateGroupRequest(
            parent=parent, group_id=group_id, group={"members": members, **fields}
        )
        return await self.service.CreateGroup(request, None)

    async def bind(self, binding_id, role, *members, **fields):
        request = access_pb2.CreateBindingRequest(
            binding_id=binding_id, binding={"role": role, "members": members, **fields}
        )
        return await self.service.CreateBinding(request, None)

    async def delete(self, name, etag=""):
        kind = KINDS[name.split("/")[-2]]
        request = getattr(access_pb2, f"Delete{kind}Request")(name=name, etag=etag)
        await getattr(self.service, f"Delete{kind}")(request, None)

    async def update(self, name, *paths, etag="", **fields):
        kind = KINDS[name.split("/")[-2]]
        request = getattr(access_pb2, f"Update{kind}Request")(
            **{kind.lower(): {"name": name, "etag": etag, **fields}}, update_mask={"paths": paths}
        )
        return await getattr(self.service, f"Update{kind}")(request, None)

    async def allowed(self, principal, permission, resource=""):
        request = access_pb2.CheckRequest(
            principal=principal, permission=permission, resource=resource
        )
        return (await self.service.Check(request, None)).allowed
