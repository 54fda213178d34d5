"""Creating a collection."""

from blrcs.application.collections.collection_fields import CollectionFields
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.encryption import CollectionKeys
from blrcs.application.ports.records import CollectionRepository, DocumentSchemas
from blrcs.domain.collection import Collection, check_paths
from blrcs.domain.record_name import CollectionKey


class CreateCollection:
    """Creates a collection, with data keys of its own where something is to be encrypted."""

    def __init__(
        self,
        *,
        collections: CollectionRepository,
        schemas: DocumentSchemas,
        keys: CollectionKeys,
        clock: Clock,
    ) -> None:
        self._collections = collections
        self._schemas = schemas
        self._keys = keys
        self._clock = clock

    async def __call__(self, key: CollectionKey, fields: CollectionFields) -> Collection:
        """The collection created.

        Raises:
            InvalidArgumentError: The schema or a path is not acceptable.
            AlreadyExistsError: The id is taken.
            FailedPreconditionError: The master key is missing or another one, or the tenant's keys
                were destroyed.
        """
        check_paths(
            indexes=fields.indexes,
            encrypted_fields=fields.encrypted_fields,
            secret_fields=fields.secret_fields,
        )
        if fields.json_schema:
            self._schemas.compile(fields.json_schema)
        if fields.encrypted_fields or fields.secret_fields:
            await self._keys.prepare(key)
        now_ns = self._clock()
        collection = Collection(
            key=key,
            display_name=fields.display_name,
            json_schema=fields.json_schema,
            indexes=fields.indexes,
            default_ttl_ns=fields.default_ttl_ns,
            encrypted_fields=fields.encrypted_fields,
            secret_fields=fields.secret_fields,
            create_time_ns=now_ns,
            update_time_ns=now_ns,
        )
        await self._collections.add(collection)
        return collection
