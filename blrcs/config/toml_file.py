"""Settings from TOML files."""

import re
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

from blrcs.config.layer import Layer
from blrcs.config.problem import Problem
from blrcs.config.settings import ENVIRONMENTS
from blrcs.config.toml_lines import lines_of_keys

MAX_FILE_BYTES = 4 << 20
MAIN_FILE = "blrcs.toml"

_POSITION = re.compile(
    r"(?P<reason>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)", re.DOTALL
)


def environment_file(environment: str) -> str:
    """The name of the file that is read in one environment alone."""
    return f"blrcs.{environment}.toml"


def read_toml_file(path: Path, *, must_exist: bool) -> Layer:
    """Reads a file. One that cannot be read or is not valid TOML has problems and no values."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not must_exist:
            return Layer(str(path))
        return _unreadable(path, f"cannot be read: {error.strerror}")
    if len(raw) > MAX_FILE_BYTES:
        return _unreadable(path, "is larger than 4 MiB")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return _unreadable(path, "is not UTF-8", raw.count(b"\n", 0, error.start) + 1)
    return _parse(path, text)


def _parse(path: Path, text: str) -> Layer:
    try:
        values = tomllib.loads(text)
    except RecursionError:
        return _unreadable(path, "is nested too deeply")
    except ValueError as error:
        if position := _POSITION.fullmatch(str(error)):
            line = int(position["line"] or len(text.splitlines()))
            return _unreadable(path, position["reason"], line)
        return _unreadable(path, str(error))
    origins = {key: f"{path}:{line}" for key, line in lines_of_keys(text).items()}
    return Layer(str(path), values, origins)


def directory_problems(directory: Path) -> tuple[Problem, ...]:
    """Why the directory cannot be read; or its files that seem to count, but for no environment."""
    try:
        names = {path.name for path in directory.iterdir()}
    except OSError as error:
        return (Problem(str(directory), "", f"cannot be read: {error.strerror}"),)
    known = {environment_file(environment) for environment in ENVIRONMENTS}
    strays = sorted(name for name in names - known if fnmatchcase(name, environment_file("*")))
    reason = f"belongs to no environment; there are {', '.join(ENVIRONMENTS)}"
    return tuple(Problem(str(directory / name), "", reason) for name in strays)


def _unreadable(path: Path, reason: str, line: int | None = None) -> Layer:
    origin = str(path) if line is None else f"{path}:{line}"
    return Layer(str(path), problems=(Problem(origin, "", reason),))
