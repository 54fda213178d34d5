"""Why a call ends without a reply: a value, made once and handed out as often as needed."""

from typing import Final, final

CODE_NAMES: Final[tuple[str, ...]]
"""The canonical codes' names; the index is the code."""

@final
class Rejection:
    """The status that a call ends with instead of a reply; immutable.

    ``stage`` says who rejected (``rate_limit``, ``authentication``, ``handler``, ...), ``reason``
    is google.rpc.ErrorInfo's, ``message`` becomes ``grpc-message``, and ``trailers`` are sent as
    trailing metadata, ``grpc-status-details-bin`` among them.

    Raises:
        ValueError: The code is OK or none of the canonical ones.
    """

    def __init__(
        self,
        code: int,
        stage: str,
        reason: str,
        message: str,
        trailers: tuple[tuple[str, str | bytes], ...] = (),
    ) -> None: ...
    @property
    def code(self) -> int: ...
    @property
    def code_name(self) -> str: ...
    @property
    def stage(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def trailers(self) -> tuple[tuple[str, str | bytes], ...]: ...

def explained(code: int, stage: str, reason: str, message: str) -> Rejection:
    """A rejection with a google.rpc.ErrorInfo of the reason, for what the core itself rejects."""

class AbortError(Exception):
    """Ends the call with a status; what ``Call.abort`` raises."""

    rejection: Rejection

    def __init__(self, rejection: Rejection) -> None: ...
