"""What every part of the settings has in common."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    SecretStr,
    WrapSerializer,
)

MASK = "********"

K = TypeVar("K")
V = TypeVar("V")


class Section(BaseModel):
    """A part of the settings: immutable, and closed to keys that it does not name."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def empty_table() -> Mapping[Any, Any]:
    """The default of a table."""
    return MappingProxyType({})


def _not_empty(value: object) -> object:
    if value == "":
        raise ValueError("is empty")
    return value


def _readable(path: Path) -> Path:
    try:
        if not path.is_file():
            raise ValueError("is not a file that exists")
        path.open("rb").close()
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    return path


Table = Annotated[
    Mapping[K, V],
    AfterValidator(lambda table: MappingProxyType(dict(table))),
    WrapSerializer(lambda table, serialize: serialize(dict(table))),
]
"""A table whose keys are names that the user chose. Read-only."""

Secret = Annotated[SecretStr, PlainSerializer(lambda _: MASK, when_used="json")]
"""A value that is masked wherever it is shown."""

PathName = Annotated[Path, BeforeValidator(_not_empty)]
"""A path; relative ones start at the working directory."""

ReadableFile = Annotated[PathName, AfterValidator(_readable)]
"""A path to a file that can be read when the settings are loaded."""
