"""What the cache's keys and channels in Redis are called."""

from dataclasses import dataclass

_SIGNAL = "e"
_OTHERS = ("u", "d", "s", "t", "n")


@dataclass(frozen=True, slots=True)
class CacheNames:
    """The names of one installation.

    All keys of a namespace have its name in braces, so that a Cluster keeps them on one node, where
    one script can see to them together. Different namespaces are on different nodes.

    Attributes:
        prefix: What the installation's names begin with.
        database: The number of its database, which channels do not belong to.
    """

    prefix: str
    database: int

    @property
    def tracked(self) -> str:
        """What the names begin with of which copies are made."""
        return f"{self.prefix}:cache:{_SIGNAL}:{{"

    @property
    def namespaces(self) -> str:
        """Where all namespaces are written down."""
        return f"{self.prefix}:cache:namespaces"

    def channel(self, namespace: str) -> str:
        """Where changes in a namespace are told."""
        return f"{self.prefix}:cache:{self.database}:{{{namespace}}}"

    def keys(self, namespace: str, entries: tuple[str, ...] = ()) -> list[str]:
        """The keys that the script is given."""
        signal = self._key(_SIGNAL, namespace)
        own = [self._key("m", namespace), signal]
        own += [self._key(kind, namespace) for kind in _OTHERS]
        return own + [f"{signal}:{entry}" for entry in entries]

    def changed(self, key: bytes) -> tuple[str, str]:
        """The namespace and the entry's key, which is empty where all are meant."""
        namespace, _, rest = key.decode()[len(self.tracked) :].partition("}")
        return namespace, rest[1:]

    def _key(self, kind: str, namespace: str) -> str:
        return f"{self.prefix}:cache:{kind}:{{{namespace}}}"
