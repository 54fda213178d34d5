"""Collects the handlers that generated code registers.

``add_XServicer_to_server(servicer, server)`` hands a server method handlers in grpc's own form.
A Registrar takes the server's place there.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import Default, DescriptorPool

from blrcs.transport.handlers import method_handler_behaviour
from blrcs_native.calls.interfaces import Handler
from blrcs_native.calls.method import Method
from blrcs_native.monitoring.call_metrics import CallMetrics, CallType

KINDS: dict[tuple[bool, bool], CallType] = {
    (False, False): "unary",
    (True, False): "client_stream",
    (False, True): "server_stream",
    (True, True): "bidi_stream",
}


@dataclass(frozen=True, slots=True)
class Registration:
    """One method as its author registered it.

    ``method_handler`` is a ``grpc.RpcMethodHandler``; ``descriptor`` is None where no proto
    describes the method.
    """

    name: str
    method_handler: Any
    descriptor: MethodDescriptor | None

    @property
    def client_streaming(self) -> bool:
        """The client sends any number of messages."""
        return bool(self.method_handler.request_streaming)

    @property
    def server_streaming(self) -> bool:
        """The server sends any number of messages."""
        return bool(self.method_handler.response_streaming)

    def method(self, policy: Any = None, metrics: CallMetrics | None = None) -> Method:
        """The method with its policy, counted in ``metrics``."""
        service, _, short_name = self.name[1:].rpartition("/")
        kind = KINDS[self.client_streaming, self.server_streaming]
        return Method(
            self.name,
            client_streaming=self.client_streaming,
            server_streaming=self.server_streaming,
            parse=self.method_handler.request_deserializer,
            serialize=self.method_handler.response_serializer,
            policy=policy,
            input_descriptor=None if self.descriptor is None else self.descriptor.input_type,
            metrics=None if metrics is None else metrics.method(service, short_name, kind),
        )

    def handler(self, executor: Executor | None = None) -> Handler:
        """The behaviour in its one form; plain functions run in ``executor``."""
        return method_handler_behaviour(self.method_handler, executor)


class Registrar:
    """Stands in for a server while servicers register; the last registration of a name counts."""

    def __init__(self, pool: DescriptorPool | None = None) -> None:
        self._pool = pool or Default()
        self._methods: dict[str, Registration] = {}

    def __iter__(self) -> Iterator[Registration]:
        return iter(self._methods.values())

    def add_registered_method_handlers(
        self, service_name: str, handlers: Mapping[str, Any]
    ) -> None:
        """Takes one service's handlers by the methods' short names, as generated code does."""
        for short_name, handler in handlers.items():
            self.add(f"/{service_name}/{short_name}", handler)

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Any) -> None:
        """Takes generic handlers that list their methods, as those of generated code do.

        Raises:
            TypeError: A handler looks its methods up at each call, so that no policy can be bound
                to them at start-up.
        """
        for generic in generic_rpc_handlers:
            handlers = getattr(generic, "_method_handlers", None)
            if handlers is None:
                raise TypeError(f"{type(generic).__name__} does not list its methods")
            for name, handler in handlers.items():
                self.add(name, handler)

    def add(self, name: str, handler: Any) -> None:
        """Takes one method's ``grpc.RpcMethodHandler``."""
        self._methods[name] = Registration(name, handler, self._describe(name))

    def _describe(self, name: str) -> MethodDescriptor | None:
        try:
            return self._pool.FindMethodByName(name[1:].replace("/", "."))
        except KeyError:
            return None
