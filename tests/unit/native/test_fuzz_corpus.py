"""What fuzzing began with, and what it has found: see tests/fuzz."""

from pathlib import Path

import pytest

from tests.fuzz.corpus import FOLDER, corpus
from tests.fuzz.targets import TARGETS

INPUTS = sorted(path for path in FOLDER.glob("*/*"))


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_an_input_is_withstood(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


def test_every_target_has_inputs() -> None:
    assert {path.parent.name for path in INPUTS} == set(TARGETS) == set(corpus())
