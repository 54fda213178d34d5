"""The messages and stubs of ``testservice.proto``, generated when this is first imported."""

import importlib
import sys
from pathlib import Path

from grpc_tools import protoc

from tests.building import building, is_newer

PROTOS = Path(__file__).parent / "proto"
BUILD = Path(__file__).parents[2] / "build/interop"
GENERATED = BUILD / "python"


def generate() -> None:
    """Generates the two modules into :data:`GENERATED`, from where they can be imported."""
    source = PROTOS / "testservice.proto"
    made = [GENERATED / f"testservice_{ending}.py" for ending in ("pb2", "pb2_grpc")]
    with building(GENERATED):
        if not all(is_newer(each, source, Path(protoc.__file__)) for each in made):
            arguments = [f"--python_out={GENERATED}", f"--grpc_python_out={GENERATED}"]
            assert protoc.main(["protoc", f"-I{PROTOS}", *arguments, source.name]) == 0
    sys.path.append(str(GENERATED))


generate()
messages = importlib.import_module("testservice_pb2")
stubs = importlib.import_module("testservice_pb2_grpc")
