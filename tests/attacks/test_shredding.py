"""Who may destroy the keys of a tenant, and how it is to be said."""

from typing import Any

import grpc
import pytest

from blrcs.v1 import encryption_pb2, encryption_pb2_grpc, record_pb2, record_pb2_grpc
from tests.attacks.world import World
from tests.e2e.workers import Metadata

TENANT = "tenants/shredded"
COLLECTION = f"{TENANT}/collections/notes"
IBAN = "DE00 unmistakable"


def shred(world: World, metadata: Metadata, name: str, confirm: str) -> tuple[Any, str]:
    """The code that it ends with, and what the answer says of keys."""
    stub = encryption_pb2_grpc.EncryptionServiceStub(world.channel)
    request = encryption_pb2.ShredTenantRequest(name=name, confirm_name=confirm)
    try:
        answer = stub.ShredTenant(request, metadata=metadata)
    except grpc.RpcError as error:
        return error.code(), error.details() or ""
    return grpc.StatusCode.OK, str(answer.destroyed_keys)


def test_a_tenant_is_shredded_by_who_may_and_says_so_twice(unharmed: World) -> None:
    world = unharmed
    stub = record_pb2_grpc.RecordServiceStub(world.channel)
    stub.CreateCollection(
        record_pb2.CreateCollectionRequest(
            parent=TENANT, collection_id="notes", collection={"encrypted_fields": ["iban"]}
        ),
        metadata=world.admin,
    )
    creation = record_pb2.CreateRecordRequest(parent=COLLECTION, record_id="a")
    creation.record.data.update({"iban": IBAN})
    stub.CreateRecord(creation, metadata=world.admin)

    def read() -> Any:
        request = record_pb2.GetRecordRequest(name=f"{COLLECTION}/records/a")
        return dict(stub.GetRecord(request, metadata=world.admin).data)

    for metadata, code in (
        ([], grpc.StatusCode.UNAUTHENTICATED),
        (world.mallory, grpc.StatusCode.PERMISSION_DENIED),
        (world.alice, grpc.StatusCode.PERMISSION_DENIED),
    ):
        assert shred(world, metadata, TENANT, TENANT)[0] is code
    for confirm in ("", "tenants/shredde", "tenants/shredded/"):
        assert shred(world, world.admin, TENANT, confirm)[0] is grpc.StatusCode.INVALID_ARGUMENT
    for name in ("tenants/../shredded", "tenants/Shredded", "tenants/", ""):
        assert shred(world, world.admin, name, name)[0] in {
            grpc.StatusCode.INVALID_ARGUMENT,
            grpc.StatusCode.PERMISSION_DENIED,
        }
    missing = shred(world, world.admin, "tenants/typo", "tenants/typo")
    assert missing[0] is grpc.StatusCode.NOT_FOUND
    assert read() == {"iban": IBAN}

    assert shred(world, world.admin, TENANT, TENANT) == (grpc.StatusCode.OK, "2")
    with pytest.raises(grpc.RpcError) as caught:
        read()
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert IBAN not in str(caught.value)
    assert shred(world, world.admin, TENANT, TENANT) == (grpc.StatusCode.OK, "0")
    stub.DeleteCollection(
        record_pb2.DeleteCollectionRequest(name=COLLECTION, force=True), metadata=world.admin
    )
