"""Encryption for services, on each database."""

import pytest

from blrcs.domain.errors import FailedPreconditionError
from blrcs.encryption.encryption_service import EncryptionService
from blrcs.encryption.stored_key import KeyState
from blrcs.testing.resources import temporary_resources
from tests.integration.encryption.tool import tool

WHERE = ["patients", "7", "insurance"]


async def reason(call):
    with pytest.raises(FailedPreconditionError) as caught:
        await call
    return caught.value.reason


async def test_a_value_opens_for_its_tenant_in_its_context(store):
    async with tool(store) as it:
        service = EncryptionService(it.keys)
        one = await service.encrypt("acme", WHERE, b"A 123")
        other = await service.encrypt("other", WHERE, b"A 123")
        assert one != await service.encrypt("acme", WHERE, b"A 123")
        assert await service.decrypt("acme", WHERE, one) == b"A 123"
        assert await reason(service.decrypt("acme", WHERE, other)) == "ENCRYPTION_KEY_WRONG"
        elsewhere = service.decrypt("acme", ["patients", "8", "insurance"], one)
        assert await reason(elsewhere) == "ENCRYPTED_FIELD_ALTERED"
        for tenant in ("", "tenants/acme", "A", "a" * 65):
            with pytest.raises(ValueError, match="no id"):
                await service.encrypt(tenant, WHERE, b"")


async def test_blind_indexes_are_equal_for_equal_values_of_a_tenant_in_a_context(store):
    async with tool(store) as it:
        service = EncryptionService(it.keys)
        asked = [
            ("acme", ["patients", "insurance"], b"A 123"),
            ("acme", ["patients", "insurance"], b"A 124"),
            ("acme", ["patients", "phone"], b"A 123"),
            ("acme", ["patientsi", "nsurance"], b"A 123"),
            ("other", ["patients", "insurance"], b"A 123"),
        ]
        found = [await service.blind_index(*each) for each in asked]
        assert len(set(found)) == len(asked)
        assert [await service.blind_index(*each) for each in asked] == found
        await it.rotation.rotate_data("acme")
        await it.keys.look()
        assert [await service.blind_index(*each) for each in asked] == found


async def test_values_outlive_rotations_and_not_their_tenant(store):
    async with tool(store) as it, tool(store) as other:
        service, elsewhere = EncryptionService(it.keys), EncryptionService(other.keys)
        old = await service.encrypt("acme", WHERE, b"A 123")
        assert await elsewhere.decrypt("acme", WHERE, old) == b"A 123"
        assert [scope.tenant for scope in await it.rotation.rotate_data("acme")] == ["acme"]
        assert await it.keys.look()
        new = await service.encrypt("acme", WHERE, b"A 124")
        assert new[1:9] != old[1:9]
        assert await elsewhere.decrypt("acme", WHERE, new) == b"A 124", "before it has looked"
        assert await service.decrypt("acme", WHERE, old) == b"A 123"
        assert [key.state for key in (await it.destroy_unused())[1]] == [KeyState.DECRYPT_ONLY]
        await it.shred("acme")
        for each, server in ((service, it), (elsewhere, other)):
            await server.keys.look()
            for call in (
                each.decrypt("acme", WHERE, new),
                each.encrypt("acme", WHERE, b""),
                each.blind_index("acme", WHERE, b""),
            ):
                assert await reason(call) == "ENCRYPTION_KEYS_DESTROYED"


async def test_tests_of_services_have_it(tmp_path):
    async with temporary_resources() as resources:
        encrypted = await resources.encryption.encrypt("acme", WHERE, b"A 123")
        assert await resources.encryption.decrypt("acme", WHERE, encrypted) == b"A 123"
