"""What somebody who can write to the database does to the keys that are in it."""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import grpc
import pytest

from blrcs.v1 import encryption_pb2, encryption_pb2_grpc, record_pb2, record_pb2_grpc
from tests.attacks.world import ATTACKER, VICTIM, World, reason_in, world
from tests.e2e.workers import TIMEOUT_S
from tests.transports import TRANSPORTS

KEPT = "numbers"
EMPTY = "empty"
SECRET = "unmistakable"
SEAL, WRAP = 2, 1
DESTROYED = 3
CANNOT = "keys cannot be used"
REASONS = {"ENCRYPTION_KEY_UNUSABLE", "ENCRYPTION_KEY_WRONG", "ENCRYPTED_FIELD_ALTERED"}
OF_COLLECTION = f"tenant = '{VICTIM}' AND collection = '{KEPT}' AND purpose = {SEAL}"
OF_TENANT = f"tenant = '{VICTIM}' AND collection = '' AND purpose = {WRAP}"
OTHERS = OF_TENANT.replace(VICTIM, ATTACKER)
EDITS = {
    "a bit of the key": f"UPDATE data_keys SET wrapped = flipped(wrapped) WHERE {OF_COLLECTION}",
    "its end": f"UPDATE data_keys SET wrapped = substr(wrapped, 1, 9) WHERE {OF_COLLECTION}",
    "all of it": f"UPDATE data_keys SET wrapped = x'' WHERE {OF_COLLECTION}",
    "who wraps it": f"UPDATE data_keys SET wrapped_by = 'ff00' WHERE {OF_COLLECTION}",
    "what it is for": f"UPDATE data_keys SET purpose = 3 WHERE {OF_COLLECTION}",
    "what nothing is for": f"UPDATE data_keys SET purpose = 9 WHERE {OF_COLLECTION}",
    "its state": f"UPDATE data_keys SET state = 7 WHERE {OF_COLLECTION}",
    "a bit of the tenant's": f"UPDATE data_keys SET wrapped = flipped(wrapped) WHERE {OF_TENANT}",
    "the tenant's to nothing": f"UPDATE data_keys SET wrapped = x'' WHERE {OF_TENANT}",
    "the id of the tenant's": f"UPDATE data_keys SET key_id = x'00' WHERE {OF_TENANT}",
    "the master's name": f"UPDATE data_keys SET wrapped_by = 'nobody' WHERE {OF_TENANT}",
    "the tenant's to another's": (
        "UPDATE data_keys SET (wrapped, wrapped_by, key_id) ="
        f" (SELECT wrapped, wrapped_by, key_id FROM data_keys WHERE {OTHERS}) WHERE {OF_TENANT}"
    ),
    "the id of the tenant's to another's": (
        "UPDATE data_keys SET key_id ="
        f" (SELECT key_id FROM data_keys WHERE {OTHERS}) WHERE {OF_TENANT}"
    ),
}
REMOVALS = {
    "the key": f"DELETE FROM data_keys WHERE {OF_COLLECTION}",
    "the tenant's": f"DELETE FROM data_keys WHERE {OF_TENANT}",
    "all of the tenant": f"DELETE FROM data_keys WHERE tenant = '{VICTIM}'",
}


def flipped(value: bytes) -> bytes:
    return value[:-1] + bytes([value[-1] ^ 1])


