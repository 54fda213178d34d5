"""Hosts a service in a test, behind the real pipeline and without a network.

    async with Host(register) as host:
        stub = OrderServiceStub(host.channel("users/alice", {"orders.get": "orders/7"}))
        order = await stub.GetOrder(GetOrderRequest(order_id="7"))

Guards, validation and middleware are those of the server: what a policy refuses, the test sees
refused. Tokens are signed with a key that lives as long as the host.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Self

import jwt

from blrcs.interceptors.binding import bind_all
from blrcs.interceptors.effective_policy import effective_policy
from blrcs.interceptors.factory import PipelineFactory
from blrcs.resources.registering import Register, register_service
from blrcs.resources.server_resources import ServerResources
from blrcs.resources.service_life import ServiceLife
from blrcs.security.access_store import TableDecisions
from blrcs.transport.in_process import InProcessChannel
from blrcs.transport.registration import Registrar
from blrcs.transport.router import Router
from blrcs_native.access.table import AccessTable, BindingSpec, RoleSpec
from blrcs_native.guards.authorization import CurrentAccess
from blrcs_native.limits.limiter import Limiter
from blrcs_native.tokens.keys import Keyset, VerificationKey
from blrcs_native.tokens.verifier import TokenVerifier

NAME = "blrcs-testing"
TOKEN_TTL_S = 3600
LIMITER_CELLS = 4096


class Host:
    """Serves what ``register`` registers, to channels of any principal.

    Entering it does what the service has for its start, leaving it what is for its end. What a
    service repeats is done when the test says so.

    Args:
        register: Takes a server and adds servicers to it, as for ``blrcs serve --service``.
        resources: What it takes beside the server, if it does; good for one host. Their decisions
            become those of the permissions that channels are granted.

    Raises:
        PolicyError: A method's policy is missing or cannot be carried out.
    """

    def __init__(self, register: Register, resources: ServerResources | None = None) -> None:
        self._secret = secrets.token_bytes(32)
        self._bindings: list[BindingSpec] = []
        self._roles: list[RoleSpec] = []
        self._access = CurrentAccess(AccessTable([], [], []))
        self._life = ServiceLife()
        registrar = Registrar()
        if resources is None:
            register(registrar)
        else:
            given = replace(resources, life=self._life, decisions=self._decisions)
            register_service(register, registrar, given)
        factory = PipelineFactory(
            limiter=Limiter(LIMITER_CELLS),
            verifier=TokenVerifier(
                Keyset([VerificationKey.from_secret(NAME, "HS256", self._secret)]),
                issuers=[NAME],
                audiences=[NAME],
            ),
            access=self._access,
        )
        self._router = Router(
            bind_all(registrar, factory, lambda each: effective_policy(each.name, each.descriptor))
        )

    async def __aenter__(self) -> Self:
        try:
            await self._life.start()
        except BaseException:
            await self._life.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._life.stop()

    async def do_repeated_work(self) -> None:
        """Does all that the service repeats, once; raises what it raises."""
        for each in self._life.repeated:
            await each.work()

    def channel(
        self, principal: str | None = None, permissions: Mapping[str, str] | None = None
    ) -> InProcessChannel:
        """A channel under generated stubs.

        Args:
            principal: Whose token goes with every call, such as ``users/alice``; None sends none.
            permissions: What it is granted from now on: permissions, each with a resource.
        """
        if principal is None:
            return InProcessChannel(self._router)
        for permission, resource in (permissions or {}).items():
            role = f"roles/{len(self._roles)}"
            self._roles.append(RoleSpec(role, [permission]))
            self._bindings.append(BindingSpec(f"bindings/{role}", role, [principal], resource))
        self._access.replace(AccessTable(self._roles, [], self._bindings))
        return InProcessChannel(
            self._router, metadata=(("authorization", f"Bearer {self._token(principal)}"),)
        )

    def _decisions(self) -> TableDecisions:
        return TableDecisions(
            self._access.table, lambda: {each for role in self._roles for each in role.permissions}
        )

    def _token(self, principal: str) -> str:
        now_s = int(time.time())
        claims = {
            "iss": NAME,
            "aud": NAME,
            "sub": principal,
            "iat": now_s,
            "exp": now_s + TOKEN_TTL_S,
        }
        return jwt.encode(claims, self._secret, "HS256", headers={"typ": "at+jwt", "kid": NAME})
