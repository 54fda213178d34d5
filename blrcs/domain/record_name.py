"""Resource names of collections and records.

Names of records are read at every call that concerns one, so that one pattern both judges a name
and takes it apart.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from blrcs.domain.errors import InvalidArgumentError

TENANTS = "tenants"
COLLECTIONS = "collections"
RECORDS = "records"

KEPT_KEYS = 1024
"""Of collections, which are few, and named by every call that writes."""

_ID = r"([a-z0-9][a-z0-9._-]{0,63})"
_RECORD_ID = r"([A-Za-z0-9][A-Za-z0-9._~-]{0,127})"
_ID_OF_RECORD = re.compile(_RECORD_ID)
_TENANT_NAME = re.compile(rf"{TENANTS}/{_ID}")
_COLLECTION_NAME = re.compile(rf"{TENANTS}/{_ID}/{COLLECTIONS}/{_ID}")
_RECORD_NAME = re.compile(rf"{TENANTS}/{_ID}/{COLLECTIONS}/{_ID}/{RECORDS}/{_RECORD_ID}")


class CollectionKey(NamedTuple):
    """The ids in a collection's name."""

    tenant: str
    collection: str

    @property
    def name(self) -> str:
        """``tenants/{tenant}/collections/{collection}``."""
        return f"{TENANTS}/{self.tenant}/{COLLECTIONS}/{self.collection}"

    @property
    def record_prefix(self) -> str:
        """What the names of its records begin with; their ids follow."""
        return f"{TENANTS}/{self.tenant}/{COLLECTIONS}/{self.collection}/{RECORDS}/"

    def record(self, record_id: str) -> "RecordKey":
        """The key of a record in it."""
        return RecordKey(self.tenant, self.collection, record_id)


class RecordKey(NamedTuple):
    """The ids in a record's name."""

    tenant: str
    collection: str
    record: str

    @property
    def name(self) -> str:
        """``tenants/{tenant}/collections/{collection}/records/{record}``."""
        return f"{TENANTS}/{self.tenant}/{COLLECTIONS}/{self.collection}/{RECORDS}/{self.record}"

    @property
    def parent(self) -> CollectionKey:
        """The collection that it is in."""
        return CollectionKey(self.tenant, self.collection)


def is_record_id(text: str) -> bool:
    """Whether a record's name may end with it."""
    return _ID_OF_RECORD.fullmatch(text) is not None


def tenant_in(name: str, *, field: str = "parent") -> str:
    """The id in ``tenants/{tenant}``; InvalidArgumentError about ``field`` for another name."""
    found = _TENANT_NAME.fullmatch(name)
    if found is None:
        raise InvalidArgumentError(field, f"is not of the form {TENANTS}/*")
    return found[1]


@lru_cache(KEPT_KEYS)
def collection_key_in(name: str, *, field: str = "name") -> CollectionKey:
    """The ids in a collection's name; InvalidArgumentError about ``field`` for another name."""
    found = _COLLECTION_NAME.fullmatch(name)
    if found is None:
        raise InvalidArgumentError(field, f"is not of the form {TENANTS}/*/{COLLECTIONS}/*")
    return CollectionKey(*found.groups())


def record_key_in(name: str, *, field: str = "name") -> RecordKey:
    """The ids in a record's name; InvalidArgumentError about ``field`` for another name."""
    found = _RECORD_NAME.fullmatch(name)
    if found is None:
        raise InvalidArgumentError(
            field, f"is not of the form {TENANTS}/*/{COLLECTIONS}/*/{RECORDS}/*"
        )
    # As RecordKey(*groups), in a third of the time: every read makes one.
    return tuple.__new__(RecordKey, found.groups())
