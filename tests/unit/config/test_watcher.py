import asyncio
from pathlib import Path

import pytest
import watchfiles

from blrcs.config.live import LiveSettings
from blrcs.config.loading import LoadedSettings
from blrcs.config.problem import ConfigError, Problem
from blrcs.config.settings import Settings
from blrcs.config.watcher import ConfigWatcher, watch_directories


class Disk:
    """Files in a dictionary, and a watch that yields when told to."""

    def __init__(self):
        self.contents = {Path("blrcs.toml"): b"1"}
        self.watched = []
        self.ticks = asyncio.Queue()

    async def watch(self, *directories):
        self.watched.append(directories)
        while True:
            tick = await self.ticks.get()
            try:
                yield tick
            finally:
                self.ticks.task_done()

    async def change(self, name=None, content=None):
        if name is not None:
            self.contents[Path(name)] = content
        self.ticks.put_nowait(set())
        await self.ticks.join()


@pytest.fixture
async def house():
    disk, outcomes = Disk(), asyncio.Queue()
    first = LoadedSettings(Settings(), (), (Path("blrcs.toml"),))
    state = {"load": lambda: first}

    def load():
        return state["load"]()

    live = LiveSettings(
        first,
        load=load,
        reloadables=(),
        on_reload=lambda epoch, outcome: outcomes.put_nowait((epoch, outcome.value)),
    )
    watcher = ConfigWatcher(live, watch=disk.watch, digest=disk.contents.get)
    running = asyncio.create_task(watcher.run())
    yield disk, outcomes, watcher, state
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()


async def test_another_content_reloads_and_the_same_does_not(house):
    disk, outcomes, _, _ = house
    await disk.change()
    await disk.change("unrelated", b"x")
    assert outcomes.empty()
    await disk.change("blrcs.toml", b"2")
    assert outcomes.get_nowait() == (2, "applied")
    await disk.change()
    assert outcomes.empty()


async def test_a_file_that_goes_or_comes_is_a_change(house):
    disk, outcomes, _, _ = house
    await disk.change("blrcs.toml", None)
    await disk.change("blrcs.toml", b"1")
    assert outcomes.qsize() == 2


async def test_refused_contents_are_not_tried_again(house):
    disk, outcomes, _, state = house

    def refuse():
        raise ConfigError([Problem("f", "", "bad")])

    state["load"] = refuse
    await disk.change("blrcs.toml", b"bad")
    await disk.change()
    assert outcomes.get_nowait() == (1, "refused")
    assert outcomes.empty()


async def test_a_request_reloads_though_nothing_has_changed(house):
    disk, outcomes, watcher, _ = house
    watcher.request_reload()
    assert await outcomes.get() == (2, "applied")
    for _ in range(20):
        await disk.change()
    assert outcomes.empty()
    watcher.request_reload()
    assert await outcomes.get() == (3, "applied")


async def test_what_changes_during_a_reload_counts_as_a_change_after_it(house):
    disk, outcomes, _, state = house
    load = state["load"]

    def load_while_it_is_written_again():
        disk.contents[Path("blrcs.toml")] = b"3"
        state["load"] = load
        return load()

    state["load"] = load_while_it_is_written_again
    await disk.change("blrcs.toml", b"2")
    await disk.change()
    assert outcomes.qsize() == 2


async def test_files_of_tls_are_watched_where_they_lie(house, tmp_path):
    disk, outcomes, _, state = house
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.touch()
    key.touch()
    tls = {"cert_file": cert, "key_file": key}
    state["load"] = lambda: LoadedSettings(Settings(server={"tls": tls}), (), (Path("blrcs.toml"),))
    await disk.change("blrcs.toml", b"2")
    await disk.change()
    first, second = disk.watched
    assert first == (Path(),)
    assert set(second) == {Path(), tmp_path}
    assert outcomes.qsize() == 1
    await disk.change(cert, b"renewed")
    assert outcomes.qsize() == 2


async def test_looking_now_and_then_remains_where_the_systems_watches_are_used_up(monkeypatch):
    calls = []

    async def awatch(*directories, **options):
        calls.append(options.get("force_polling"))
        if not options.get("force_polling"):
            raise OSError(28, "inotify watch limit reached")
        yield {"change"}

    monkeypatch.setattr(watchfiles, "awatch", awatch)
    assert [changes async for changes in watch_directories(Path())] == [{"change"}]
    assert calls == [None, True]
