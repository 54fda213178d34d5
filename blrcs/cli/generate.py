"""``blrcs generate``: compiles protos with all that BLRCS's options need."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from blrcs.cli.exit import fail
from blrcs.monitoring.log_values import escape
from blrcs.protos import VALIDATE_PROTO, ProtoCompilationError, compile_protos, python_outputs

GO_DEPENDENCIES = ("blrcs/v1/policy.proto", VALIDATE_PROTO)
GO_PLUGINS = {
    "protoc-gen-go": "google.golang.org/protobuf/cmd/protoc-gen-go",
    "protoc-gen-go-grpc": "google.golang.org/grpc/cmd/protoc-gen-go-grpc",
}


def generate(
    root: Annotated[
        Path, typer.Option(help="The folder that imports start from.", file_okay=False, exists=True)
    ] = Path("proto"),
    python: Annotated[
        Path | None, typer.Option(help="Write messages and stubs for Python here.")
    ] = None,
    go: Annotated[
        Path | None,
        typer.Option(help="Write Go code here, by protoc-gen-go and protoc-gen-go-grpc on PATH."),
    ] = None,
    go_package: Annotated[
        str | None, typer.Option(help="The import path of the folder that --go names.")
    ] = None,
    descriptor_set: Annotated[
        Path | None,
        typer.Option(
            help="Write a FileDescriptorSet with all imports here, for buf and @grpc/proto-loader."
        ),
    ] = None,
    output: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FLAG",
            help="A further flag for the compiler, such as --output=--es_out=gen for a plugin.",
        ),
    ] = None,
) -> None:
    """Compile all .proto files below a folder.

    The protos of blrcs, google.api and buf.validate are found without being copied.
    """
    sources = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.proto"))
    if not sources:
        fail(f"there is no .proto file below {root}")
    if python is None and go is None and descriptor_set is None and not output:
        fail("say what to write: --python, --go, --descriptor-set or --output")
    try:
        if go is not None:
            _generate_go(root, sources, go, go_package)
        flags = [*(output or ()), *_flags(python, descriptor_set)]
        if flags:
            compile_protos(sources, roots=[root], outputs=flags)
    except ProtoCompilationError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{escape(str(error.filename))}: {error.strerror}")


def _flags(python: Path | None, descriptor_set: Path | None) -> list[str]:
    flags = [] if python is None else python_outputs(_made(python))
    if descriptor_set is not None:
        _made(descriptor_set.parent)
        flags += [
            f"--descriptor_set_out={descriptor_set}",
            "--include_imports",
            "--include_source_info",
        ]
    return flags


def _generate_go(root: Path, sources: list[str], folder: Path, package: str | None) -> None:
    """Go code for the sources and for what of their imports has no published Go package."""
    if not package:
        fail("--go needs --go-package, the import path of its folder")
    for plugin, source in GO_PLUGINS.items():
        if shutil.which(plugin) is None:
            fail(f"{plugin} is not on PATH: go install {source}@latest")
    files = sorted({*sources, *GO_DEPENDENCIES})
    mapping = ",".join(f"M{name}={package}/{_go_folder(name)}" for name in files)
    options = f"module={package},{mapping}"
    flags = [
        f"--go_out={_made(folder)}",
        f"--go_opt={options}",
        f"--go-grpc_out={folder}",
        f"--go-grpc_opt={options}",
    ]
    compile_protos(files, roots=[root], outputs=flags)


def _go_folder(source: str) -> str:
    return source.rpartition("/")[0] or "."


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
