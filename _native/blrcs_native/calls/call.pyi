"""The context of one RPC, the same on every transport."""

from collections.abc import Callable
from typing import Any, final

from blrcs_native.calls.interfaces import CallStream, Metadata
from blrcs_native.calls.method import Method
from blrcs_native.calls.rejection import Rejection
from blrcs_native.tokens.claims import Claims

@final
class Principal:
    """Who calls: the name of a resource such as ``users/alice``, and the token that says so.

    ``groups`` are those that an issuer puts the caller in, by full names (``groups/devs``), beside
    those that the access policy does: bindings for them, and for groups that hold them, count.
    ``scope`` limits what the caller may to the permissions that are in it, by themselves or by a
    pattern (``orders.read``, ``orders.*``, ``*``), on what it owns too; None does not limit.
    Whoever makes one by ``Principal.__new__`` must set ``groups`` to a tuple.
    """

    def __init__(
        self,
        name: str,
        *,
        session: str = "",
        token_id: str = "",
        claims: Claims | None = None,
        groups: tuple[str, ...] = (),
        scope: frozenset[str] | None = None,
    ) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def session(self) -> str: ...
    @property
    def token_id(self) -> str: ...
    @property
    def claims(self) -> Claims | None: ...
    @property
    def groups(self) -> tuple[str, ...]: ...
    @property
    def scope(self) -> frozenset[str] | None: ...

@final
class Call:
    """One RPC, from its first byte to its status: grpc.aio.ServicerContext's interface and more.

    ``metadata`` is what the client sent, ``peer_address`` its address without the port (or the
    transport's name where there is none): behind a proxy that is trusted, that of the client whom
    the proxy names. A message of more than ``max_send_bytes``, before it is compressed, ends the
    call with RESOURCE_EXHAUSTED. A call belongs to one task at a time.
    """

    principal: Principal | None
    """Set by authentication; None on a public method."""

    request: Any
    """The message parsed last."""

    def __init__(
        self,
        method: Method,
        stream: CallStream,
        metadata: Metadata,
        peer_address: str,
        *,
        max_send_bytes: int = ...,
    ) -> None: ...
    @property
    def method(self) -> Method: ...
    @property
    def stream(self) -> CallStream: ...
    @property
    def metadata(self) -> Metadata: ...
    @property
    def peer_address(self) -> str: ...
    @property
    def started_ns(self) -> int: ...
    @property
    def elapsed_ns(self) -> int:
        """Nanoseconds since the call was made."""
    @property
    def rejection(self) -> Rejection | None:
        """What the call ends with instead of a reply; the first one counts."""
    @property
    def shadowed(self) -> list[Rejection] | None:
        """What guards in shadow would have rejected it with."""
    @property
    def status_code(self) -> int:
        """The canonical code as it stands now."""
    async def receive(self, body: bytes) -> Any:
        """Parses a message of the client's and has it pass the guards that read messages.

        Raises:
            AbortError: It is malformed, or a guard rejected it. The call ends with that status
                even if the handler goes on.
        """
    async def read(self) -> Any:
        """The next message, or the transport's ``eof``."""
    async def write(self, message: Any) -> None: ...
    async def send_initial_metadata(self, initial_metadata: Metadata) -> None: ...
    async def abort(self, code: Any, details: str = "", trailing_metadata: Metadata = ()) -> None:
        """Ends the call with a status other than OK, even if the handler goes on.

        The first time counts. Without ``details`` those that were set stay.

        Raises:
            AbortError: Always; it carries the status. So does each ``read``, ``write`` and
                ``send_initial_metadata`` from then on.
            ValueError: ``code`` is OK or no status code, or the metadata cannot be sent.
            TypeError: The details are no text, or the metadata are none.
        """
    async def abort_with_status(self, status: Any) -> None: ...
    def set_trailing_metadata(self, trailing_metadata: Metadata) -> None:
        """Takes the place of what was set, but not of what ``abort`` was given."""
    def trailing_metadata(self) -> Metadata:
        """What was set, and what ``abort`` was given."""
    def set_code(self, code: Any) -> None:
        """Raises ValueError where it is no status code."""
    def code(self) -> Any: ...
    def set_details(self, details: str) -> None: ...
    def details(self) -> Any: ...
    def invocation_metadata(self) -> Metadata: ...
    def peer(self) -> str: ...
    def peer_identities(self) -> Any: ...
    def peer_identity_key(self) -> str | None: ...
    def auth_context(self) -> Any: ...
    def time_remaining(self) -> float | None: ...
    def cancelled(self) -> bool: ...
    def done(self) -> bool:
        """Whether it has ended, or was aborted."""
    def add_done_callback(self, callback: Callable[[Call], None]) -> None: ...
    def set_compression(self, compression: Any) -> None: ...
    def disable_next_message_compression(self) -> None: ...
