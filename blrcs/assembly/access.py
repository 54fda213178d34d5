"""Temporary"""

from dataclasses import dataclass
from typing import Any

from blrcs.v1 import access_pb2_grpc
from blrcs_native.access import AccessTable, BindingSpec, RoleSpec
from blrcs_native.authorization_guard import CurrentAccess


@dataclass
class Access:
    current: Any
    service: Any

    async def grant_administrator(self, name):
        self.current.replace(
            AccessTable(
                [RoleSpec("roles/administrator", ["*"])],
                [],
                [BindingSpec("bindings/administrator", "roles/administrator", [name], "")],
            )
        )

    async def forget_principal(self, name):
        pass

    def learn_permissions(self, registrar):
        pass


async def assemble_access(base):
    a = Access(CurrentAccess(AccessTable([], [], [])), access_pb2_grpc.AccessServiceServicer())
    await a.grant_administrator("users/admin")
    return a
