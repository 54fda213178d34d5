"""What settling changes, seen in processes of their own, since it is for the whole of one."""

import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import pytest

from blrcs.process import loading

MESSAGES = 50
MESSAGE_BYTES = 4 << 20
LARGE_BYTES = 1 << 20
PAGE_BYTES = 4096

PROGRAM = dedent(
    f"""
    import gc, json, resource, sys
    from blrcs.process import settle_process

    frozen = gc.get_freeze_count()  # what the interpreter itself has, as Python 3.12 does
    if sys.argv[1:]:
        settle_process()

    def faults():
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

    bytearray({MESSAGE_BYTES}), bytearray({MESSAGE_BYTES})
    before = faults()
    for _ in range({MESSAGES}):
        kept = [b"x" * {MESSAGE_BYTES} for _ in range(3)]
        del kept
    print(json.dumps({{"frozen": gc.get_freeze_count() - frozen, "faults": faults() - before}}))
    """
)

SERVING = dedent(
    f"""
    import asyncio, json, resource, sys
    import blrcs.aio

    async def main():
        server = blrcs.aio.server()
        if sys.argv[1:]:
            await server.start()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range({MESSAGES}):
            kept = [b"x" * {LARGE_BYTES} for _ in range(3)]
            del kept
        print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before))
        await server.stop(None)

    asyncio.run(main())
    """
)


def outcome(*arguments: str, program: str = PROGRAM) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_what_exists_is_spared_the_collector() -> None:
    assert outcome()["frozen"] == 0
    assert outcome("settled")["frozen"] > 0


def test_memory_of_large_messages_is_used_again() -> None:
    pages = MESSAGES * MESSAGE_BYTES // PAGE_BYTES
    assert outcome("settled")["faults"] < pages // 2 < outcome()["faults"]


def test_who_serves_uses_memory_of_messages_again() -> None:
    pages = MESSAGES * LARGE_BYTES // PAGE_BYTES
    assert outcome("started", program=SERVING) < pages // 2 < outcome(program=SERVING)


@pytest.fixture
def unfrozen() -> Iterator[int]:
    """How many objects the collector does not see; it sees all again at the end of the test."""
    yield gc.get_freeze_count()
    gc.unfreeze()


def test_nothing_is_collected_while_a_program_loads(unfrozen: int) -> None:
    with loading():
        assert not gc.isenabled()
        with loading():
            pass
        assert not gc.isenabled()
        assert gc.get_freeze_count() == unfrozen
    assert gc.isenabled()


def test_what_was_loaded_is_spared_the_collector(unfrozen: int) -> None:
    with loading():
        pass
    assert gc.get_freeze_count() > unfrozen


@pytest.mark.usefixtures("unfrozen")
def test_what_cannot_be_loaded_leaves_the_collector_at_work() -> None:
    with pytest.raises(ImportError), loading():
        raise ImportError
    assert gc.isenabled()
