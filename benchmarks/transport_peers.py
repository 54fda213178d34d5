"""The servers that the transport's benchmark compares: how each is built, started and named.

Each lies in ``peers/`` and serves ``peers/proto/echo/v1/echo.proto``. Its ``build`` script gets a
folder below ``build/peers``, and leaves there what runs and a file ``version``. Its program takes
``--cert FILE --key FILE`` for TLS, listens on a free port of the loopback, prints that port, and
ends at SIGTERM.
"""

import inspect
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import blrcs.aio

HERE = Path(__file__).parent
PEERS = HERE / "peers"
PROTOS = PEERS / "proto"
BUILT = HERE.parent / "build/peers"
GENERATED = BUILT / "python/gen"
PYTHONPATH = os.pathsep.join(
    str(path) for path in (GENERATED, HERE.parent, HERE.parent / "_native")
)
BUILD_TIMEOUT_S = 1_200


@dataclass(frozen=True, slots=True)
class Peer:
    """One server.

    ``folder`` is where it lies in ``peers/``; ``needs`` are commands without which it cannot be
    built; ``command`` starts it.
    """

    label: str
    folder: str
    command: tuple[str | Path, ...]
    needs: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    reason_to_leave_out: Callable[[], str | None] = lambda: None

    @property
    def version(self) -> str:
        """The name and version of what it is made with, as ``build`` wrote it."""
        return (BUILT / self.folder / "version").read_text("utf-8").strip()


def in_python(
    label: str, name: str, reason_to_leave_out: Callable[[], str | None] = lambda: None
) -> Peer:
    return Peer(
        label,
        "python",
        (sys.executable, PEERS / "python/server.py", name),
        environ={"PYTHONPATH": PYTHONPATH},
        reason_to_leave_out=reason_to_leave_out,
    )


def without_transports() -> str | None:
    """Why ours cannot be measured on a second transport; None where it can."""
    chosen = inspect.signature(blrcs.aio.server).parameters
    return None if "transport" in chosen else "blrcs.aio.server has no choice of transport"


PEERS_BY_NAME = {
    "blrcs": in_python("BLRCS", "blrcs"),
    "blrcs-grpcio": in_python("BLRCS on grpcio", "blrcs-grpcio", without_transports),
    "grpc.aio": in_python("grpc.aio", "grpc.aio"),
    "connect": Peer(
        "connectrpc for Python",
        "connect",
        (BUILT / "connect/venv/bin/python", PEERS / "connect/server.py"),
        environ={
            "PYTHONPATH": os.pathsep.join(map(str, (BUILT / "connect/gen", PEERS / "connect")))
        },
    ),
    "grpc-js": Peer(
        "@grpc/grpc-js",
        "node",
        ("node", BUILT / "node/server.js", "--protos", PROTOS),
        needs=("node", "npm"),
    ),
    "grpc-go": Peer(
        "grpc-go",
        "go",
        (BUILT / "go/server",),
        needs=("go",),
        environ={"GOMAXPROCS": "1"},
    ),
    "grpc++": Peer(
        "gRPC C++",
        "cpp",
        (BUILT / "cpp/server",),
        needs=("c++", "protoc", "grpc_cpp_plugin", "pkg-config"),
    ),
    "tonic": Peer("tonic", "rust", (BUILT / "rust/server",), needs=("cargo",)),
}


def build(chosen: Sequence[str] = ()) -> tuple[dict[str, Peer], dict[str, str]]:
    """Builds servers, all unless some are chosen.

    Returns those that can run by name, and by label why each of the others cannot.
    """
    proto_compiler = write_proto_compiler()
    outcomes: dict[str, str | None] = {}
    there, left_out = {}, {}
    # The messages of those in Python are what the load is made of.
    for name, peer in PEERS_BY_NAME.items():
        if chosen and name not in chosen and peer.folder != "python":
            continue
        if peer.folder not in outcomes:
            outcomes[peer.folder] = failure_of_build(peer, proto_compiler)
        if reason := outcomes[peer.folder] or peer.reason_to_leave_out():
            left_out[peer.label] = reason
        elif not chosen or name in chosen:
            there[name] = peer
    return there, left_out


def write_proto_compiler() -> Path:
    """The compiler of this environment as a program, for build scripts that run one."""
    path = BUILT / "protoc"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -m grpc_tools.protoc "$@"\n', "utf-8")
    path.chmod(0o755)
    return path


def failure_of_build(peer: Peer, proto_compiler: Path) -> str | None:
    """Builds one folder; None where that went well, else why it did not."""
    missing = [name for name in peer.needs if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed"
    target = BUILT / peer.folder
    if is_current(peer.folder):
        return None
    target.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [PEERS / peer.folder / "build", target],
        env=os.environ | {"PROTOC": str(proto_compiler), "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
        check=False,
    )
    if done.returncode == 0:
        return None
    said = (done.stderr or done.stdout).strip().splitlines() or ["no word"]
    return f"cannot be built: {said[-1]}"


def is_current(folder: str) -> bool:
    """Whether what was built is newer than its sources; it is never for what this Python runs."""
    version = BUILT / folder / "version"
    if folder == "python" or not version.exists():
        return False
    sources = [*(PEERS / folder).rglob("*"), *PROTOS.rglob("*.proto")]
    return max(source.stat().st_mtime for source in sources) < version.stat().st_mtime
