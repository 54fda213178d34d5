"""The n-th write or sync fails, for every n: no success is told that did not happen."""

import errno
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def failing_disk(tmp_path_factory):
    library = tmp_path_factory.mktemp("failing_disk") / "failing_disk.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", library, HERE / "failing_disk.c", "-ldl"], check=True
    )
    return library


def attempts(environment, directory, kind, error):
    result = subprocess.run(
        [sys.executable, HERE / "writing_on_failing_disk.py", directory, kind, str(error)],
        env=environment,
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr.decode()
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("kind", ["write", "sync"])
def test_success_is_told_exactly_of_what_is_stored(
    environment, failing_disk, tmp_path, kind, error
):
    environment |= {"LD_PRELOAD": str(failing_disk)}
    *failed, undisturbed = attempts(environment, tmp_path, kind, error)

    assert failed
    for attempt in failed:
        acknowledged = attempt["acknowledged"]
        assert len(acknowledged) < 5, "a call failed, and nobody was told"
        assert acknowledged[0] == "before"
        assert acknowledged[-1] == "after", "the writer did not recover"
    assert len(undisturbed["acknowledged"]) == 5
    for attempt in (*failed, undisturbed):
        connection = sqlite3.connect(attempt["path"])
        stored = {key for (key,) in connection.execute("SELECT key FROM settings")}
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
        written = {f"{key}{each}" for key in attempt["acknowledged"] for each in ("", " too")}
        assert stored == written
        assert set(attempt["seen"]) == stored - {"after", "after too"}
