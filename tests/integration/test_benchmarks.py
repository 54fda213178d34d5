"""Benchmarks that need no peers can be set up on this tree, and what they compare does the same."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize(
    "program",
    [
        "import bench_direct; bench_direct.assert_alike()",
        "import bench_cache_copies as each; each.calls(); each.gets()",
        "import bench_record_pages as each; each.batch(0)",
    ],
)
def test_a_benchmark_is_of_this_tree(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=BENCHMARKS,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
