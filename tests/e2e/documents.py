"""What the documentation tells its readers to type, and the folder in which they type it.

A block of commands is tested if the line above its fence says so: ``<!-- tested: NAME -->``.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.server import ROOT, environment

TIMEOUT_S = 600
"""Far above what any of them takes where Go and npm first have to fetch their packages."""

FENCE = re.compile(
    r"^(?:<!-- tested: (?P<name>[a-z-]+) -->\n)?```sh\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
NOT_OF_A_CHECKOUT = shutil.ignore_patterns(
    "node_modules", "__pycache__", ".pytest_cache", "data", "gen", "*.binpb", "*_pb2*"
)


def blocks(document: str) -> list[tuple[str, str]]:
    """The blocks of commands in a file of the project, each with its name, or "" if untested."""
    text = (ROOT / document).read_text()
    return [(match["name"] or "", match["text"]) for match in FENCE.finditer(text)]


def script(document: str, *names: str) -> str:
    """The commands of the blocks that have one of the names, in the document's order."""
    found = [(name, text) for name, text in blocks(document) if name in names]
    assert {name for name, _ in found} == set(names)
    return "".join(text for _, text in found)


def make_checkout(directory: Path) -> None:
    """Makes a folder look like a checkout in which ``make test`` has been run.

    The programs of its virtual environment are the ones that run this test.
    """
    shutil.copytree(ROOT / "proto", directory / "proto")
    shutil.copytree(ROOT / "examples", directory / "examples", ignore=NOT_OF_A_CHECKOUT)
    programs = directory / ".venv/bin"
    programs.mkdir(parents=True)
    for name, command in {
        "python": sys.executable,
        "blrcs": f"{sys.executable} -m blrcs",
        "buf": Path(sys.executable).with_name("buf"),
    }.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (programs / name).chmod(0o755)


def shell(
    commands: str, *, cwd: Path, stdin: str = "", environ: Mapping[str, str] | None = None
) -> str:
    """Runs commands as they stand; the first that fails fails the test. Returns their output."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=cwd,
        env=environment(environ),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
