"""Writing an entry."""

from blrcs.application.ports.cache import CacheStore
from blrcs.domain.cache_entry import DEFAULT_CONTENT_TYPE, Presence, SetCondition
from blrcs.domain.errors import FailedPreconditionError

UNMET = {
    Presence.ABSENT: ("CACHE_ENTRY_EXISTS", "there is an entry already"),
    Presence.PRESENT: ("CACHE_ENTRY_MISSING", "there is no entry"),
    Presence.ANY: ("CACHE_VERSION_MISMATCH", "the entry has another version, or is gone"),
}


class SetEntry:
    """Writes one entry, on a condition."""

    def __init__(self, *, store: CacheStore) -> None:
        self._store = store

    async def __call__(
        self,
        namespace: str,
        key: str,
        value: bytes,
        *,
        content_type: str,
        ttl_ns: int | None,
        condition: SetCondition,
    ) -> int:
        """The entry's new version.

        Raises:
            FailedPreconditionError: The condition does not hold; nothing was written.
            ResourceExhaustedError: The value cannot be kept.
        """
        version = await self._store.set(
            namespace, key, value, content_type or DEFAULT_CONTENT_TYPE, ttl_ns, condition
        )
        if version is None:
            raise FailedPreconditionError(*UNMET[condition.presence])
        return version
