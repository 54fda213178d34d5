"""The native transport: HTTP/2 by nghttp2 in Cython, on the event loop of asyncio or uvloop."""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import grpc.aio

from blrcs.process import show_large_block
from blrcs.transport.abort_error import GrpcAbortError
from blrcs.transport.listening import SocketPath, listening_sockets, port_of
from blrcs.transport.native_options import native_options
from blrcs.transport.router import Router
from blrcs.transport.tls import ServerCredentials
from blrcs_native.addresses.network import CurrentNetwork
from blrcs_native.http2.abuse import AbuseCounters
from blrcs_native.http2.acceptor import Acceptor
from blrcs_native.http2.connection_set import ConnectionSet
from blrcs_native.http2.dispatcher import Dispatcher
from blrcs_native.http2.messages import name_of
from blrcs_native.load.overload import Overload
from blrcs_native.monitoring.metrics import Counter

ABORT_GRACE_S = 1.0
COMPLAINT_INTERVAL_S = 60

log = logging.getLogger("blrcs.transport")


class NativeServer:
    """Serves a router's pipelines over HTTP/2.

    Args:
        router: Where calls go.
        options: Channel arguments by grpc's names, and those of ``native_options``.
        compression: The default for replies.
        maximum_concurrent_rpcs: Calls beyond are refused with RESOURCE_EXHAUSTED.
        abuse_counter: A family with the label ``kind``, which counts what breaks a limit.
        network: Which addresses are served; connections of others are closed as they are accepted.
        overload: Told how long the loop is at work.

    Raises:
        ValueError: An option is out of its range, or no call is to be served.
    """

    def __init__(
        self,
        router: Router,
        *,
        options: Sequence[tuple[str, Any]] = (),
        compression: grpc.Compression | None = None,
        maximum_concurrent_rpcs: int | None = None,
        abuse_counter: Counter | None = None,
        network: CurrentNetwork | None = None,
        overload: Overload | None = None,
    ) -> None:
        if maximum_concurrent_rpcs is not None and maximum_concurrent_rpcs < 1:
            raise ValueError("maximum_concurrent_rpcs is 1 or more")
        self._options = native_options(options)
        self._router = router
        chosen = self._options.compression if compression is None else compression
        self._reply_encoding = name_of(chosen)
        self._max_calls = maximum_concurrent_rpcs
        self._overload = overload
        self._abuse = AbuseCounters(abuse_counter)
        self._network = network
        self._bound: list[tuple[list[socket.socket], ServerCredentials | None, bool]] = []
        self._paths: list[SocketPath] = []
        self._acceptors: list[Acceptor] = []
        self._complained_s: float | None = None
        self._connections: ConnectionSet | None = None
        self._dispatcher: Dispatcher | None = None
        self._stopping: asyncio.Future[None] | None = None
        self._stopped = asyncio.Event()

    @property
    def abuse(self) -> AbuseCounters:
        """What broke a limit, and how often."""
        return self._abuse

    @property
    def connections(self) -> int:
        """Those that are open."""
        return 0 if self._connections is None else len(self._connections)

    @property
    def running_calls(self) -> int:
        """Calls whose handlers have not ended, those of clients that are gone too."""
        return 0 if self._dispatcher is None else self._dispatcher.running

    def add_insecure_port(self, address: str, *, proxied: bool = False) -> int:
        """Listens in plain text; returns the port. Raises RuntimeError where it cannot.

        Where it is ``proxied``, each connection is from a proxy of ``network``, and first says by
        the PROXY protocol for whom it is; others are closed.
        """
        return self._listen(address, None, proxied=proxied)

    def add_secure_port(
        self, address: str, credentials: ServerCredentials, *, proxied: bool = False
    ) -> int:
        """Listens with TLS; returns the port. For ``proxied`` see ``add_insecure_port``.

        Raises:
            RuntimeError: It cannot listen there.
            TypeError: The credentials are grpc's own, which nothing but its core can use.
        """
        if not isinstance(credentials, ServerCredentials):
            raise TypeError(
                "the native transport takes the credentials of"
                " blrcs.aio.ssl_server_credentials(...), which has grpc's arguments"
            )
        return self._listen(address, credentials, proxied=proxied)

    def add_listening_sockets(
        self,
        sockets: list[socket.socket],
        credentials: ServerCredentials | None,
        *,
        proxied: bool = False,
    ) -> None:
        """Serves sockets that listen already; they are closed when the server stops."""
        self._bound.append((sockets, credentials, proxied))

    def serve_also(
        self,
        sockets: list[socket.socket],
        credentials: ServerCredentials | None,
        *,
        proxied: bool = False,
    ) -> Callable[[], None]:
        """Serves further sockets, until the server stops, or what is returned is called.

        They are closed then, or at once where the server does not accept connections.
        """
        if self._connections is None or self._stopping is not None:
            for each in sockets:
                each.close()
            return lambda: None
        accepting = self._accept_from(sockets, credentials, self._connections, proxied=proxied)

        def cease() -> None:
            for acceptor in accepting:
                acceptor.close()
                self._acceptors.remove(acceptor)

        return cease

    def close_denied(self) -> None:
        """Closes connections from addresses that are not served any more; their calls end."""
        if self._connections is not None:
            self._connections.close_denied()

    def _listen(self, address: str, credentials: ServerCredentials | None, *, proxied: bool) -> int:
        if self._connections is not None:
            raise RuntimeError("addresses are added before the server starts")
        sockets = listening_sockets(address, reuse_port=self._options.reuse_port)
        self._bound.append((sockets, credentials, proxied))
        self._paths += [path for each in sockets if (path := SocketPath.of(each)) is not None]
        return port_of(sockets)

    async def start(self) -> None:
        """Accepts connections from now on; where it does so already, nothing changes.

        Raises:
            grpc.aio.UsageError: The server has been stopped.
        """
        if self._stopping is not None or self._stopped.is_set():
            raise grpc.aio.UsageError("the server has been stopped, and cannot be started again")
        if self._connections is not None:
            return
        show_large_block()
        loop = asyncio.get_running_loop()
        self._dispatcher = Dispatcher(
            self._router,
            loop,
            self._options.limits,
            eof=grpc.aio.EOF,
            abort_error=GrpcAbortError,
            usage_error=grpc.aio.UsageError,
            max_calls=self._max_calls,
            overload=self._overload,
            reply_encoding=self._reply_encoding,
            unexpected=_log_unexpected,
        )
        self._connections = connections = ConnectionSet(
            self._dispatcher,
            self._options.limits,
            self._options.rules,
            self._abuse,
            max_connections=self._options.max_connections,
            max_connections_per_address=self._options.max_connections_per_address,
            network=self._network,
        )
        for sockets, credentials, proxied in self._bound:
            self._accept_from(sockets, credentials, connections, proxied=proxied)

    async def stop(self, grace_s: float | None) -> None:
        """Refuses new calls, and cancels those that still run after ``grace_s``.

        Clients are told so that no accepted call is lost, and that others may be tried elsewhere.
        Without a grace the calls that run are cancelled at once. A second call shortens the first.
        """
        if self._connections is None or self._dispatcher is None:
            for sockets, _, _ in self._bound:
                for each in sockets:
                    each.close()
            self._remove_paths()
            self._stopped.set()
            return
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_future()
            for acceptor in self._acceptors:
                acceptor.close()
            self._remove_paths()
            self._connections.drain()
        first = self._stopping
        if grace_s:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._connections.closed.wait(), grace_s)
        self._connections.abort()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._connections.closed.wait(), ABORT_GRACE_S)
        if not first.done():
            first.set_result(None)
            self._connections.close()
            self._dispatcher.close()
            self._stopped.set()
            # Tasks that were cancelled, and connections that were closed, end in the next steps.
            await asyncio.sleep(0)

    async def wait_for_termination(self, timeout_s: float | None = None) -> bool:
        """False once the server has stopped; True when ``timeout_s`` passed first."""
        try:
            await asyncio.wait_for(self._stopped.wait(), timeout_s)
        except TimeoutError:
            return True
        return False

    def _accept_from(
        self,
        sockets: list[socket.socket],
        credentials: ServerCredentials | None,
        connections: ConnectionSet,
        *,
        proxied: bool,
    ) -> list[Acceptor]:
        context = None if credentials is None else credentials.context
        accepting = [
            Acceptor(connections, each, context, self._log_exhausted, proxied=proxied)
            for each in sockets
        ]
        self._acceptors += accepting
        return accepting

    def _remove_paths(self) -> None:
        for each in self._paths:
            each.remove()

    def _log_exhausted(self, error: OSError) -> None:
        now_s = time.monotonic()
        if self._complained_s is None or now_s - self._complained_s >= COMPLAINT_INTERVAL_S:
            self._complained_s = now_s
            log.warning("connections have to wait, since none can be accepted: %s", error.strerror)


def _log_unexpected(error: BaseException) -> None:
    log.error("a call failed within the transport", exc_info=error)
