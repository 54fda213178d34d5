import hashlib
import re

from blrcs.security.secret_generator import RandomSecretGenerator

SESSION_PATTERN = "[A-Za-z0-9_-]{1,64}"
RESOURCE_PATTERN = "[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?"


class RecordingRandom:
    def __init__(self):
        self.sizes = []

    def __call__(self, size):
        self.sizes.append(size)
        return b"\xfe" * size


def test_all_is_random_and_as_long_as_it_must_be():
    random = RecordingRandom()
    generator = RandomSecretGenerator(random)

    assert re.fullmatch(SESSION_PATTERN, generator.session_id())
    assert re.fullmatch(RESOURCE_PATTERN, generator.resource_id())
    token = generator.refresh_token()
    generator.api_key()
    password = generator.one_time_password()

    assert random.sizes == [16, 8, 32, 8, 32, 15]
    assert re.fullmatch("[a-z2-7]{6}(-[a-z2-7]{6}){3}", password)
    assert token.hash == hashlib.sha256(token.text.encode()).digest()
    assert token.hash == generator.refresh_hash(token.text)
    assert token.text not in repr(token)


def test_no_two_are_alike():
    generator = RandomSecretGenerator()

    assert generator.session_id() != generator.session_id()
    assert generator.refresh_token() != generator.refresh_token()
    assert generator.api_key() != generator.api_key()


def test_any_text_has_a_refresh_hash():
    generator = RandomSecretGenerator()

    assert len(generator.refresh_hash("\x00é" * 100)) == 32


def test_ordered_ids_begin_with_their_time_and_go_on_at_random():
    octets = bytes(range(24))[::-1]
    generator = RandomSecretGenerator(lambda size: octets[:size])
    expected = ["0000000f4240" + octets[start : start + 8].hex() for start in (16, 8, 0)]

    assert generator.ordered_ids(10**12 + 999_999, 3) == expected
    assert generator.ordered_ids(10**12, 0) == []


def test_ordered_ids_of_a_later_millisecond_come_behind_all_before():
    generator = RandomSecretGenerator()
    now_ns = 4_000_000_000 * 10**9
    ids = [each for at in range(20) for each in generator.ordered_ids(now_ns + at * 10**6, 50)]

    assert ids == sorted(ids)
    assert len(set(ids)) == 1000
    assert all(re.fullmatch(RESOURCE_PATTERN, each) for each in ids)
