import asyncio
import threading
from pathlib import Path

import pytest
import structlog

from blrcs.config.live import LiveSettings, ReloadOutcome
from blrcs.config.loading import LoadedSettings
from blrcs.config.problem import ConfigError, Problem
from blrcs.config.settings import Settings

PUBLIC = {"/a.B/C": {"access": "public"}}


def loaded(*files, **values):
    return LoadedSettings(Settings(**values), (), tuple(map(Path, files)))


class Part:
    def __init__(self, journal, name, error=None, commit_error=None):
        self.journal, self.name = journal, name
        self.error, self.commit_error = error, commit_error
        self.seen = None

    def prepare(self, old, new):
        self.journal.append(f"prepare {self.name}")
        self.seen = (old, new)
        if self.error:
            raise self.error
        return self.commit

    def commit(self):
        self.journal.append(f"commit {self.name}")
        if self.commit_error:
            raise self.commit_error


@pytest.fixture
def log():
    with structlog.testing.capture_logs() as entries:
        yield entries


class House:
    def __init__(self, *parts, **values):
        self.told = []
        self.next = loaded("next.toml", **values)
        self.live = LiveSettings(
            loaded("first.toml"),
            load=self.load,
            reloadables=parts,
            on_reload=lambda epoch, outcome: self.told.append((epoch, outcome)),
        )

    def load(self):
        if isinstance(self.next, Exception):
            raise self.next
        return self.next


async def test_all_parts_prepare_before_the_first_commits(log):
    journal = []
    house = House(Part(journal, "a"), Part(journal, "b"), policies=PUBLIC)
    assert await house.live.reload() is ReloadOutcome.APPLIED
    assert journal == ["prepare a", "prepare b", "commit a", "commit b"]
    assert house.told == [(2, ReloadOutcome.APPLIED)]
    assert house.live.epoch == 2
    assert house.live.files == (Path("next.toml"),)
    assert house.live.settings.policies["/a.B/C"].access == "public"
    assert {"event": "configuration reloaded", "epoch": 2, "log_level": "info"} in log


@pytest.mark.parametrize(
    "error", [ConfigError([Problem("f", "k", "r")]), RuntimeError("bug")], ids=str
)
async def test_a_part_that_cannot_prepare_stops_the_whole_epoch(log, error):
    journal = []
    house = House(Part(journal, "a"), Part(journal, "b", error), policies=PUBLIC)
    before = house.live.settings
    assert await house.live.reload() is ReloadOutcome.REFUSED
    assert journal == ["prepare a", "prepare b"]
    assert house.live.settings is before
    assert house.live.files == (Path("first.toml"),)
    assert house.told == [(1, ReloadOutcome.REFUSED)]
    assert [entry["log_level"] for entry in log] == ["error"]


async def test_a_bad_file_keeps_the_last_good_state_and_says_so(log):
    part = Part([], "a")
    house = House(part)
    house.next = ConfigError([Problem("blrcs.toml:3", "server.port", "is unknown")])
    assert await house.live.reload() is ReloadOutcome.REFUSED
    assert part.seen is None
    assert log == [
        {
            "event": "configuration refused",
            "epoch": 1,
            "problems": ["blrcs.toml:3: server.port: is unknown"],
            "log_level": "error",
        }
    ]


async def test_after_a_bad_file_a_good_one_is_applied(log):
    house = House()
    good, house.next = house.next, ConfigError([Problem("f", "", "bad")])
    await house.live.reload()
    house.next = good
    assert await house.live.reload() is ReloadOutcome.APPLIED
    assert house.told == [(1, ReloadOutcome.REFUSED), (2, ReloadOutcome.APPLIED)]


async def test_what_needs_a_restart_is_told_and_not_applied(log):
    part = Part([], "a")
    house = House(
        part, server={"port": 1}, logging={"level": "debug", "format": "json"}, policies=PUBLIC
    )
    assert await house.live.reload() is ReloadOutcome.APPLIED
    old, new = part.seen
    assert (new.server.port, new.logging.format) == (old.server.port, old.logging.format)
    assert new.logging.level == "debug"
    assert house.live.settings == new
    assert [entry["keys"] for entry in log if "restart" in entry["event"]] == [
        ["server.port", "logging.format"]
    ]


async def test_nothing_needs_a_restart_when_only_reloadable_values_change(log):
    rule = {"name": "r", "domain": "d", "match": [{"key": "user"}], "requests": 3}
    house = House(limits={"rules": [rule]}, policies=PUBLIC, logging={"level": "error"})
    await house.live.reload()
    assert len(house.live.settings.limits.rules) == 1
    assert [entry["event"] for entry in log] == ["configuration reloaded"]


async def test_another_environment_is_refused(log):
    house = House(environment="production", policies=PUBLIC)
    assert await house.live.reload() is ReloadOutcome.REFUSED
    assert not house.live.settings.policies
    assert "needs a restart" in log[0]["problems"][0]


async def test_a_commit_that_breaks_its_promise_stops_no_other(log):
    journal = []
    house = House(Part(journal, "a", commit_error=RuntimeError()), Part(journal, "b"))
    assert await house.live.reload() is ReloadOutcome.BROKEN
    assert journal[-1] == "commit b"
    assert house.told == [(2, ReloadOutcome.BROKEN)]
    assert log[0]["event"] == "configuration could not be committed"


async def test_reloads_run_one_at_a_time_and_the_loop_stays_free():
    entered, leave, running = threading.Event(), threading.Event(), []

    def load():
        running.append(+1)
        assert sum(running) == 1
        entered.set()
        assert leave.wait(10)
        running.append(-1)
        return loaded()

    live = LiveSettings(loaded(), load=load, reloadables=(), on_reload=lambda *_: None)
    both = asyncio.gather(live.reload(), live.reload())
    await asyncio.to_thread(entered.wait, 10)
    leave.set()
    assert await both == [ReloadOutcome.APPLIED] * 2
    assert live.epoch == 3
