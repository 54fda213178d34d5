"""The programs of the document on cache strategies, run as they stand."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from blrcs.cache.strategies import StrategyMetrics
from blrcs_native.monitoring.metrics import MetricsBlock
from tests.e2e.documents import TIMEOUT_S
from tests.e2e.server import ROOT, environment

DOCUMENT = (ROOT / "docs/cache-strategies.md").read_text()
PROGRAM = re.compile(
    r"^<!-- tested: (?P<name>[a-z-]+) -->\n```python\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
PRINTED = {
    "aside": "b'Tea, 100 g'\nb'Tea, 250 g'\n",
    "read-through": "loads: 1\n{'7': b'Tea, 100 g', '8': b'Coffee'}\n",
    "write-through": "b'Tea, 100 g'\nNone\n",
    "write-behind": "b'Tea, 100 g'\nb'Tea, 100 g'\n",
    "hosted": "[b'Tea, 100 g']\n",
}


@pytest.mark.parametrize("name", PRINTED)
def test_a_program_does_what_it_says(name: str, tmp_path: Path) -> None:
    programs = {match["name"]: match["text"] for match in PROGRAM.finditer(DOCUMENT)}
    for _ in range(2 if name == "write-behind" else 1):  # its log and database are there then
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", programs[name]],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert (done.stdout, done.stderr) == (PRINTED[name], "")


def test_every_program_is_tested() -> None:
    assert DOCUMENT.count("```python") == len(PRINTED)


def test_every_metric_is_described() -> None:
    block = MetricsBlock(8192)
    StrategyMetrics(block)
    described = re.findall(r"^\| `(blrcs_\w+)` \| ([\w, ]+) \|", DOCUMENT, re.MULTILINE)
    assert described == [(each.name, ", ".join(each.label_names)) for each in block]
