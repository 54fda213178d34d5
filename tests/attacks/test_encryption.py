"""What somebody who can write to the database does with what is encrypted there."""

import base64
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from blrcs.v1 import record_pb2, record_pb2_grpc
from tests.attacks.world import World

FIELDS = {"encrypted_fields": ["iban", "name"], "secret_fields": ["pin"]}
IBANS = {"a": "DE00 unmistakable", "b": "DE11 unmistakable"}
PIN = "an unmistakable secret"
PLACES = [(tenant, kept) for tenant in ("alice", "mallory") for kept in ("sealed", "other")]


@pytest.fixture
def sealed(unharmed: World) -> Iterator[SimpleNamespace]:
    """Two collections in each of two tenants, with two records of the same names."""
    stub = record_pb2_grpc.RecordServiceStub(unharmed.channel)
    for tenant, name in PLACES:
        parent = f"tenants/{tenant}"
        stub.CreateCollection(
            record_pb2.CreateCollectionRequest(
                parent=parent, collection_id=name, collection=record_pb2.Collection(**FIELDS)
            ),
            metadata=unharmed.admin,
        )
        for record_id, iban in IBANS.items():
            request = record_pb2.CreateRecordRequest(
                parent=f"{parent}/collections/{name}", record_id=record_id
            )
            request.record.data.update({"iban": iban, "name": iban, "pin": PIN})
            made = stub.CreateRecord(request, metadata=unharmed.admin)
            assert "pin" not in made.data
    yield SimpleNamespace(world=unharmed, stub=stub, path=unharmed.data / "blrcs.db")
    for tenant, name in PLACES:
        request = record_pb2.DeleteCollectionRequest(
            name=f"tenants/{tenant}/collections/{name}", force=True
        )
        stub.DeleteCollection(request, metadata=unharmed.admin)


def read(sealed: SimpleNamespace, tenant: str, kept: str, record_id: str) -> Any:
    request = record_pb2.GetRecordRequest(
        name=f"tenants/{tenant}/collections/{kept}/records/{record_id}"
    )
    return sealed.stub.GetRecord(request, metadata=sealed.world.admin)


def stored(sealed: SimpleNamespace, *place: str) -> bytes:
    with closing(sqlite3.connect(sealed.path)) as database:
        (value,) = database.execute(
            "SELECT sealed FROM records WHERE tenant = ? AND collection = ? AND record_id = ?",
            place,
        ).fetchone()
    return bytes(value)


def put(sealed: SimpleNamespace, value: bytes, *place: str) -> None:
    with closing(sqlite3.connect(sealed.path)) as database, database:
        database.execute(
            "UPDATE records SET sealed = ? WHERE tenant = ? AND collection = ? AND record_id = ?",
            (value, *place),
        )


VICTIM = ("alice", "sealed", "a")


@pytest.mark.parametrize(
    "source",
    [("alice", "sealed", "b"), ("alice", "other", "a"), ("mallory", "sealed", "a")],
    ids=["of another record", "of another collection", "of another tenant"],
)
def test_a_ciphertext_that_is_moved_is_not_opened(
    sealed: SimpleNamespace, source: tuple[str, str, str]
) -> None:
    own = stored(sealed, *VICTIM)
    put(sealed, stored(sealed, *source), *VICTIM)
    with pytest.raises(grpc.RpcError) as caught:
        read(sealed, *VICTIM)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "unmistakable" not in (caught.value.details() or "")
    put(sealed, own, *VICTIM)
    assert read(sealed, *VICTIM).data["iban"] == IBANS["a"]


def test_a_ciphertext_of_another_field_is_not_opened(sealed: SimpleNamespace) -> None:
    own = stored(sealed, *VICTIM)
    put(sealed, own.replace(b"iban", b"xxxx").replace(b"pin", b"iban"), *VICTIM)
    with pytest.raises(grpc.RpcError) as caught:
        read(sealed, *VICTIM)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    put(sealed, own, *VICTIM)


@pytest.mark.parametrize(
    ("tenant", "kept"),
    [("mallory", "sealed"), ("alice", "other")],
    ids=["of another tenant", "of another collection"],
)
def test_a_key_that_is_moved_is_not_taken(sealed: SimpleNamespace, tenant: str, kept: str) -> None:
    """Wrapped keys are bound to their tenant, collection and purpose."""
    key_of = (
        "SELECT wrapped, wrapped_by, key_id FROM data_keys"
        " WHERE tenant = ? AND collection = ? AND purpose = 2"
    )
    set_key = (
        "UPDATE data_keys SET wrapped = ?, wrapped_by = ?, key_id = ?"
        " WHERE tenant = 'alice' AND collection = 'sealed' AND purpose = 2"
    )
    revise = "SET revision = revision + 1 WHERE tenant = 'alice' AND"
    with closing(sqlite3.connect(sealed.path)) as database, database:
        own = database.execute(key_of, ("alice", "sealed")).fetchone()
        other = database.execute(key_of, (tenant, kept)).fetchone()
        database.execute(set_key, (other[0], own[1], other[2]))
        # Or nobody would look at it.
        database.execute(f"UPDATE collections {revise} id = 'sealed'")
        database.execute(f"UPDATE record_feeds {revise} collection = 'sealed'")
    request = record_pb2.CreateRecordRequest(
        parent="tenants/alice/collections/sealed", record_id="c"
    )
    request.record.data.update({"iban": "DE22"})
    with pytest.raises(grpc.RpcError) as caught:
        sealed.stub.CreateRecord(request, metadata=sealed.world.admin)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    with closing(sqlite3.connect(sealed.path)) as database, database:
        database.execute(set_key, own)
    assert read(sealed, *VICTIM).data["iban"] == IBANS["a"]


def test_no_nonce_is_used_twice_and_nothing_is_stored_in_the_clear(
    sealed: SimpleNamespace,
) -> None:
    nonces = [
        base64.b64decode(value)[:37]
        for tenant, kept in PLACES
        for record_id in IBANS
        for value in json.loads(stored(sealed, tenant, kept, record_id)).values()
    ]
    assert len(nonces) == len(set(nonces)) == 24
    content = b"".join(path.read_bytes() for path in sealed.path.parent.glob("blrcs.db*"))
    assert b"unmistakable" not in content


@pytest.mark.parametrize("field", ["pin", "iban"])
def test_what_is_sealed_is_told_by_no_filter_or_order(sealed: SimpleNamespace, field: str) -> None:
    """Not even whether it is there, or which of two comes first."""
    parent = "tenants/alice/collections/sealed"
    call = {"metadata": sealed.world.admin}
    asked = [
        {"filter": f'data.{field} = "{PIN}"'},
        {"filter": f'data.{field} >= "a"'},
        {"filter": f"data.{field}:*"},
        {"order_by": f"data.{field}"},
    ]
    for each in asked:
        with pytest.raises(grpc.RpcError) as refused:
            sealed.stub.ListRecords(record_pb2.ListRecordsRequest(parent=parent, **each), **call)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "unmistakable" not in (refused.value.details() or "")


@pytest.mark.parametrize("path", ["data", "data.pin", "*", ""])
def test_a_secret_is_shown_by_no_mask(sealed: SimpleNamespace, path: str) -> None:
    request = record_pb2.GetRecordRequest(
        name="tenants/alice/collections/sealed/records/a",
        read_mask={"paths": [path] if path else []},
    )
    asked = sealed.stub.GetRecord.future(request, metadata=sealed.world.admin)
    assert asked.code() in {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT}
    assert asked.code() is not grpc.StatusCode.OK or "pin" not in asked.result().data
