"""The messages and stubs of ``testservice.proto``, generated when this is first imported."""

import importlib
import sys
from pathlib import Path

from grpc_tools import protoc

PROTOS = Path(__file__).parent / "proto"
BUILD = Path(__file__).parents[2] / "build/interop"
GENERATED = BUILD / "python"


def generate() -> None:
    """Generates the two modules into :data:`GENERATED`, from where they can be imported."""
    GENERATED.mkdir(parents=True, exist_ok=True)
    arguments = [f"-I{PROTOS}", f"--python_out={GENERATED}", f"--grpc_python_out={GENERATED}"]
    assert protoc.main(["protoc", *arguments, "testservice.proto"]) == 0
    sys.path.append(str(GENERATED))


generate()
messages = importlib.import_module("testservice_pb2")
stubs = importlib.import_module("testservice_pb2_grpc")
