"""What a watcher is told where its feed and it do not keep step."""

import pytest

from blrcs.application.ports.records import FeedPosition
from blrcs.application.records.watch_records import BATCH, WatchRecords
from blrcs.domain.errors import InvalidArgumentError, NotFoundError, OutOfRangeError
from blrcs.domain.record import ChangeKind, RecordChange
from blrcs.domain.record_name import CollectionKey
from blrcs.records.change_signal import LocalChangeSignal
from blrcs.security.page_tokens import SignedPageTokens

KEY = CollectionKey("acme", "orders")


class Feed:
    """A feed in memory; ``largest`` is the most that was asked for at once."""

    def __init__(self, count=0):
        self.incarnation, self.sequence, self.purged, self.largest = 1, count, 0, 0
        self.time_ns = 7

    async def position(self, key):
        return FeedPosition(self.incarnation, self.sequence, self.purged)

    async def after(self, key, sequence, limit):
        self.largest = max(self.largest, limit)
        first = max(sequence, self.purged) + 1
        return [
            RecordChange(number, ChangeKind.DELETED, key.record("a"), self.time_ns, None)
            for number in range(first, min(first + limit, self.sequence + 1))
        ]


@pytest.fixture
def feed():
    return Feed()


@pytest.fixture
def signal():
    return LocalChangeSignal(interval_s=3600)


@pytest.fixture
def watch(feed, signal):
    tokens = SignedPageTokens(bytes(32))
    use_case = WatchRecords(feed=feed, signal=signal, resume_tokens=tokens)
    return lambda token="": use_case(KEY, token)


async def taken(events, count):
    return [(await anext(events)).sequence for _ in range(count)]


async def test_however_far_it_is_behind_little_is_held_for_it(feed, watch):
    events = watch()
    assert await taken(events, 1) == [0]
    feed.sequence = 10 * BATCH
    assert await taken(events, 5 * BATCH) == list(range(1, 5 * BATCH + 1))
    assert feed.largest == BATCH
    await events.aclose()


async def test_one_who_is_too_slow_is_told_that_it_has_missed_some(feed, watch):
    events = watch()
    await taken(events, 1)
    feed.sequence = 2 * BATCH
    await taken(events, BATCH)
    feed.purged = BATCH + 1
    with pytest.raises(OutOfRangeError) as caught:
        await anext(events)
    assert caught.value.reason == "CHANGES_MISSED"


async def test_a_gap_is_never_passed_over(feed, watch):
    events = watch()
    await taken(events, 1)
    feed.sequence = 5
    after = feed.after

    async def with_a_gap(key, sequence, limit):
        return [each for each in await after(key, sequence, limit) if each.sequence != 3]

    feed.after = with_a_gap
    assert await taken(events, 2) == [1, 2]
    with pytest.raises(OutOfRangeError):
        await anext(events)


async def test_a_last_change_that_is_missing_is_neither_passed_over_nor_asked_for_again(
    feed, watch
):
    events = watch()
    await taken(events, 1)
    feed.sequence = 1
    answers = [[]]

    async def lost(key, sequence, limit):
        return answers.pop()

    feed.after = lost
    with pytest.raises(OutOfRangeError) as caught:
        await anext(events)
    assert caught.value.reason == "CHANGES_MISSED"


async def test_a_feed_that_went_back_is_not_followed(feed, watch, signal):
    feed.sequence = 5
    events = watch()
    await taken(events, 1)
    feed.sequence = 3
    with pytest.raises(OutOfRangeError):
        await anext(events)


async def test_a_namesake_is_another_collection(feed, watch):
    events = watch()
    token = (await anext(events)).resume_token
    feed.incarnation = 2
    with pytest.raises(NotFoundError):
        await anext(events)
    with pytest.raises(InvalidArgumentError):
        await anext(watch(token))


async def test_a_token_goes_on_behind_its_event(feed, watch):
    feed.sequence = 5
    first = watch()
    token = (await anext(first)).resume_token
    await first.aclose()
    feed.sequence = 8
    again = watch(token)
    assert await taken(again, 4) == [5, 6, 7, 8]
    await again.aclose()
    feed.purged = 6
    with pytest.raises(OutOfRangeError) as caught:
        await anext(watch(token))
    assert caught.value.reason == "RESUME_TOKEN_EXPIRED"


@pytest.mark.parametrize("after", ["the start", "a change"])
async def test_a_token_of_a_change_that_was_lost_is_refused(feed, watch, after):
    feed.sequence = 5
    first = watch()
    token = (await anext(first)).resume_token
    if after == "a change":
        feed.sequence = 6
        token = (await anext(first)).resume_token
    await first.aclose()
    feed.sequence, feed.time_ns = 8, 9  # it went back, and other changes have taken the numbers
    with pytest.raises(OutOfRangeError) as caught:
        await anext(watch(token))
    assert caught.value.reason == "RESUME_TOKEN_EXPIRED"


async def test_a_token_of_before_that_has_no_time_is_good(feed, watch):
    feed.sequence = 8
    of_before = SignedPageTokens(bytes(32)).issue(f"watch {KEY.name} 1", "5")
    events = watch(of_before)
    assert await taken(events, 4) == [5, 6, 7, 8]
    await events.aclose()
