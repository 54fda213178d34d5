"""What every adapter of a master key has to do, as tests.

    class TestMyKms(MasterKeyConformance):
        @pytest.fixture
        async def open_key(self):
            return lambda: MyKms("projects/x/keys/y")

pytest-asyncio runs them, with ``asyncio_mode = "auto"``. Each call of ``open_key`` opens the same
key anew, and ``open_other`` another one of the same kind.
"""

import asyncio
from collections.abc import Callable

import pytest

from blrcs.encryption.master_key import MasterKey, MasterKeyError

KEY = bytes(range(32))
PLACE = b"\0\0\0\x04acme\0\0\0\x06orders"
MAX_ID_CHARACTERS = 128

OpenKey = Callable[[], MasterKey]


class MasterKeyConformance:
    """The suite. ``open_key`` and ``open_other`` are fixtures of whoever takes it on."""

    @pytest.fixture
    def open_key(self) -> OpenKey:
        """Opens the key."""
        raise NotImplementedError

    @pytest.fixture
    def open_other(self) -> OpenKey:
        """Opens another one."""
        raise NotImplementedError

    async def test_what_is_wrapped_is_unwrapped_after_it_was_opened_anew(
        self, open_key: OpenKey
    ) -> None:
        """As a restart, and other machines, do."""
        first, second = open_key(), open_key()
        await first.prepare()
        wrapped = await first.wrap(PLACE, KEY)
        assert KEY not in wrapped
        assert await first.unwrap(PLACE, wrapped) == KEY
        await first.close()
        assert await second.unwrap(PLACE, wrapped) == KEY
        await second.close()

    async def test_each_wrapping_is_another_one(self, open_key: OpenKey) -> None:
        """So that nobody sees which keys are equal."""
        key = open_key()
        await key.prepare()
        assert len({await key.wrap(PLACE, KEY) for _ in range(20)}) == 20  # noqa: PLR2004
        await key.close()

    async def test_its_id_is_for_ever_the_same_and_its_own(
        self, open_key: OpenKey, open_other: OpenKey
    ) -> None:
        """Keys are found by it."""
        first, second, other = open_key(), open_key(), open_other()
        for each in (first, second, other):
            await each.prepare()
        assert await first.id() == await second.id()
        assert await first.id() != await other.id()
        assert 0 < len(await first.id()) <= MAX_ID_CHARACTERS
        assert first.description
        for each in (first, second, other):
            await each.close()

    async def test_nothing_is_unwrapped_elsewhere(self, open_key: OpenKey) -> None:
        """A wrapped key that was moved to another tenant is none there."""
        key = open_key()
        await key.prepare()
        wrapped = await key.wrap(PLACE, KEY)
        for place in (b"", PLACE[:-1], PLACE + b"\0", PLACE.upper()):
            with pytest.raises(MasterKeyError):
                await key.unwrap(place, wrapped)
        await key.close()

    async def test_nothing_is_unwrapped_that_was_altered(self, open_key: OpenKey) -> None:
        """Each octet counts."""
        key = open_key()
        await key.prepare()
        wrapped = await key.wrap(PLACE, KEY)
        for index in range(len(wrapped)):
            altered = bytearray(wrapped)
            altered[index] ^= 1
            with pytest.raises(MasterKeyError):
                await key.unwrap(PLACE, bytes(altered))
        for length in (0, 1, len(wrapped) // 2, len(wrapped) - 1):
            with pytest.raises(MasterKeyError):
                await key.unwrap(PLACE, wrapped[:length])
        await key.close()

    async def test_nothing_is_unwrapped_by_another_key(
        self, open_key: OpenKey, open_other: OpenKey
    ) -> None:
        """And what it says has no line end."""
        key, other = open_key(), open_other()
        await key.prepare()
        await other.prepare()
        wrapped = await key.wrap(PLACE, KEY)
        with pytest.raises(MasterKeyError) as caught:
            await other.unwrap(PLACE, wrapped)
        assert "\n" not in str(caught.value)
        assert KEY.hex() not in str(caught.value)
        await key.close()
        await other.close()

    async def test_many_ask_at_once(self, open_key: OpenKey) -> None:
        """A server starts with many calls."""
        key = open_key()
        await key.prepare()
        wrapped = await asyncio.gather(*(key.wrap(PLACE, KEY) for _ in range(20)))
        found = await asyncio.gather(*(key.unwrap(PLACE, each) for each in wrapped))
        assert found == [KEY] * 20
        await key.close()
        await key.close()