class Keys:
    """A server with encrypted fields in two tenants, and its database."""

    def __init__(self, attacked: World) -> None:
        self.world = attacked
        self.path = attacked.data / "blrcs.db"
        self._stub = record_pb2_grpc.RecordServiceStub(attacked.channel)
        for tenant in (VICTIM, ATTACKER):
            for collection in (KEPT, EMPTY):
                assert self.create(collection, tenant) == "OK"
            assert self.write("first", tenant=tenant) == "OK"

    def execute(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path, timeout=TIMEOUT_S)) as database, database:
            database.create_function("flipped", 1, flipped)
            for each in statements:
                database.execute(each)

    def rows(self, tenant: str) -> list[tuple[Any, ...]]:
        """What is left of its keys: what each is for, its state and itself."""
        asked = "SELECT purpose, state, wrapped FROM data_keys WHERE tenant = ? ORDER BY 1, 2"
        with closing(sqlite3.connect(self.path)) as database:
            return database.execute(asked, [tenant]).fetchall()

    def shred(self, tenant: str) -> int:
        """How many keys it says that it has destroyed."""
        name = f"tenants/{tenant}"
        request = encryption_pb2.ShredTenantRequest(name=name, confirm_name=name)
        stub = encryption_pb2_grpc.EncryptionServiceStub(self.world.channel)
        answer = stub.ShredTenant(request, metadata=self.world.admin, timeout=TIMEOUT_S)
        return int(answer.destroyed_keys)

    def have_looked(self) -> None:
        """Has every server look at its keys anew."""
        self.execute(
            f"UPDATE settings SET value = x'{os.urandom(8).hex()}' WHERE key = 'encryption_epoch'",
            f"UPDATE collections SET revision = revision + 1 WHERE id IN ('{KEPT}', '{EMPTY}')",
            "UPDATE record_feeds SET revision = revision + 1"
            f" WHERE collection IN ('{KEPT}', '{EMPTY}')",
        )

    @contextmanager
    def edited(self, edit: str) -> Iterator[None]:
        """The rows of keys are as they were again in the end."""
        with closing(sqlite3.connect(self.path)) as database:
            rows = database.execute("SELECT * FROM data_keys").fetchall()
        self.execute(edit)
        self.have_looked()
        try:
            yield
        finally:
            places = ", ".join("?" * len(rows[0]))
            with closing(sqlite3.connect(self.path, timeout=TIMEOUT_S)) as database, database:
                database.execute("DELETE FROM data_keys")
                database.executemany(f"INSERT INTO data_keys VALUES ({places})", rows)
            self.have_looked()

    def create(self, collection: str, tenant: str = VICTIM) -> str:
        request = record_pb2.CreateCollectionRequest(
            parent=f"tenants/{tenant}",
            collection_id=collection,
            collection={"encrypted_fields": ["iban"]},
        )
        return self._outcome(self._stub.CreateCollection, request)

    def write(self, record_id: str, tenant: str = VICTIM, collection: str = KEPT) -> str:
        """The reason for which it is refused; OK if it is not."""
        parent = f"tenants/{tenant}/collections/{collection}"
        request = record_pb2.CreateRecordRequest(parent=parent, record_id=record_id)
        request.record.data.update({"iban": SECRET})
        return self._outcome(self._stub.CreateRecord, request)

    def read(self, record_id: str, tenant: str = VICTIM) -> str:
        name = f"tenants/{tenant}/collections/{KEPT}/records/{record_id}"
        return self._outcome(self._stub.GetRecord, record_pb2.GetRecordRequest(name=name))

    def records(self) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as database:
            return database.execute("SELECT * FROM records ORDER BY 1, 2, 3").fetchall()

    def in_the_clear(self) -> bool:
        """Whether anything is stored as it was sent."""
        files = self.path.parent.glob("blrcs.db*")
        return any(SECRET.encode() in path.read_bytes() for path in files)

    def _outcome(self, method: Any, request: Any) -> str:
        asked = method.future(request, metadata=self.world.admin, timeout=TIMEOUT_S)
        if asked.code() is grpc.StatusCode.OK:
            answer = asked.result()
            assert isinstance(answer, record_pb2.Collection) or answer.data["iban"] == SECRET
            return "OK"
        assert asked.code() is grpc.StatusCode.FAILED_PRECONDITION, asked
        assert SECRET not in asked.details()
        return reason_in(dict(asked.trailing_metadata()))


@pytest.fixture(scope="module", params=TRANSPORTS)
def keys(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Keys]:
    with world(tmp_path_factory.mktemp("keys"), request.param) as started:
        yield Keys(started)


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_a_key_that_was_edited_is_refused_and_nothing_is_done(keys: Keys, edit: str) -> None:
    with keys.edited(edit):
        before = keys.records()
        assert keys.write("second") in REASONS
        assert keys.read("first") in REASONS
        assert keys.records() == before
        # Another tenant does not notice.
        assert keys.read("first", tenant=ATTACKER) == "OK"
        assert not keys.in_the_clear()
    assert keys.read("first") == "OK"
    assert "Traceback" not in keys.world.server.stderr


@pytest.mark.parametrize("removal", REMOVALS.values(), ids=REMOVALS.keys())
def test_no_key_is_made_in_the_place_of_one_that_is_gone(keys: Keys, removal: str) -> None:
    said = len(keys.world.server.stderr)
    with keys.edited(removal):
        before = keys.records(), keys.rows(VICTIM)
        for _ in range(3):
            assert keys.write("second") == "ENCRYPTION_KEY_UNUSABLE"
            assert keys.read("first") == "ENCRYPTION_KEY_UNUSABLE"
        assert (keys.records(), keys.rows(VICTIM)) == before
        assert keys.read("first", tenant=ATTACKER) == "OK"
    assert keys.read("first") == "OK"
    # The log says why, once in a minute, though no caller is told.
    log = keys.world.server.stderr
    assert log[said:].count(CANNOT) <= 1
    told = [line for line in log.splitlines() if CANNOT in line]
    assert any(re.search(rf"tenants/{VICTIM}/.* (gone|altered)", line) for line in told)
    assert "Traceback" not in keys.world.server.stderr


@pytest.mark.parametrize("removal", ["the tenant's", "all of the tenant"])
def test_a_collection_without_values_brings_no_other_key_for_the_tenant(
    keys: Keys, removal: str
) -> None:
    with keys.edited(REMOVALS[removal]):
        before = keys.rows(VICTIM)
        assert keys.write("second", collection=EMPTY) == "ENCRYPTION_KEY_UNUSABLE"
        assert keys.create("third") == "ENCRYPTION_KEY_UNUSABLE"
        assert keys.rows(VICTIM) == before
        assert keys.write(f"other-{len(removal)}", ATTACKER, EMPTY) == "OK"
    assert keys.read("first") == "OK"


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_a_tenant_is_shredded_whole_whatever_was_done_to_its_keys(keys: Keys, edit: str) -> None:
    with keys.edited(edit):
        before = len(keys.rows(VICTIM))
        assert before > 1
        assert keys.shred(VICTIM) == before
        assert all((state, wrapped) == (DESTROYED, b"") for _, state, wrapped in keys.rows(VICTIM))
        assert WRAP in {purpose for purpose, _, _ in keys.rows(VICTIM)}
        assert keys.shred(VICTIM) == 0
        for outcome in (keys.read("first"), keys.write("second")):
            assert outcome == "ENCRYPTION_KEYS_DESTROYED"
        assert keys.read("first", tenant=ATTACKER) == "OK"
    assert keys.read("first") == "OK"
    assert "Traceback" not in keys.world.server.stderr
