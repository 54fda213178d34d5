import pytest

from blrcs.cache.strategies import (
    WriteBehind,
    WriteBehindOptions,
)
from tests.integration.cache_strategies.sinks import MemorySink
from tests.integration.cache_strategies.write_behind.world import QUICK


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def sink():
    sink = MemorySink()
    yield sink
    assert not sink.has_forgotten


@pytest.fixture
def opening(cache, directory):
    def open_(sink, *, cache=cache, metrics=None, **options):
        taken = {name: options.pop(name) for name in ("clock", "monotonic") if name in options}
        settings = WriteBehindOptions(**(QUICK | options))
        return WriteBehind.open(cache, "n", directory, sink, settings, metrics=metrics, **taken)

    return open_
