"""Puts RecordService together."""

import os
from dataclasses import dataclass
from typing import Any

from blrcs.api.record_messages import MessageImages
from blrcs.api.record_service import RecordService
from blrcs.api.record_use_cases import CollectionUseCases, RecordUseCases
from blrcs.application.collections.build_indexes import BuildIndexes
from blrcs.application.collections.collection_shapes import CollectionShapes
from blrcs.application.collections.create_collection import CreateCollection
from blrcs.application.collections.delete_collection import DeleteCollection
from blrcs.application.collections.get_collection import GetCollection
from blrcs.application.collections.indexed_reads import IndexedReads
from blrcs.application.collections.list_collections import ListCollections
from blrcs.application.collections.update_collection import UpdateCollection
from blrcs.application.ports.records import RecordReader
from blrcs.application.records.batch_get_records import DEFAULT_REPLY_BYTES, BatchGetRecords
from blrcs.application.records.batch_write_records import BatchWriteRecords
from blrcs.application.records.count_records import CountRecords
from blrcs.application.records.create_plain_records import CreatePlainRecords
from blrcs.application.records.create_record import CreateRecord
from blrcs.application.records.delete_record import DeleteRecord
from blrcs.application.records.get_record import GetRecord
from blrcs.application.records.list_records import ListRecords
from blrcs.application.records.plain_creations import PlainCreations
from blrcs.application.records.purge_records import PurgeRecords
from blrcs.application.records.record_sealer import RecordSealer
from blrcs.application.records.record_writer import RecordWriter
from blrcs.application.records.update_record import UpdateRecord
from blrcs.application.records.watch_records import WatchRecords
from blrcs.assembly.encryption import Encryption
from blrcs.assembly.foundation import Foundation
from blrcs.config.records import Records as RecordsSection
from blrcs.database.repositories.collection import SqlCollectionRepository
from blrcs.database.repositories.index_builds import SqlIndexBuilds
from blrcs.database.repositories.record import SqlRecordRepository
from blrcs.database.repositories.record_at_once import ReadAtOnce, RecordsAtOnce
from blrcs.database.repositories.record_feed import SqlChangeFeed
from blrcs.database.repositories.record_together import RecordsTogether
from blrcs.encryption.collection_keys import StoredCollectionKeys
from blrcs.records.change_follower import ChangeFollower
from blrcs.records.change_signal import LocalChangeSignal
from blrcs.records.copied_records import CopiedRecords
from blrcs.records.json_schema import JsonSchemas
from blrcs_native.cache.stamps import CacheStamps
from blrcs_native.guards.authorization import CurrentAccess
from blrcs_native.records.copies import RecordCopies
from blrcs_native.shared.generation import Generation

NS_PER_S = 1_000_000_000
HOLDER_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """What answers GetRecord without the database, and what keeps it from being too old."""

    of_records: RecordCopies
    follower: ChangeFollower


DirectReads = RecordCopies | ReadAtOnce | RecordsTogether
"""Copies, and what else is read becomes one; or the database at once; or for several together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What the rest of the server needs of it.

    Attributes:
        direct_reads: Answers reads of single records without Python, where anything can.
        create_together: Creates records of several callers together, where that gains anything.
    """

    service: RecordService
    purge: PurgeRecords
    build_indexes: BuildIndexes
    signal: LocalChangeSignal
    copies: Copies | None
    direct_reads: DirectReads | None
    create_together: CreatePlainRecords | None


