"""The n-th write or sync fails, for every n: nothing is acknowledged that is not carried out."""

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FAILING_DISK = HERE.parent / "database/failing_disk.c"


@pytest.fixture(scope="module")
def failing_disk(tmp_path_factory):
    library = tmp_path_factory.mktemp("failing_disk") / "failing_disk.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, FAILING_DISK, "-ldl"], check=True)
    return library


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("kind", ["write", "sync"])
def test_success_is_told_only_of_what_is_carried_out(
    environment, failing_disk, tmp_path, kind, error
):
    environment |= {"LD_PRELOAD": str(failing_disk)}
    done = subprocess.run(
        [sys.executable, HERE / "writing_on_failing_disk.py", tmp_path, kind, str(error)],
        env=environment,
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode()
    *failed, undisturbed = [json.loads(line) for line in done.stdout.splitlines()]

    told = [_check(attempt) for attempt in (*failed, undisturbed)]
    assert told[-1] == set()
    unavailable = {"WRITE_LOG_UNAVAILABLE"}
    if kind == "write":
        # The head of a new file, and a group; the writes may have been more than one.
        assert len(told) > 2
        assert all(each == unavailable for each in told[:-1])
    else:
        # A new file, its name, and a group; then names of files that are removed, which can wait.
        assert told[:2] == [unavailable, unavailable]
        # What was given behind that group was never tried.
        assert {"OUTCOME_UNKNOWN"} <= told[2] <= {"OUTCOME_UNKNOWN", "WRITE_LOG_FAILED"}


def _check(attempt):
    """What was told of writes that were not acknowledged."""
    answers = attempt["answers"]
    acknowledged = {key for key, told in answers.items() if told == "acknowledged"}
    assert acknowledged <= set(attempt["done"]), "what was acknowledged was not carried out"
    refused = set(answers.values()) - {"acknowledged"}
    assert answers["before"] == "acknowledged"
    if "OUTCOME_UNKNOWN" in refused:
        # It is not known what the disk has: nothing is taken until the log is opened anew.
        assert answers["after"] == "WRITE_LOG_FAILED"
        assert set(attempt["done"]) == acknowledged
    else:
        assert answers["after"] == "acknowledged"
        assert {*attempt["done"], *attempt["reopened"]} == {*acknowledged, "again"}
    assert attempt["again"] == "acknowledged", "the log does not recover"
    assert attempt["reopened"].count("again") == 1
    return refused
