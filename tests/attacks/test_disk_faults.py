"""The disk fails under a server that both transports serve: no success is told of what is lost."""

import errno
from pathlib import Path

import pytest

from tests.torture.torture import FOR_EVER, Faults, Torture, build_faults
from tests.transports import TRANSPORTS

FAULTS = [(1, errno.EIO, 1), (3, errno.ENOSPC, FOR_EVER)]
"""Which write or sync fails, how, and how many from there on."""


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path, transport: str) -> None:
    build_faults()
    tortured = Torture(tmp_path, {"BLRCS_SERVER__TRANSPORT": transport})
    await tortured.begin()
    for nth, error, times in FAULTS:
        await tortured.cycle(Faults(tmp_path, tmp_path / "data", nth, error, times))
    await tortured.verify()
