"""Field encryption: what is sealed opens in its place alone, and with its key alone."""

import itertools

import pytest

from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.record_name import CollectionKey
from blrcs.security.field_encryption import AesGcmFieldCipher
from blrcs.security.key_file import KeyFileError

ORDERS = CollectionKey("acme", "orders")
RECORD = ORDERS.record("a")


class Registry:
    """The id that a database keeps."""

    def __init__(self):
        self.id = b""

    async def __call__(self, key_id):
        self.id = self.id or key_id
        return self.id


@pytest.fixture
def registry():
    return Registry()


@pytest.fixture
async def cipher(tmp_path, registry):
    cipher = AesGcmFieldCipher(tmp_path / "encryption_key", registry)
    await cipher.prepare()
    return cipher


def reason(call, *args):
    with pytest.raises(FailedPreconditionError) as caught:
        call(*args)
    return caught.value.reason


async def test_what_is_sealed_opens(cipher):
    key = cipher.new_data_key(ORDERS)
    sealed = cipher.seal(key, RECORD, "a.b", b"value")
    assert b"value" not in sealed
    assert cipher.open(key, RECORD, "a.b", sealed) == b"value"


async def test_equal_values_are_sealed_differently(cipher):
    key = cipher.new_data_key(ORDERS)
    sealed = {cipher.seal(key, RECORD, "a", b"value") for _ in range(1000)}
    assert len({each[9:21] for each in sealed}) == 1000, "every nonce is another one"


@pytest.mark.parametrize(
    ("record", "path"),
    [
        (ORDERS.record("b"), "a"),
        (RECORD, "b"),
        (CollectionKey("acme", "ordersa").record(""), "a"),
        (CollectionKey("acm", "eorders").record("a"), "a"),
    ],
)
async def test_it_opens_nowhere_else(cipher, record, path):
    key = cipher.new_data_key(record.parent)
    own = cipher.new_data_key(ORDERS)
    sealed = cipher.seal(own, RECORD, "a", b"value")
    assert reason(cipher.open, key, record, path, sealed)
    if record.parent != ORDERS:
        assert reason(cipher.open, own, record, path, sealed) == "ENCRYPTED_FIELD_ALTERED"


async def test_every_bit_counts(cipher):
    key = cipher.new_data_key(ORDERS)
    sealed = cipher.seal(key, RECORD, "a", b"value")
    for index in range(len(sealed)):
        altered = bytearray(sealed)
        altered[index] ^= 1
        reason(cipher.open, key, RECORD, "a", bytes(altered))
    for length in range(len(sealed)):
        reason(cipher.open, key, RECORD, "a", sealed[:length])


async def test_two_collections_have_two_keys(cipher):
    one, other = cipher.new_data_key(ORDERS), cipher.new_data_key(ORDERS)
    sealed = cipher.seal(one, RECORD, "a", b"value")
    assert reason(cipher.open, other, RECORD, "a", sealed) == "ENCRYPTION_KEY_WRONG"


async def test_the_key_is_the_one_in_the_file(cipher, tmp_path, registry):
    key = cipher.new_data_key(ORDERS)
    sealed = cipher.seal(key, RECORD, "a", b"value")
    again = AesGcmFieldCipher(tmp_path / "encryption_key", registry)
    await again.check()
    assert again.open(key, RECORD, "a", sealed) == b"value"


async def test_another_key_is_noticed_before_anything_is_done(cipher, tmp_path, registry):
    (tmp_path / "other").mkdir()
    path = tmp_path / "other" / "encryption_key"
    without = AesGcmFieldCipher(path, registry)
    with pytest.raises(KeyFileError):
        await without.check()
    with pytest.raises(FailedPreconditionError):
        await without.prepare()
    assert not path.exists()
    path.write_bytes(b"11" * 32)
    path.chmod(0o600)
    wrong = AesGcmFieldCipher(path, registry)
    with pytest.raises(KeyFileError):
        await wrong.check()
    with pytest.raises(FailedPreconditionError):
        await wrong.prepare()
    key = cipher.new_data_key(ORDERS)
    assert reason(wrong.seal, key, RECORD, "a", b"value") == "ENCRYPTION_KEY_WRONG"


async def test_nonces_and_keys_come_from_the_random_source(tmp_path, registry):
    numbers = itertools.count(1)
    drawn = []

    def random(size):
        drawn.append(next(numbers).to_bytes(size, "big"))
        return drawn[-1]

    cipher = AesGcmFieldCipher(tmp_path / "encryption_key", registry, random)
    await cipher.prepare()
    assert (tmp_path / "encryption_key").read_text() == drawn[0].hex() + "\n"
    key = cipher.new_data_key(ORDERS)
    sealed = cipher.seal(key, RECORD, "a", b"value")
    assert sealed[9:21] == drawn[-1]
