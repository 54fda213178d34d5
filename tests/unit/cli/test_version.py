"""What the program says of itself."""

import subprocess
import sys

import pytest

from blrcs import __version__


@pytest.mark.parametrize("arguments", [["--version"], ["version"], ["--version", "serve"]])
def test_the_version_is_printed(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "blrcs", *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{__version__}\n"
