import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.security.api_key_secrets import ALPHABET, generate_api_key, hash_api_key


def zeros(size):
    return bytes(size)


def ones(size):
    return b"\xff" * size


@given(st.randoms(use_true_random=False))
def test_every_key_is_of_the_form_and_found_by_its_hash(random):
    secret = generate_api_key(random.randbytes)

    assert re.fullmatch("blrcs_[0-9A-Za-z]{11}_[0-9A-Za-z]{49}", secret.text)
    assert secret.text.startswith(f"{secret.prefix}_")
    assert secret.hash == hashlib.sha256(secret.text.encode()).digest()
    assert hash_api_key(secret.text) == secret.hash


def test_extreme_random_values_keep_their_length_and_all_their_bits():
    low, high = generate_api_key(zeros), generate_api_key(ones)

    assert len(low.text) == len(high.text)
    digits = high.text.split("_")[2][:43]
    value = 0
    for digit in digits:
        value = value * 62 + ALPHABET.index(digit)
    assert value == 2**256 - 1


@given(st.integers(0, 66), st.sampled_from("0Az_-é"))
def test_any_wrong_character_is_noticed(place, character):
    text = generate_api_key(zeros).text
    wrong = text[:place] + character + text[place + 1 :]

    assert (hash_api_key(wrong) is None) == (wrong != text)


@pytest.mark.parametrize("text", ["", "blrcs_", "x" * 67, "blrcs__" + "0" * 49])
def test_other_text_has_no_hash(text):
    assert hash_api_key(text) is None
    valid = generate_api_key(zeros).text
    for wrapped in (f"{valid}\n", f" {valid}", valid.upper(), valid[:-1], valid + "0"):
        assert hash_api_key(wrapped) is None


def test_the_secret_stays_out_of_representations():
    secret = generate_api_key(ones)

    assert secret.text not in repr(secret)
