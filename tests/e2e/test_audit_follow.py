"""``blrcs audit follow`` beside another program, which reads what it writes."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blrcs.audit.chain import Chain
from blrcs.audit.line import encoded
from blrcs.audit.own_keys import OwnAuditKeys
from blrcs.audit.segments import FOLDER
from tests.e2e.server import blrcs, environment

NOW_NS = 1_700_000_000_000_000_000
CURSOR = ("audit", "follow", "--cursor", "cursor", "--method", "/a.B/*")


def write(directory: Path, *numbers: int) -> None:
    """Records, one after another."""
    data = directory / "data"
    data.mkdir(mode=0o700, exist_ok=True)
    options = {"signer": OwnAuditKeys(data), "clock": lambda: NOW_NS}
    chain = Chain.take(data / FOLDER, **options)
    for number in numbers:
        record = encoded({"kind": "call", "method": "/a.B/C", "number": number})
        chain.append([(NOW_NS, record)], sign=False)
    chain.close()


@contextmanager
def follow(directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-m", "blrcs", *CURSOR],
        cwd=directory,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as following:
        try:
            yield following
        finally:
            # It never ends by itself, and a test that fails would wait for that.
            following.kill()


def number(line: bytes) -> int:
    return int(json.loads(line)["number"])


def test_it_can_be_ended_and_begun_again_without_a_loss_or_a_record_twice(tmp_path: Path) -> None:
    write(tmp_path, 1, 2)
    for new in (3, 4):
        with follow(tmp_path) as following:
            assert following.stdout is not None
            if new == 3:
                assert [number(following.stdout.readline()) for _ in range(2)] == [1, 2]
            write(tmp_path, new)
            assert number(following.stdout.readline()) == new
            following.send_signal(signal.SIGTERM)
            rest, errors = following.communicate(timeout=60)
        assert (following.returncode, rest, errors) == (0, b"", b"")
    assert blrcs(*CURSOR, "--once", cwd=tmp_path).stdout == ""


def test_where_nobody_reads_any_more_it_ends_and_says_nothing(tmp_path: Path) -> None:
    write(tmp_path, 1)
    with follow(tmp_path) as following:
        assert following.stdout is not None
        assert following.stderr is not None
        assert number(following.stdout.readline()) == 1
        following.stdout.close()
        write(tmp_path, 2)
        assert following.wait(timeout=60) == 1
        assert following.stderr.read() == b""
    # What could not be written is not taken as read.
    assert number(blrcs(*CURSOR, "--once", cwd=tmp_path).stdout.encode()) == 2


def test_a_write_that_fails_is_told_in_one_line_and_the_cursor_stays(tmp_path: Path) -> None:
    write(tmp_path, 1, 2)
    with Path("/dev/full").open("wb") as full:
        to_stdout = subprocess.run(
            [sys.executable, "-m", "blrcs", *CURSOR, "--once"],
            cwd=tmp_path,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert to_stdout.returncode == 1
    assert to_stdout.stderr == b"blrcs: standard output: No space left on device\n"
    limited = f"ulimit -f 0; exec {sys.executable} -m blrcs {' '.join(CURSOR)} --once --output to"
    to_file = subprocess.run(
        ["/bin/sh", "-c", limited],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert (to_file.returncode, to_file.stderr) == (1, b"blrcs: to: File too large\n")
    assert not (tmp_path / "cursor").exists()
    assert number(blrcs(*CURSOR, "--once", cwd=tmp_path).stdout.splitlines()[1].encode()) == 2
