"""A drop-in for ``grpc.aio.server`` whose methods run behind guards.

    server = blrcs.aio.server()
    orders_pb2_grpc.add_OrderServiceServicer_to_server(OrderService(), server)
    server.add_insecure_port("127.0.0.1:50051")
    await server.start()

Each method needs a policy, in its proto options or in ``policies``: without one the server does not
start. Handlers get a :class:`blrcs_native.calls.call.Call` where grpc.aio gives a
ServicerContext; it has the same interface.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

import grpc

from blrcs.domain.policy import MethodPolicy
from blrcs.interceptors.binding import bind_all
from blrcs.interceptors.effective_policy import effective_policy
from blrcs.interceptors.factory import PipelineFactory
from blrcs.monitoring.standard_log import log_by_standard_library
from blrcs.process import settle_process
from blrcs.transport.grpc_interceptors import run_interceptors
from blrcs.transport.registration import Registrar, Registration
from blrcs.transport.router import Router
from blrcs.transport.server import TransportName, TransportServer, transport_server
from blrcs.transport.tls import ServerCredentials, ssl_server_credentials
from blrcs_native.calls.interfaces import Handler
from blrcs_native.limits.limiter import Limiter

LIMITER_CELLS = 65_536

__all__ = ["Server", "server", "settle_process", "ssl_server_credentials"]


class Server(Registrar):
    """A server with grpc.aio.Server's interface. Made by :func:`server`."""

    def __init__(
        self,
        transport: TransportServer,
        router: Router,
        factory: PipelineFactory,
        *,
        policies: Mapping[str, MethodPolicy],
        interceptors: Sequence[grpc.aio.ServerInterceptor],
        executor: Executor | None,
    ) -> None:
        super().__init__()
        self._transport = transport
        self._router = router
        self._factory = factory
        self._policies = policies
        self._interceptors = tuple(interceptors)
        self._executor = executor

    def add_insecure_port(self, address: str) -> int:
        """Listens in plain text; returns the port. Raises RuntimeError where it cannot."""
        return self._transport.add_insecure_port(address)

    def add_secure_port(self, address: str, server_credentials: ServerCredentials) -> int:
        """Listens with TLS; returns the port.

        Raises:
            RuntimeError: It cannot listen there.
            TypeError: The credentials are grpc's own: those of :func:`ssl_server_credentials` are
                needed, which has the same arguments.
        """
        return self._transport.add_secure_port(address, server_credentials)

    async def start(self) -> None:
        """Binds every registered method and accepts connections.

        Raises:
            PolicyError: A method's policy is missing or cannot be carried out.
        """
        self._router.replace(
            bind_all(
                self,
                self._factory,
                self._policy,
                executor=self._executor,
                handler_of=self._handler if self._interceptors else Registration.handler,
            )
        )
        await self._transport.start()

    async def stop(self, grace: float | None) -> None:
        """Refuses new calls, and cancels those that still run after ``grace`` seconds."""
        await self._transport.stop(grace)
        self._factory.audit.flush()

    async def wait_for_termination(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109
        """False once the server has stopped; True when ``timeout`` seconds passed first."""
        return await self._transport.wait_for_termination(timeout)

    def _policy(self, registration: Registration) -> MethodPolicy:
        name = registration.name
        stated = self._policies.get(name) or self._policies.get(f"{name.rpartition('/')[0]}/*")
        return stated or effective_policy(name, registration.descriptor)

    def _handler(self, registration: Registration, executor: Executor | None) -> Handler:
        return run_interceptors(self._interceptors, registration, executor)


# Some ask what a server is before they choose coroutines: grpc_reflection for one.
grpc.aio.Server.register(Server)


def server(
    migration_thread_pool: Executor | None = None,
    handlers: Sequence[grpc.GenericRpcHandler] | None = None,
    interceptors: Sequence[grpc.aio.ServerInterceptor] | None = None,
    options: Sequence[tuple[str, Any]] | None = None,
    maximum_concurrent_rpcs: int | None = None,
    compression: grpc.Compression | None = None,
    *,
    factory: PipelineFactory | None = None,
    policies: Mapping[str, MethodPolicy] | None = None,
    transport: TransportName = "native",
) -> Server:
    """A server that has yet to be started; the arguments before ``*`` are grpc.aio.server's.

    What it logs goes to ``logging``, where structlog has not been configured.

    Args:
        migration_thread_pool: Runs handlers that are plain functions; the loop's own if None.
        handlers: Generic handlers that list their methods.
        interceptors: Third-party interceptors; they run behind the guards, where a call has been
            admitted and its first message parsed.
        options: Channel arguments by grpc's names.
        maximum_concurrent_rpcs: Calls beyond are refused with RESOURCE_EXHAUSTED.
        compression: The default for replies.
        factory: Binds methods to pipelines. By default one that limits, validates and audits, and
            has no verifier: it refuses methods that ask for a token.
        policies: By full method name, or ``/package.Service/*`` for all of a service; they take
            the place of what the proto states.
        transport: BLRCS's own, or ``grpcio``, the reference.

    Raises:
        ValueError: An option's value is out of its range, or an interceptor is none of grpc.aio's.
    """
    if foreign := [
        each for each in interceptors or () if not isinstance(each, grpc.aio.ServerInterceptor)
    ]:
        raise ValueError(
            f"interceptors are grpc.aio.ServerInterceptors, and these are not: {foreign}"
        )
    log_by_standard_library()
    router = Router({})
    made = Server(
        transport_server(
            transport,
            router,
            options=tuple(options or ()),
            compression=compression,
            maximum_concurrent_rpcs=maximum_concurrent_rpcs,
            network=None if factory is None else factory.network,
        ),
        router,
        factory or PipelineFactory(limiter=Limiter(LIMITER_CELLS)),
        policies={} if policies is None else policies,
        interceptors=interceptors or (),
        executor=migration_thread_pool,
    )
    made.add_generic_rpc_handlers(tuple(handlers or ()))
    return made
