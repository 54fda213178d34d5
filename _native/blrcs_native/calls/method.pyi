"""One RPC, resolved at start-up, so that a call costs no look-up of options."""

from collections.abc import Callable
from typing import Any, final

from google.protobuf.descriptor import Descriptor

from blrcs_native.monitoring.call_metrics import MethodMetrics

@final
class Method:
    """A method with all that its calls need; immutable, shared by them all.

    ``parse`` makes a message of bytes and ``serialize`` bytes of a message; None hands the bytes
    through, as grpc does. ``policy`` is whatever the interceptors read when they are bound.
    ``input_descriptor`` is None for a method that no proto describes.

    Raises:
        ValueError: ``name`` is not of the form ``/package.Service/Method``.
    """

    def __init__(
        self,
        name: str,
        *,
        client_streaming: bool,
        server_streaming: bool,
        parse: Callable[[bytes], Any] | None,
        serialize: Callable[[Any], bytes] | None,
        policy: Any = None,
        input_descriptor: Descriptor | None = None,
        metrics: MethodMetrics | None = None,
    ) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def service(self) -> str: ...
    @property
    def short_name(self) -> str: ...
    @property
    def client_streaming(self) -> bool: ...
    @property
    def server_streaming(self) -> bool: ...
    @property
    def kind(self) -> str:
        """``unary``, ``client_stream``, ``server_stream`` or ``bidi_stream``."""
    @property
    def parse(self) -> Callable[[bytes], Any] | None: ...
    @property
    def serialize(self) -> Callable[[Any], bytes] | None: ...
    @property
    def policy(self) -> Any: ...
    @property
    def input_descriptor(self) -> Descriptor | None: ...
    @property
    def metrics(self) -> MethodMetrics | None: ...
