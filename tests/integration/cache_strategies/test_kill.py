"""SIGKILL while writes are acknowledged and carried out, on real databases."""

import asyncio

import pytest

from tests.integration.cache_strategies.killing import compare, effects_of, kill_cycles

CYCLES = 24


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/effects.db"
    server = request.getfixturevalue("postgresql_server")
    server.create_database("write_behind")
    return server.url("write_behind")


def test_what_is_acknowledged_takes_effect_once_and_in_order(url, tmp_path, environment):
    directory = tmp_path / "log"
    acknowledged = kill_cycles(CYCLES, directory, url, environment, seed=7)
    assert len(acknowledged) > CYCLES
    compare(acknowledged, asyncio.run(effects_of(url)), directory)
    assert len(list(directory.glob("*.log"))) == 1
