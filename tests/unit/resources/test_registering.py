"""Who is given resources."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from blrcs.resources.local import described_resources
from blrcs.resources.registering import Register, register_service, takes_resources


class Service:
    """Registers itself."""

    def register(self, server: Any) -> None:
        """Takes a server alone."""

    def register_both(self, server: Any, resources: Any) -> None:
        """Takes both."""


def of_server(server: Any) -> None: ...
def of_both(server: Any, resources: Any) -> None: ...
def of_named(server: Any, resources: Any = None) -> None: ...
def of_default(server: Any, port: int = 7) -> None: ...
def of_keyword(server: Any, *, resources: Any = None) -> None: ...
def of_many(*servers: Any) -> None: ...


@pytest.mark.parametrize(
    "register",
    [
        of_both,
        of_named,
        Service().register_both,
        partial(of_both),
        lambda server, its: None,
    ],
)
def test_a_second_parameter_is_given_resources(register: Register) -> None:
    assert takes_resources(register)


@pytest.mark.parametrize(
    "register",
    [of_server, of_default, of_keyword, of_many, Service().register, partial(of_both, 1), print],
)
def test_all_others_are_called_as_ever(register: Register) -> None:
    assert not takes_resources(register)


def test_what_is_given_is_the_servers(tmp_path: Path) -> None:
    given: list[Any] = []
    resources = described_resources(tmp_path)
    register_service(lambda server, its: given.extend((server, its)), "server", resources)
    register_service(given.append, "alone", resources)
    assert given == ["server", resources, "alone"]


async def test_a_service_that_is_only_described_touches_nothing(tmp_path: Path) -> None:
    data_directory = tmp_path / "data"
    resources = described_resources(data_directory)
    assert resources.own_directory("log").parent == data_directory / "services/log"
    assert not data_directory.exists()
    assert not resources.decisions().check("users/alice", "orders.get", "orders/7")
    with pytest.raises(RuntimeError, match="no database"):
        await resources.database.check()
    with pytest.raises(RuntimeError, match="no database"):
        resources.database.transaction()
