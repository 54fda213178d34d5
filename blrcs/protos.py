"""Compiles .proto files with every include path that BLRCS's contract needs.

It serves three callers: the build (``setup.py``), which generates ``blrcs.v1``; ``blrcs generate``,
which does the same for a user's own protos; and the tests. Only the standard library and the proto
compiler are needed, so that the build can import it before anything is installed.

``google/api`` comes with googleapis-common-protos, ``google/protobuf`` with grpcio-tools, and
``blrcs/v1`` lies beside the generated code. ``buf/validate/validate.proto`` ships in no wheel as
text, so protovalidate's own descriptor of it is handed to the compiler as a descriptor set.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

VALIDATE_PROTO = "buf/validate/validate.proto"
SAME_CHECKOUT_S = 2.0
"""What is written out together, with the code that was made of it, is in no order of time."""


class ProtoCompilationError(Exception):
    """The protos cannot be compiled; what the compiler refuses, it says on standard error."""


def include_paths() -> list[Path]:
    """The folders that hold ``google/protobuf``, ``google/api`` and ``blrcs/v1``, in that order."""
    annotations = find_spec("google.api.annotations_pb2")
    if annotations is None or annotations.origin is None:
        raise ProtoCompilationError("googleapis-common-protos is not installed")
    return [
        Path(str(files("grpc_tools") / "_proto")),
        Path(annotations.origin).parents[2],
        Path(__file__).parents[1],
    ]


def validate_descriptor_set() -> bytes:
    """A serialized FileDescriptorSet of ``buf/validate/validate.proto`` and what it imports."""
    from google.protobuf import (  # noqa: PLC0415 - absent while only include paths are asked for
        descriptor_pb2,
        duration_pb2,
        field_mask_pb2,
        timestamp_pb2,
    )
    from protovalidate._gen.buf.validate import validate_pb  # noqa: PLC0415

    descriptors = descriptor_pb2.FileDescriptorSet()
    for module in (descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2):
        module.DESCRIPTOR.CopyToProto(descriptors.file.add())
    descriptors.file.add().ParseFromString(validate_pb.desc().proto.to_binary())
    return descriptors.SerializeToString()


def compile_protos(
    sources: Iterable[str],
    *,
    roots: Sequence[Path],
    outputs: Sequence[str],
) -> None:
    """Runs the proto compiler.

    Args:
        sources: Names of .proto files, relative to one of ``roots``.
        roots: Include paths searched before the built-in ones.
        outputs: The compiler's own output flags, such as ``--python_out=gen`` or
            ``--descriptor_set_out=all.binpb``; plugins found on PATH work as usual.

    Raises:
        ProtoCompilationError: The compiler refused; its message is on standard error.
    """
    from grpc_tools import protoc  # noqa: PLC0415 - costs 20 ms that most commands need not pay

    with tempfile.TemporaryDirectory() as scratch:
        descriptor_set = Path(scratch, "validate.binpb")
        descriptor_set.write_bytes(validate_descriptor_set())
        includes = [f"--proto_path={path}" for path in [*roots, *include_paths()]]
        descriptor = f"--descriptor_set_in={descriptor_set}"
        if protoc.main(["protoc", *includes, descriptor, *outputs, *sources]) != 0:
            raise ProtoCompilationError("the proto compiler refused the sources")


def python_outputs(folder: Path) -> list[str]:
    """Output flags for messages, their type stubs and gRPC stubs in Python."""
    return [f"--python_out={folder}", f"--pyi_out={folder}", f"--grpc_python_out={folder}"]


def generate_own(root: Path) -> None:
    """Generates ``blrcs/v1`` and ``_generated/buf/validate`` in a checkout of the project.

    The .proto files are copied beside the code generated from them, where an installation
    keeps them for :func:`include_paths`. Nothing is touched while it is newer than its sources.
    """
    protos = sorted((root / "proto/blrcs/v1").glob("*.proto"))
    package = root / "blrcs/v1"
    stamp = package / "__init__.py"
    newest = max(path.stat().st_mtime for path in [*protos, Path(__file__)])
    if stamp.exists() and stamp.stat().st_mtime > newest:
        return
    shutil.rmtree(package, ignore_errors=True)
    package.mkdir()
    validate = root / "_generated"
    validate.mkdir(exist_ok=True)
    compile_protos(
        [f"blrcs/v1/{path.name}" for path in protos],
        roots=[root / "proto"],
        outputs=python_outputs(root),
    )
    compile_protos([VALIDATE_PROTO], roots=[], outputs=python_outputs(validate)[:2])
    for path in protos:
        shutil.copy(path, package)
    stamp.write_text('"""The contract: generated from proto/blrcs/v1 by the build."""\n')


def compile_project(project: Path) -> None:
    """Compiles ``project/proto`` into Python packages in ``project``, where it has changed.

    Each file is there as a whole or not at all, also where several processes do this at once, and
    none of them returns before all are there.

    Raises:
        ProtoCompilationError: There are no protos, the compiler refused them, or the project
            cannot be written to.
    """
    root = project / "proto"
    protos = {path.relative_to(root): path.stat().st_mtime for path in root.rglob("*.proto")}
    if not protos:
        raise ProtoCompilationError(f"there is no .proto file below {root}")
    made = [project / path.parent / f"{path.stem}_pb2.py" for path in protos]
    if all(path.exists() and path.stat().st_mtime > max(protos.values()) for path in made):
        return
    try:
        with tempfile.TemporaryDirectory(dir=project, prefix=".made-") as scratch:
            compile_protos(
                sorted(path.as_posix() for path in protos),
                roots=[root],
                outputs=python_outputs(Path(scratch)),
            )
            # Last those by which other processes see that all is there.
            for path in sorted(Path(scratch).rglob("*.py*"), key=_tells_of_all):
                target = project / path.relative_to(scratch)
                target.parent.mkdir(parents=True, exist_ok=True)
                path.replace(target)
    except OSError as error:
        raise ProtoCompilationError(f"{error.filename or project}: {error.strerror}") from None


def outdated_proto(project: Path) -> Path | None:
    """A file below ``project/proto`` that is newer than the Python made of it in ``project``.

    One of which none was made there is not outdated. A file that cannot be read is passed over.
    """
    root = project / "proto"
    for proto in sorted(root.rglob("*.proto")):
        path = proto.relative_to(root)
        made = project / path.parent / f"{path.stem}_pb2.py"
        with contextlib.suppress(OSError):
            if proto.stat().st_mtime > made.stat().st_mtime + SAME_CHECKOUT_S:
                return proto
    return None


def _tells_of_all(made: Path) -> bool:
    return made.name.endswith("_pb2.py")
