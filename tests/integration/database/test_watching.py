"""A server's own database is watched, unless it is said not to be."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from blrcs.assembly.foundation import lay_foundation
from blrcs.assembly.metrics import ServerMetrics
from blrcs.config.loading import load_settings
from blrcs.database.slow_log.file import FILE_NAME, SlowLogFile
from blrcs.database.slow_log.watched import WatchedDatabase, WatchedReader
from blrcs.workers.memory import METRIC_CELLS
from blrcs_native.monitoring.metrics import MetricsBlock


@pytest.mark.parametrize(("least", "is_watched"), [("1ns", True), ("0", False)])
async def test_what_is_slow_is_written_into_the_folder(
    tmp_path: Path, least: str, *, is_watched: bool
) -> None:
    environ = {"BLRCS_DATA_DIRECTORY": str(tmp_path), "BLRCS_DATABASE__SLOW_QUERY": least}
    settings = load_settings(config_directory=tmp_path, environ=environ).settings
    async with AsyncExitStack() as stack:
        base = await lay_foundation(
            settings, stack, metrics=ServerMetrics(MetricsBlock(METRIC_CELLS))
        )
        assert isinstance(base.database, WatchedDatabase) is is_watched
        assert isinstance(base.reader, WatchedReader) is is_watched
    assert bool(list(SlowLogFile(tmp_path / FILE_NAME).entries())) is is_watched
