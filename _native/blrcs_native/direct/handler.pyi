"""What answers a unary call in one step, without a coroutine and without protobuf's messages."""

from collections.abc import Iterable

from blrcs_native.calls.call import Call
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.guard import Guard

class DirectHandler:
    """Answers calls of one method where that needs no waiting and nothing unusual is asked.

    Beside the method's own handler, never instead of it: what it declines goes to that one, and
    both give the same answers. Subclasses are written in Cython and override ``answer`` (see
    direct/handler.pxd). A call that it answers keeps no ``request``.

    ``guards`` are those of the method that read the request, ``fields`` the fields that they may
    read of it here: singular strings without presence.
    """

    def __init__(self, guards: Iterable[Guard] = (), fields: Iterable[str] = ()) -> None: ...
    @property
    def guards(self) -> tuple[Guard, ...]: ...
    @property
    def fields(self) -> frozenset[str]: ...
    @property
    def fits_guards(self) -> bool:
        """Whether the guards can be asked here; where not, the handler must not be used."""
    def answer_bytes(self, call: Call, body: bytes) -> bytes | Rejection | None:
        """The reply's bytes, what a guard or the method refuses with, or None.

        None says that the call is not for this road, and that nothing has happened yet.
        """
