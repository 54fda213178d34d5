"""What a caller may set of a collection."""

from dataclasses import dataclass

INDEXES = "indexes"
UPDATABLE = frozenset({"display_name", "json_schema", "default_ttl", INDEXES})
ATTRIBUTES = {"default_ttl": "default_ttl_ns"}
"""Fields whose attributes have other names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionFields:
    """Values for the fields of a collection of the same names."""

    display_name: str = ""
    json_schema: str = ""
    indexes: tuple[str, ...] = ()
    default_ttl_ns: int | None = None
    encrypted_fields: tuple[str, ...] = ()
    secret_fields: tuple[str, ...] = ()
