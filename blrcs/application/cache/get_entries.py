"""Reading many entries."""

from collections.abc import Sequence

from blrcs.application.ports.cache import CacheStore
from blrcs.domain.cache_entry import CacheEntry
from blrcs.domain.errors import ResourceExhaustedError

MAX_BATCH_BYTES = 64 << 20


class GetEntries:
    """Reads many entries at once."""

    def __init__(self, *, store: CacheStore) -> None:
        self._store = store

    async def __call__(self, namespace: str, keys: Sequence[str]) -> Sequence[CacheEntry]:
        """Those that are there, in the order of the keys.

        Raises:
            ResourceExhaustedError: Their values have more than MAX_BATCH_BYTES together.
        """
        entries = await self._store.get_many(namespace, keys)
        if sum(len(entry.value) for entry in entries) > MAX_BATCH_BYTES:
            raise ResourceExhaustedError(
                "CACHE_BATCH_TOO_LARGE",
                f"the values have more than {MAX_BATCH_BYTES} bytes together: ask for fewer keys",
            )
        return entries
