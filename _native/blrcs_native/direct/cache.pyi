"""CacheService.Get and Set in memory, each answered in one step."""

from collections.abc import Callable, Iterable
from typing import Any, final

from blrcs_native.cache.near import NearCopies
from blrcs_native.calls.rejection import Rejection
from blrcs_native.direct.handler import DirectHandler
from blrcs_native.guards.guard import Guard

@final
class DirectGet(DirectHandler):
    """Answers Get; guards may read ``namespace`` and ``key``.

    ``namespaces`` are those that exist, each a :class:`blrcs_native.cache.space.CacheSpace`; the
    dict is the owner's own, who goes on changing it. ``make_missing`` gives the rejection for an
    entry that is not there, by the namespace's name; those made last are kept.
    """

    def __init__(
        self,
        namespaces: dict[str, Any],
        make_missing: Callable[[str], Rejection],
        guards: Iterable[Guard] = (),
    ) -> None: ...

@final
class DirectNearGet(DirectHandler):
    """Answers Get from the copies that this process has of entries that another one keeps.

    Guards may read ``namespace`` and ``key``. Declined is what there is no good copy of.
    """

    def __init__(self, copies: NearCopies[Any], guards: Iterable[Guard] = ()) -> None: ...

@final
class DirectSet(DirectHandler):
    """Answers Set; guards may read ``namespace`` and ``key``.

    Declined are a namespace that does not exist, one that is in ``watched``, and an entry that is
    larger than its namespace. ``exists``, ``missing`` and ``differs`` are the rejections where a
    condition does not hold: if_absent, if_present, if_version.
    """

    def __init__(
        self,
        namespaces: dict[str, Any],
        watched: dict[str, Any],
        guards: Iterable[Guard] = (),
        *,
        exists: Rejection,
        missing: Rejection,
        differs: Rejection,
    ) -> None: ...
