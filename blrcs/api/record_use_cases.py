"""The use cases that RecordService serves, by what they are about."""

from dataclasses import dataclass

from blrcs.application.collections.create_collection import CreateCollection
from blrcs.application.collections.delete_collection import DeleteCollection
from blrcs.application.collections.get_collection import GetCollection
from blrcs.application.collections.list_collections import ListCollections
from blrcs.application.collections.update_collection import UpdateCollection
from blrcs.application.records.batch_get_records import BatchGetRecords
from blrcs.application.records.batch_write_records import BatchWriteRecords
from blrcs.application.records.count_records import CountRecords
from blrcs.application.records.create_plain_records import CreatePlainRecords
from blrcs.application.records.create_record import CreateRecord
from blrcs.application.records.delete_record import DeleteRecord
from blrcs.application.records.get_record import GetRecord
from blrcs.application.records.list_records import ListRecords
from blrcs.application.records.plain_creations import PlainCreations
from blrcs.application.records.record_sealer import RecordSealer
from blrcs.application.records.update_record import UpdateRecord
from blrcs.application.records.watch_records import WatchRecords


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionUseCases:
    """The use cases about collections."""

    create_collection: CreateCollection
    get_collection: GetCollection
    list_collections: ListCollections
    update_collection: UpdateCollection
    delete_collection: DeleteCollection


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordUseCases:
    """The use cases about records, and what opens what is encrypted of one that is shown.

    Attributes:
        create_plain_record: None where creating records together gains nothing.
    """

    create_record: CreateRecord
    create_plain_records: CreatePlainRecords
    get_record: GetRecord
    list_records: ListRecords
    count_records: CountRecords
    update_record: UpdateRecord
    delete_record: DeleteRecord
    batch_get_records: BatchGetRecords
    batch_write_records: BatchWriteRecords
    watch_records: WatchRecords
    sealer: RecordSealer
    create_plain_record: PlainCreations | None = None
