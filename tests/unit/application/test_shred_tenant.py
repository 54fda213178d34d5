import pytest

from blrcs.application.encryption.shred_tenant import ShredTenant
from blrcs.domain.errors import InvalidArgumentError, NotFoundError

ACME = "tenants/acme"


class FakeShredder:
    def __init__(self):
        self.keys = {"acme": 3}

    async def shred(self, tenant, *, even_without_keys):
        if tenant not in self.keys and not even_without_keys:
            return None
        count = self.keys.get(tenant, 0)
        self.keys[tenant] = 0
        return count


@pytest.fixture
def shredder():
    return FakeShredder()


@pytest.fixture
def shred(shredder):
    return ShredTenant(shredder=shredder)


async def test_a_tenant_is_shredded_once(shred, shredder):
    assert await shred(ACME, confirm_name=ACME, allow_missing=False) == 3
    assert await shred(ACME, confirm_name=ACME, allow_missing=False) == 0


@pytest.mark.parametrize(
    ("name", "confirm_name"),
    [
        (ACME, ""),
        (ACME, "acme"),
        (ACME, "tenants/acme2"),
        ("tenants/", "tenants/"),
        ("acme", "acme"),
    ],
)
async def test_a_name_that_is_not_repeated_does_nothing(shred, shredder, name, confirm_name):
    with pytest.raises(InvalidArgumentError):
        await shred(name, confirm_name=confirm_name, allow_missing=True)
    assert shredder.keys == {"acme": 3}


async def test_a_tenant_without_keys_is_missing_unless_that_is_meant(shred, shredder):
    other = "tenants/other"
    with pytest.raises(NotFoundError):
        await shred(other, confirm_name=other, allow_missing=False)
    assert "other" not in shredder.keys
    assert await shred(other, confirm_name=other, allow_missing=True) == 0
    assert "other" in shredder.keys
