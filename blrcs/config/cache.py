"""How much the cache service keeps, and for how long."""

from typing import Annotated, Literal

from pydantic import Field

from blrcs.config.duration import Duration, between
from blrcs.config.section import Section, Table, empty_table
from blrcs.config.size import SizeBytes

Namespace = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Ttl = Annotated[Duration, between("0s", "366d")]
MaxEntries = Annotated[int, Field(ge=1, le=100_000_000)]
MaxBytes = Annotated[SizeBytes, Field(ge=1, le=1 << 40)]


class CacheNamespace(Section):
    """What holds for one namespace. What is not given is as in the section around it."""

    default_ttl: Ttl | None = None
    """How long an entry lives that was set without a ttl; 0 for ever."""
    max_entries: MaxEntries | None = None
    """Entries kept; beyond, the least recently used are evicted."""
    max_bytes: MaxBytes | None = None
    """Bytes of keys and values kept; beyond, the least recently used are evicted."""


class Cache(Section):
    """The cache service."""

    default_ttl: Ttl = Duration(0)
    """How long an entry lives that was set without a ttl; 0 for ever."""
    max_entries: MaxEntries = 100_000
    """Entries kept in a namespace; beyond, the least recently used are evicted."""
    max_bytes: MaxBytes = 64 << 20
    """Bytes of keys and values kept in a namespace."""
    max_namespaces: Annotated[int, Field(ge=1, le=100_000)] = 64
    """Namespaces that exist at once."""
    backend: Literal["memory", "redis"] = "memory"
    """Where the entries are: in this server's memory, or in the Redis of `redis.url`, where all
    servers that use it have the same ones."""
    staleness: Annotated[Duration, between("100ms", "1m")] = Duration.parse("1s")
    """How long after a change in Redis a worker may answer with a copy of what was before."""
    near_percent: Annotated[int, Field(ge=1, le=100)] = 10
    """Percentage of a namespace's entries and bytes that each worker may copy where it does not
    keep them itself."""
    namespaces: Table[Namespace, CacheNamespace] = Field(default_factory=empty_table)
    """What differs in single namespaces, by their names."""

    def namespace(self, name: str) -> CacheNamespace:
        """What holds for the namespace, with every value given."""
        general = CacheNamespace(
            default_ttl=self.default_ttl, max_entries=self.max_entries, max_bytes=self.max_bytes
        )
        own = self.namespaces.get(name)
        if own is None:
            return general
        given = {key: getattr(own, key) for key in own.model_fields_set}
        return general.model_copy(update=given)
