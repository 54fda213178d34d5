"""Data keys: what is sealed opens in its place alone, and no key and nonce meet twice."""

import itertools

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.sealed_value import key_id_in
from blrcs.encryption.data_key import DataKey, key_id

KEY = bytes(range(32))


def reason(call, *args, **named):
    with pytest.raises(FailedPreconditionError) as caught:
        call(*args, **named)
    return caught.value.reason


def test_what_is_sealed_opens_with_the_same_key_alone():
    sealed = DataKey(KEY).seal(b"place", b"value")
    assert b"value" not in sealed
    assert DataKey(KEY).open(b"place", sealed) == b"value"
    assert reason(DataKey(bytes(32)).open, b"place", sealed) == "ENCRYPTION_KEY_WRONG"
    assert key_id_in(sealed) == DataKey(KEY).id == key_id(KEY)


def test_it_opens_in_no_other_place():
    key = DataKey(KEY)
    assert reason(key.open, b"other", key.seal(b"place", b"v")) == "ENCRYPTED_FIELD_ALTERED"


def test_every_bit_counts():
    key = DataKey(KEY)
    sealed = key.seal(b"place", b"value")
    for index in range(len(sealed)):
        altered = bytearray(sealed)
        altered[index] ^= 1
        reason(key.open, b"place", bytes(altered), old_place=b"place")
    for length in range(len(sealed)):
        reason(key.open, b"place", sealed[:length], old_place=b"place")


def test_values_of_the_first_version_are_opened_and_no_more_made():
    key = DataKey(KEY)
    nonce = bytes(12)
    old = b"\x01" + key.id + nonce + AESGCM(KEY).encrypt(nonce, b"value", b"old place")
    assert key.open(b"", old, old_place=b"old place") == b"value"
    assert reason(key.open, b"", old, old_place=b"place") == "ENCRYPTED_FIELD_ALTERED"
    assert reason(key.open, b"old place", old) == "ENCRYPTION_KEY_WRONG"
    assert key.seal(b"", b"value")[:1] == b"\x02"


def test_a_new_salt_is_drawn_before_a_derived_key_has_sealed_too_much():
    drawn = []
    numbers = itertools.count(1)

    def random(size):
        drawn.append(next(numbers).to_bytes(size, "big"))
        return drawn[-1]

    key = DataKey(KEY, random, max_sealed=3)
    sealed = [key.seal(b"", b"v") for _ in range(7)]
    salts = [each[9:25] for each in sealed]
    assert [salts.index(salt) for salt in salts] == [0, 0, 0, 3, 3, 3, 6]
    assert [len(each) for each in drawn] == [16, 12, 12, 12, 16, 12, 12, 12, 16, 12]
    assert {each[25:37] for each in sealed} == {each for each in drawn if len(each) == 12}
    assert all(DataKey(KEY).open(b"", each) == b"v" for each in sealed)


def test_more_salts_than_are_kept_are_opened():
    sealed = [DataKey(KEY).seal(b"", b"v") for _ in range(1100)]
    key = DataKey(KEY)
    assert [key.open(b"", each) for each in [*sealed, *sealed]] == [b"v"] * 2200


def test_restarts_draw_other_salts():
    assert len({DataKey(KEY).seal(b"", b"v")[9:25] for _ in range(1000)}) == 1000


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_has_32_bytes(size):
    with pytest.raises(ValueError, match="32 bytes"):
        DataKey(bytes(size))
