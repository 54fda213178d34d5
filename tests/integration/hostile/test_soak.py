"""A short soak; the long one is `make soak`."""

from tests.soak import grown, soak


async def test_streams_leave_nothing_behind() -> None:
    before, after = await soak(4_000)
    assert grown(before, after) == []
