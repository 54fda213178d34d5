import asyncio

import pytest

from blrcs.domain.errors import UnavailableError
from blrcs.redis.listener import Listener
from tests.unit.native.tokens.token_factory import FakeClock

MASTER = b"role:master\r\nmaster_replid:0a1b\r\n"


class FakeLine:
    """A line on which a test answers."""

    def __init__(self):
        self.is_open = True
        self.asked = []

    def ask(self, *command):
        answer = asyncio.get_running_loop().create_future()
        self.asked.append((command, answer))
        return answer

    def drop(self, error):
        self.is_open = False


async def beat(listener, line, answer, *, takes_ns=0):
    """A beat, and its answer after a time."""
    beating = asyncio.create_task(listener.beat())
    await asyncio.sleep(0)
    listener._monotonic.now_ns += takes_ns
    line.asked.pop()[1].set_result(answer)
    await beating


@pytest.fixture
def line():
    return FakeLine()


@pytest.fixture
def listener(line):
    return Listener(line, FakeClock(1000))


async def test_what_was_heard_counts_from_when_the_beat_was_sent(listener, line):
    assert listener.heard_ns is None
    await beat(listener, line, MASTER, takes_ns=500)
    assert listener.heard_ns == 1000
    await beat(listener, line, MASTER, takes_ns=7)
    assert (listener.heard_ns, listener.epoch) == (1500, b"0a1b")


@pytest.mark.parametrize(
    "answer",
    [
        b"role:slave\r\nmaster_replid:0a1b\r\n",
        b"role:master\r\nmaster_replid:ffff\r\n",
        b"role:master\r\n",
    ],
)
async def test_who_is_no_master_of_the_same_history_any_more_is_not_listened_to(
    listener, line, answer
):
    await beat(listener, line, MASTER)
    with pytest.raises(UnavailableError):
        await beat(listener, line, answer, takes_ns=5)
    assert not line.is_open
    assert listener.heard_ns == 1000
