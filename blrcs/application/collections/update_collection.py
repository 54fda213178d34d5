"""Changing a collection."""

from collections.abc import Iterable
from dataclasses import replace

from blrcs.application.collections.collection_fields import (
    ATTRIBUTES,
    INDEXES,
    UPDATABLE,
    CollectionFields,
)
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.records import CollectionRepository, DocumentSchemas
from blrcs.application.update_mask import fields_to_update
from blrcs.domain.collection import Collection
from blrcs.domain.errors import PermissionDeniedError
from blrcs.domain.etag import require_etag
from blrcs.domain.record_name import CollectionKey
from blrcs.domain.reindexing import reindexed

JUDGE_SECRETS = "blrcs.collections.judgeSecrets"


class UpdateCollection:
    """Changes fields of a collection. What is encrypted or secret stays as it was.

    Indexes that are declared are built, and those that are declared no more are dropped, from then
    on and beside the writes to records.
    """

    def __init__(
        self, *, collections: CollectionRepository, schemas: DocumentSchemas, clock: Clock
    ) -> None:
        self._collections = collections
        self._schemas = schemas
        self._clock = clock

    async def __call__(
        self,
        key: CollectionKey,
        fields: CollectionFields,
        *,
        mask: Iterable[str],
        etag: str,
        may_judge_secrets: bool,
    ) -> Collection:
        """The collection after the change.

        Args:
            key: The collection's.
            fields: What they are to be.
            mask: Which of them; what stands for all does so for all but the indexes, which take
                long to be built.
            etag: That of the collection that is meant; empty for any.
            may_judge_secrets: Whether who asks holds JUDGE_SECRETS: by what a schema lets pass,
                writers find out what secrets are that a record has already.

        Raises:
            InvalidArgumentError: The mask names what cannot be changed, or the schema is not
                acceptable.
            NotFoundError: There is no such collection.
            AbortedError: ``etag`` is not empty and not the stored one.
            PermissionDeniedError: The schema would be another one, of a collection with secrets.
            FailedPreconditionError: Indexes cannot be changed so: of an encrypted field never, and
                not while too many are under way.
        """
        mask = tuple(mask)
        named = fields_to_update(mask, UPDATABLE)
        chosen = [ATTRIBUTES.get(name, name) for name in named if name != INDEXES]
        if "json_schema" in chosen and fields.json_schema:
            self._schemas.compile(fields.json_schema)
        now_ns = self._clock()

        def change(stored: Collection) -> Collection:
            require_etag(stored.name, stored=stored.etag, given=etag)
            changed = replace(
                reindexed(stored, fields.indexes) if INDEXES in mask else stored,
                **{name: getattr(fields, name) for name in chosen},
                update_time_ns=max(now_ns, stored.update_time_ns),
                revision=stored.revision + 1,
            )
            judges = stored.secret_fields and changed.json_schema != stored.json_schema
            if judges and not may_judge_secrets:
                raise PermissionDeniedError(
                    "PERMISSION_DENIED",
                    f"{JUDGE_SECRETS} is needed",
                    metadata={"permission": JUDGE_SECRETS},
                )
            return changed

        return await self._collections.update(key, change)
