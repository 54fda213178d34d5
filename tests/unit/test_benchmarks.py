"""Benchmarks, which no other test runs, name what there is."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
OURS = ("blrcs", "blrcs_native", "tests")


def imported() -> Iterator[Any]:
    """Each name that a benchmark imports of this project."""
    for path in sorted(FOLDER.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom) or node.module is None:
                continue
            if node.module.partition(".")[0] in OURS:
                for each in node.names:
                    yield pytest.param(node.module, each.name, id=f"{path.stem}-{each.name}")


@pytest.mark.parametrize(("module", "name"), list(imported()))
def test_what_a_benchmark_imports_is_there(module, name):
    found = import_module(module)
    assert hasattr(found, name) or import_module(f"{module}.{name}")
