"""A short form of what ``make torture`` does for as long as it takes."""

import errno
from pathlib import Path

import pytest

from tests.servers.postgresql import postgresql
from tests.torture.torture import FOR_EVER, Faults, Torture, build_faults

CYCLES = 4
ACROSS = (1, 2, 3, 5, 8)
"""Operations that fail, counted from the first write of a life."""


async def test_no_acknowledged_write_is_lost_when_a_server_is_killed(tmp_path: Path) -> None:
    tortured = Torture(tmp_path, {}, is_audited=True)
    await tortured.begin()
    for _ in range(CYCLES):
        assert await tortured.cycle() > 0
    await tortured.verify()


async def test_nor_when_its_postgresql_is_killed_too(tmp_path: Path) -> None:
    with postgresql({}) as database:
        environ = {"BLRCS_DATABASE__URL": database.url()}
        tortured = Torture(tmp_path, environ, is_audited=True)
        await tortured.begin()
        for _ in range(CYCLES):
            assert await tortured.cycle() > 0
            database.kill_all()
            database.start()
        await tortured.verify()


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("times", [1, FOR_EVER])
async def test_nor_when_its_disk_fails(tmp_path: Path, error: int, times: int) -> None:
    build_faults()
    tortured = Torture(tmp_path, {})
    await tortured.begin()
    for nth in ACROSS:
        await tortured.cycle(Faults(tmp_path, tmp_path / "data", nth, error, times))
    await tortured.verify()
