import asyncio
from contextlib import asynccontextmanager

import pytest
import watchfiles.main
from watchfiles._rust_notify import RustNotify

from blrcs.config import watcher
from blrcs.config.live import LiveSettings
from blrcs.config.loading import load_settings

WAIT_S = 60


class Part:
    def __init__(self):
        self.levels = []

    def prepare(self, old, new):
        return lambda: self.levels.append(new.logging.level)


@pytest.fixture
def listening(monkeypatch):
    """Set once the system tells of changes; from then on nothing else does."""
    monkeypatch.setattr(watcher, "LOOK_ANYWAY_MS", 600_000)
    started = asyncio.Event()

    def notify(*arguments):
        notifier = RustNotify(*arguments)
        started.set()
        return notifier

    monkeypatch.setattr(watchfiles.main, "RustNotify", notify)
    return started


@asynccontextmanager
async def watching(directory, listening=None):
    def load():
        return load_settings(config_directory=directory, environ={})

    outcomes, part = asyncio.Queue(), Part()
    live = LiveSettings(
        load(),
        load=load,
        reloadables=[part],
        on_reload=lambda epoch, outcome: outcomes.put_nowait((epoch, outcome.value)),
    )
    running = asyncio.create_task(watcher.ConfigWatcher(live).run())

    async def outcome():
        return await asyncio.wait_for(outcomes.get(), WAIT_S)

    try:
        if listening is not None:
            await asyncio.wait_for(listening.wait(), WAIT_S)
        yield outcome, live, part
    finally:
        running.cancel()
        await asyncio.wait([running])


def replace(path, text):
    """As editors and deployments do: a new file takes the old one's name."""
    scratch = path.with_name("scratch")
    scratch.write_text(text)
    scratch.replace(path)


async def test_a_written_and_a_replaced_file_are_noticed(tmp_path, listening):
    file = tmp_path / "blrcs.toml"
    file.write_text("logging.level = 'info'")
    async with watching(tmp_path, listening) as (outcome, live, part):
        file.write_text("logging.level = 'debug'")
        assert await outcome() == (2, "applied")
        replace(file, "logging.level = 'error'")
        assert await outcome() == (3, "applied")
        assert part.levels == ["debug", "error"]
        assert live.settings.logging.level == "error"


async def test_a_bad_file_keeps_the_last_good_state_until_it_is_mended(tmp_path, listening):
    file = tmp_path / "blrcs.toml"
    file.write_text("logging.level = 'warning'")
    async with watching(tmp_path, listening) as (outcome, live, part):
        replace(file, "logging.level = 'debug'\nserver.prot = 1")
        assert await outcome() == (1, "refused")
        assert live.settings.logging.level == "warning"
        assert part.levels == []
        replace(file, "logging.level = 'debug'")
        assert await outcome() == (2, "applied")


async def test_a_file_made_later_is_noticed(tmp_path, listening):
    async with watching(tmp_path, listening) as (outcome, live, _):
        (tmp_path / "blrcs.development.toml").write_text("logging.level = 'debug'")
        assert await outcome() == (2, "applied")
        assert live.settings.logging.level == "debug"


@pytest.mark.parametrize("name", ["tls.crt", "tls.key", "ca.crt"])
async def test_a_certificate_renewed_behind_a_link_is_noticed(tmp_path, listening, name):
    config, secrets = tmp_path / "config", tmp_path / "secrets"
    for directory in (config, secrets, secrets / "one", secrets / "two"):
        directory.mkdir()
    for file in ("tls.crt", "tls.key", "ca.crt"):
        (secrets / "one" / file).write_text("old")
        (secrets / "two" / file).write_text("new" if file == name else "old")
        (secrets / file).symlink_to(f"current/{file}")
    (secrets / "current").symlink_to("one")
    (config / "blrcs.toml").write_text(
        f"[server.tls]\ncert_file = '{secrets}/tls.crt'\nkey_file = '{secrets}/tls.key'\n"
        f"client_ca_file = '{secrets}/ca.crt'\nrequire_client_certificate = true"
    )
    async with watching(config, listening) as (outcome, *_):
        (secrets / "next").symlink_to("two")
        (secrets / "next").replace(secrets / "current")
        assert await outcome() == (2, "applied")


async def test_a_change_made_before_it_listened_is_noticed_later(tmp_path, monkeypatch):
    monkeypatch.setattr(watcher, "LOOK_ANYWAY_MS", 50)
    file = tmp_path / "blrcs.toml"
    file.write_text("")
    async with watching(tmp_path) as (outcome, *_):
        file.write_text("logging.level = 'debug'")
        assert await outcome() == (2, "applied")
