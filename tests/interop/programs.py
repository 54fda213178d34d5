"""The client programs: how each is made, of packages that its language's own client fetches."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.building import building, copy_changed
from tests.interop.contract import BUILD, GENERATED, PROTOS

CLIENTS = Path(__file__).parent / "clients"
TIMEOUT_S = 600
"""Far above what the first build takes, for which packages are fetched."""


def run(*command: str | Path, cwd: Path) -> None:
    """Runs a command of a build; AssertionError with its output if it fails."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"


def python() -> list[str]:
    """grpcio, as it is installed for the tests."""
    path = f"PYTHONPATH={GENERATED}"
    return ["env", path, sys.executable, str(CLIENTS / "python/client.py")]


def node() -> list[str]:
    """@grpc/grpc-js, in JavaScript all the way down."""
    folder = BUILD / "node"
    copy_changed(CLIENTS / "node", folder)
    lock = folder / "package-lock.json"
    installed = folder / "node_modules/.installed"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        run("npm", "ci", "--no-audit", "--no-fund", cwd=folder)
        installed.write_bytes(lock.read_bytes())
    return ["node", str(folder / "client.js"), "--proto", str(PROTOS / "testservice.proto")]


def go() -> list[str]:
    """grpc-go, with the cases of its own interop package."""
    program = BUILD / "go/client"
    run("go", "build", "-o", program, ".", cwd=CLIENTS / "go")
    return [str(program)]


def cpp() -> list[str]:
    """The system's gRPC C++."""
    folder = BUILD / "cpp"
    jobs = f"-j{os.cpu_count()}"
    run("make", jobs, f"BUILD={folder}", f"PROTOS={PROTOS}", cwd=CLIENTS / "cpp")
    return [str(folder / "client")]


def loading(stack: str, address: str, method: str) -> list[str]:
    """The command that calls a method without pause until its standard input ends; Go or Node."""
    program = build(stack)
    if stack == "node":
        return ["node", str(BUILD / "node/load.js"), address, method]
    return [*program, "-load", address, method]


def holding(stack: str, address: str, method: str) -> list[str]:
    """The command that makes one call, with pings while it lasts, and prints its code."""
    program = build(stack)
    if stack == "node":
        return ["node", str(BUILD / "node/hold.js"), address, method]
    return [*program, "-hold", address, method]


@cache
def build(stack: str) -> tuple[str, ...]:
    """Makes the client of a stack; returns the command that starts it."""
    with building(BUILD):
        return tuple({"python": python, "node": node, "go": go, "cpp": cpp}[stack]())
