"""Settings from environment variables, and secrets from the files that they name."""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from blrcs.config.key_path import KeyPath
from blrcs.config.layer import Layer, put
from blrcs.config.option import FILE_SUFFIX, VARIABLE_PREFIX, Option, all_options
from blrcs.config.problem import Problem
from blrcs.config.variable_names import NO_SETTINGS

MAX_SECRET_BYTES = 64 << 10


def read_variables(environ: Mapping[str, str]) -> Layer:
    """Reads every ``BLRCS_…`` variable; an empty one counts as not set.

    ``BLRCS_SERVER__PORT`` sets ``server.port``. Lists and tables are given as JSON. For a secret,
    the name with ``_FILE`` behind it names a file, whose one trailing line break is dropped.

    A problem is a variable that is unknown, is not UTF-8, is not JSON where it must be, gives what
    another one gives too, or names a file that cannot be read.
    """
    given = {
        name: value
        for name, value in environ.items()
        if name.startswith(VARIABLE_PREFIX) and value and name not in NO_SETTINGS
    }
    known = _known_variables()
    values: dict[str, Any] = {}
    origins: dict[KeyPath, str] = {}
    problems = []
    for name, text in sorted(given.items()):
        option = known.get(name)
        if option is None:
            problems.append(Problem(name, "", _unknown(name, known)))
            continue
        try:
            value = _read(option, name, text)
        except ValueError as error:
            problems.append(Problem(name, option.key, str(error)))
            continue
        if option.path in origins:
            reason = f"is given by {origins[option.path]} too"
            problems.append(Problem(name, option.key, reason))
        put(values, option.path, value)
        origins[option.path] = name
    return Layer("variables", values, origins, tuple(problems))


def _known_variables() -> dict[str, Option]:
    return dict(_names_of_variables())


def _names_of_variables() -> Iterator[tuple[str, Option]]:
    for option in all_options().values():
        yield option.variable, option
        if option.secret:
            yield option.variable + FILE_SUFFIX, option


def _read(option: Option, name: str, text: str) -> Any:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is not UTF-8") from None
    if name != option.variable:
        secret = _read_secret(Path(text))
        return secret.splitlines() if option.structured else secret
    if not option.structured:
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ValueError("is a list or a table, and is given as JSON") from None


def _read_secret(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    if len(raw) > MAX_SECRET_BYTES:
        raise ValueError(f"{path} is larger than 64 KiB")
    try:
        secret = raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8") from None
    if not secret:
        raise ValueError(f"{path} is empty")
    return secret


def _unknown(name: str, known: Mapping[str, Option]) -> str:
    for option in known.values():
        if option.structured and name.startswith(f"{option.variable}__"):
            return f"is no variable; {option.variable} gives the whole of {option.key} as JSON"
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    return f"is unknown; is {near[0]} meant?" if near else "is unknown"
