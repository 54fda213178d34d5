"""Collections: what their records are like."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.etag import render_etag
from blrcs.domain.field_path import Path, overlap, parse_path
from blrcs.domain.filter.expression import Column
from blrcs.domain.record_name import CollectionKey

DATA = "data"
"""What the paths of masks, filters and orders begin with, and those of collections do not."""

TIME_INDEXES: Mapping[str, Column] = {
    f".{column}": column for column in (Column.CREATE_TIME, Column.UPDATE_TIME)
}
"""What names the times of records among the indexes, where the others are paths in their data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A collection as stored. Times are nanoseconds since the Unix epoch.

    Attributes:
        json_schema: What data has to meet, as JSON text; empty where anything will do.
        indexes: Paths within the data that are kept in an index, or one of ``TIME_INDEXES``. That
            of an encrypted field keeps what tells equal values, and nothing else of them.
        building: Those that are to be among them when their indexes are whole.
        retiring: Those that were, and are kept up for reads that have begun by them.
        dropping: Those whose indexes nobody keeps up, and that are not gone yet.
        default_ttl_ns: How long a record lives that was created without an expiry.
        encrypted_fields: Paths within the data that are encrypted at rest.
        secret_fields: Paths that are encrypted at rest and never shown.
        data_key: What earlier versions encrypted those with, wrapped; empty for new collections.
        revision: Counts changes, from 1.
    """

    key: CollectionKey
    display_name: str = ""
    json_schema: str = ""
    indexes: tuple[str, ...] = ()
    building: tuple[str, ...] = ()
    retiring: tuple[str, ...] = ()
    dropping: tuple[str, ...] = ()
    default_ttl_ns: int | None = None
    encrypted_fields: tuple[str, ...] = ()
    secret_fields: tuple[str, ...] = ()
    data_key: bytes = b""
    create_time_ns: int
    update_time_ns: int
    revision: int = 1

    @property
    def name(self) -> str:
        """``tenants/{tenant}/collections/{collection}``."""
        return self.key.name

    @property
    def etag(self) -> str:
        """Different after every change."""
        return render_etag(self.create_time_ns, self.revision)

    @property
    def sealed_fields(self) -> tuple[str, ...]:
        """Paths of what is encrypted at rest."""
        return self.encrypted_fields + self.secret_fields

    @property
    def declared(self) -> tuple[str, ...]:
        """What is to have an index."""
        return self.indexes + self.building

    @property
    def maintained(self) -> tuple[str, ...]:
        """What is kept in an index by each write."""
        return self.indexes + self.building + self.retiring

    @property
    def is_reindexed(self) -> bool:
        """Whether indexes are being built or dropped."""
        return bool(self.building or self.retiring or self.dropping)

    @property
    def has_blind_indexes(self) -> bool:
        """Whether an encrypted field has an index."""
        return not set(self.indexes).isdisjoint(self.encrypted_fields)


def check_paths(
    *, indexes: Iterable[str], encrypted_fields: Iterable[str], secret_fields: Iterable[str]
) -> None:
    """Raises InvalidArgumentError where a path is none, or is in the way of another.

    What is sealed lies in nothing else that is, and no index tells of it, but for one of an
    encrypted field as a whole.
    """
    encrypted_fields = tuple(encrypted_fields)
    blind = {path for _, path in _paths(encrypted_fields, "collection.encrypted_fields")}
    sealed = [
        *_paths(encrypted_fields, "collection.encrypted_fields"),
        *_paths(secret_fields, "collection.secret_fields"),
    ]
    for number, (field, path) in enumerate(sealed):
        if any(overlap(path, other) for _, other in sealed[:number]):
            raise InvalidArgumentError(field, f"{'.'.join(path)!r} lies in another, or around it")
    seen: set[Path] = set()
    for field, path in _paths(indexes, "collection.indexes", TIME_INDEXES):
        if path in seen:
            raise InvalidArgumentError(field, f"{'.'.join(path)!r} is named twice")
        if path not in blind and any(overlap(path, other) for _, other in sealed):
            raise InvalidArgumentError(field, f"{'.'.join(path)!r} is encrypted or secret")
        seen.add(path)


def _paths(texts: Iterable[str], field: str, others: Container[str] = ()) -> list[tuple[str, Path]]:
    """Paths with what they are called; ``others`` are none in the data, and in the way of none."""
    return [
        (name, ("", text) if text in others else _path(text, name))
        for number, text in enumerate(texts)
        for name in [f"{field}[{number}]"]
    ]


def _path(text: str, field: str) -> Path:
    # As masks and filters have it: it would name what no record has, and protect nothing.
    if text == DATA or text.startswith(f"{DATA}."):
        raise InvalidArgumentError(
            field,
            f"begins within the data: leave out {DATA!r}, or put it in backticks where the data"
            " have a member of that name",
        )
    return parse_path(text, field=field)
