"""Why the module of a user's service cannot be imported, in one line for a terminal."""

import traceback
from pathlib import Path

GENERATED = ("_pb2_grpc", "_pb2")


def raised(error: Exception) -> str:
    """What a user's code raised, and where."""
    if isinstance(error, SyntaxError):
        place = f" ({error.filename}:{error.lineno})"
        return f"{type(error).__name__}: {error.msg}{place}"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return " ".join(f"{type(error).__name__}: {error}".split()) + place


def not_imported(module: str, error: ImportError, directory: Path) -> str:
    """What is missing, and what is to be done about it as far as that can be told.

    Args:
        module: The module that was asked for.
        error: What its import raised.
        directory: Where modules are looked for beside what is installed.
    """
    missing = error.name or ""
    if _is_to_be_generated(missing, error, directory):
        return f"{error}: compile its protos first, by `blrcs generate --python .`"
    if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{missing}."):
        return f"{error}: it is not below {directory}, and not installed"
    return str(error)


def _is_to_be_generated(missing: str, error: ImportError, directory: Path) -> bool:
    """Whether a module is one that a .proto below ``directory/proto`` is compiled into."""
    if not isinstance(error, ModuleNotFoundError) and "_pb2" not in str(error):
        return False
    for suffix in GENERATED:
        missing = missing.removesuffix(suffix)
    source = directory.joinpath("proto", *missing.split("."))
    return bool(missing) and (source.is_dir() or source.with_suffix(".proto").is_file())
