"""What fuzzing began with, and what it has found: see tests/fuzz."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz import creation
from tests.fuzz.corpus import FOLDER, corpus
from tests.fuzz.targets import TARGETS

INPUTS = sorted(path for path in FOLDER.glob("*/*"))


@pytest.fixture(scope="module", autouse=True)
def _no_server_is_left() -> Iterator[None]:
    yield
    creation.close()


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_an_input_is_withstood(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


def test_every_target_has_inputs() -> None:
    assert {path.parent.name for path in INPUTS} == set(TARGETS) == set(corpus())