def assemble_records(
    base: Foundation,
    settings: RecordsSection,
    access: CurrentAccess,
    encryption: Encryption,
    *,
    refresh_interval_ns: int,
    replica_max_lag_ns: int = 0,
    stamps: CacheStamps,
    generation: Generation | None = None,
    max_reply_bytes: int = DEFAULT_REPLY_BYTES,
) -> Records:
    """Everything about collections and their records.

    Args:
        base: What it stands on.
        settings: How long changes are kept.
        access: Decides where a method needs a second permission.
        encryption: What fields are encrypted with.
        refresh_interval_ns: How often a watcher looks where nobody wakes it, and for how long at
            most a copy may hide what others have changed.
        replica_max_lag_ns: How old is what a replica says, at most, where there are any.
        stamps: Where processes tell each other that copies are old.
        generation: Moves with every write of any process; None where there is one process.
        max_reply_bytes: What a message has at most.
    """
    keys = StoredCollectionKeys(encryption.keys)
    collections = SqlCollectionRepository(base.database)
    records = SqlRecordRepository(base.database, replica_max_lag_ns=replica_max_lag_ns)
    feed = SqlChangeFeed(base.database)
    schemas = JsonSchemas()
    copies = None
    gets: RecordReader = records
    if settings.copies:
        kept = RecordCopies(stamps, max_bytes=settings.copies, clock=base.clock)
        follower = ChangeFollower(feeds=feed, copies=kept, interval_ns=refresh_interval_ns)
        copies = Copies(of_records=kept, follower=follower)
        gets = CopiedRecords(copies=kept, follower=follower, committed=records, others=records)
    signal = LocalChangeSignal(
        interval_s=refresh_interval_ns / NS_PER_S,
        generation=generation,
        stamps=stamps,
        announce=None if base.announcer is None else base.announcer.announce,
    )
    shapes = CollectionShapes(collections=collections, schemas=schemas, keys=keys)
    # Copies show what is sealed as it was stored.
    encryption.on_change.extend([shapes.forget_all, stamps.bump_all])
    sealer = RecordSealer(shapes=shapes)
    writer = RecordWriter(
        shapes=shapes,
        records=records,
        images=MessageImages(),
        sealer=sealer,
        signal=signal,
        clock=base.clock,
    )
    changing: dict[str, Any] = {
        "collections": collections,
        "schemas": schemas,
        "clock": base.clock,
    }
    indexed = IndexedReads(shapes)
    reading: dict[str, Any] = {"records": records, "clock": base.clock}
    creating: dict[str, Any] = {"writer": writer, "secrets": base.secrets, "clock": base.clock}
    create_plain = CreatePlainRecords(
        shapes=shapes, images=MessageImages(), signal=signal, secrets=base.secrets, **reading
    )
    # Where there are replicas, a call's own writes tell it how far they have to be.
    create_together = None if base.database.is_shared else create_plain

    service = RecordService(
        collections=CollectionUseCases(
            create_collection=CreateCollection(keys=keys, **changing),
            get_collection=GetCollection(collections=collections),
            list_collections=ListCollections(collections=collections, page_tokens=base.page_tokens),
            update_collection=UpdateCollection(**changing),
            delete_collection=DeleteCollection(
                collections=collections, signal=signal, clock=base.clock
            ),
        ),
        records=RecordUseCases(
            create_record=CreateRecord(**creating),
            create_plain_records=create_plain,
            create_plain_record=None if create_together is None else PlainCreations(create_plain),
            get_record=GetRecord(records=gets, clock=base.clock),
            list_records=ListRecords(indexed=indexed, page_tokens=base.page_tokens, **reading),
            count_records=CountRecords(indexed=indexed, **reading),
            update_record=UpdateRecord(writer=writer),
            delete_record=DeleteRecord(writer=writer),
            batch_get_records=BatchGetRecords(max_reply_bytes=max_reply_bytes, **reading),
            batch_write_records=BatchWriteRecords(**creating),
            watch_records=WatchRecords(feed=feed, signal=signal, resume_tokens=base.page_tokens),
            sealer=sealer,
        ),
        may=access.permits,
    )
    purge = PurgeRecords(
        feed=feed,
        signal=signal,
        change_ttl_ns=settings.change_ttl.ns,
        max_changes=settings.max_changes,
        **reading,
    )
    return Records(
        service=service,
        purge=purge,
        build_indexes=BuildIndexes(
            builds=SqlIndexBuilds(base.database, base.clock),
            holder=os.urandom(HOLDER_BYTES).hex(),
        ),
        signal=signal,
        copies=copies,
        direct_reads=_direct_reads(base, copies),
        create_together=create_together,
    )


def _direct_reads(base: Foundation, copies: Copies | None) -> DirectReads | None:
    if base.consistency_token is not None:
        # With replicas, what a caller's token stands for may be newer than any copy, and is known
        # on the road through Python alone.
        return None
    if copies is not None:
        return copies.of_records
    if base.database.reader is not None:
        # That is quicker than handing them to somebody else.
        return RecordsAtOnce(base.database.reader, base.clock).read
    return RecordsTogether(base.database, base.clock)
