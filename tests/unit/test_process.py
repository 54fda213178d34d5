"""What settling changes, seen in processes of their own, since it is for the whole of one."""

import json
import subprocess
import sys
from textwrap import dedent
from typing import Any

MESSAGES = 50
MESSAGE_BYTES = 4 << 20
PAGE_BYTES = 4096

PROGRAM = dedent(
    f"""
    import gc, json, resource, sys
    from blrcs.process import settle_process

    if sys.argv[1:]:
        settle_process()

    def faults():
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

    bytearray({MESSAGE_BYTES}), bytearray({MESSAGE_BYTES})
    before = faults()
    for _ in range({MESSAGES}):
        kept = [b"x" * {MESSAGE_BYTES} for _ in range(3)]
        del kept
    print(json.dumps({{"frozen": gc.get_freeze_count(), "faults": faults() - before}}))
    """
)


def outcome(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_what_exists_is_spared_the_collector() -> None:
    assert outcome()["frozen"] == 0
    assert outcome("settled")["frozen"] > 0


def test_memory_of_large_messages_is_used_again() -> None:
    pages = MESSAGES * MESSAGE_BYTES // PAGE_BYTES
    assert outcome("settled")["faults"] < pages // 2 < outcome()["faults"]
