"""Options and waits of tests of write-behind."""

import asyncio

MS = 1_000_000
S = 1_000_000_000
QUICK = {"first_pause_ns": 1, "longest_pause_ns": 1}


async def until(condition):
    """Waits for what happens in a background task or on another thread."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - there is no event for most of it
            await asyncio.sleep(0.001)


def files(directory):
    return sorted(path.name for path in directory.glob("*.log"))


async def abandon(behind):
    """Ends it as a kill would, but for what the kernel does: nothing is drained."""
    behind._closing = True
    await behind._stack.aclose()
