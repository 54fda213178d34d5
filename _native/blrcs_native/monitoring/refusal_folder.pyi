"""Refusals that are alike become one, with a count: telling of a flood must not cost as much."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, final

from blrcs_native.access.resource_template import ResourceTemplate
from blrcs_native.calls.call import Call

Kind: TypeAlias = tuple[str, str | None, str | None, str | None, str | None, int, str, str, bool]
"""Method, principal, session, address, resource, code, stage, reason, and whether it was in shadow.

Who and whence are None where refusals were too many of a kind to be told apart by that.
"""

@final
class FoldedRefusal:
    """Refusals of one kind. ``told`` is what was told of the first."""

    @property
    def kind(self) -> Kind: ...
    @property
    def told(self) -> Mapping[str, Any] | None: ...
    @property
    def count(self) -> int: ...
    @property
    def first_ns(self) -> int:
        """When the first was, by the monotonic clock; ``last_ns`` is when the last was."""
    @property
    def last_ns(self) -> int: ...

@final
class RefusalFolder:
    """Counts refusals by their kind until they are taken. None is ever lost.

    Of more kinds than ``capacity`` it forgets who and whence, and keeps the rest: what a server's
    methods and guards can answer, which has an end. Belongs to one thread.

    Args:
        on_first: Called when there is something to take, where there was nothing.
        capacity: Kinds that are told apart.
    """

    def __init__(self, on_first: Callable[[], object], *, capacity: int) -> None: ...
    def __len__(self) -> int: ...
    @property
    def capacity(self) -> int: ...
    def take(self) -> list[FoldedRefusal]:
        """All that there are, which it then forgets."""

@final
class RefusalHook:
    """What an EndHook of one method calls.

    Takes refusals by authentication and authorization, those of guards in shadow and of handlers
    too; with ``every`` all that it is told of.

    Args:
        folder: Where they go.
        tell: What is worth telling of the first of a kind.
        template: The resource that the method's policy names; read of requests that were parsed.
    """

    def __init__(
        self,
        folder: RefusalFolder,
        tell: Callable[[Call], Mapping[str, Any]],
        *,
        template: ResourceTemplate | None = None,
        every: bool = False,
    ) -> None: ...
    def __call__(self, call: Call) -> None: ...
    def take_shadowed(self, call: Call) -> None:
        """Takes what guards in shadow would have refused, and nothing else."""
