"""The options that exist, read off the settings model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from blrcs.config.settings import Settings

VARIABLE_PREFIX = "BLRCS_"
FILE_SUFFIX = "_FILE"


@dataclass(frozen=True, slots=True)
class Option:
    """One value that a user can set; a list or table of the user's own is one option.

    Attributes:
        path: Its place in :class:`Settings`.
        field: Its declaration.
    """

    path: tuple[str, ...]
    field: FieldInfo

    @property
    def key(self) -> str:
        """Its name in a file: ``server.port``."""
        return ".".join(self.path)

    @property
    def variable(self) -> str:
        """Its environment variable: ``BLRCS_SERVER__PORT``."""
        return VARIABLE_PREFIX + "__".join(self.path).upper()

    @property
    def secret(self) -> bool:
        """Whether its value is masked, and may be given in a file of its own: one, or a list."""
        return _is_secret(self.field.annotation)

    @property
    def structured(self) -> bool:
        """Whether it is a list or a table, which variables give as JSON."""
        return any(part in (tuple, Mapping) for part in _parts(self.field.annotation))

    def value_in(self, settings: Settings) -> Any:
        """Its value."""
        value: Any = settings
        for name in self.path:
            value = getattr(value, name)
        return value


@cache
def all_options() -> Mapping[str, Option]:
    """Every option by its key, in the order of the model."""
    return MappingProxyType({option.key: option for option in _walk(Settings, ())})


def _walk(model: type[BaseModel], prefix: tuple[str, ...]) -> Iterator[Option]:
    for name, field in model.model_fields.items():
        path = (*prefix, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _walk(field.annotation, path)
        else:
            yield Option(path, field)


def _is_secret(annotation: Any) -> bool:
    if annotation is SecretStr:
        return True
    return get_origin(annotation) is not Mapping and any(map(_is_secret, get_args(annotation)))


def _parts(annotation: Any) -> Iterator[Any]:
    """The annotation's own type and those of a union's members, without what is inside them."""
    origin = get_origin(annotation)
    if isinstance(origin, type) and issubclass(origin, tuple | Mapping):
        yield tuple if issubclass(origin, tuple) else Mapping
        return
    yield annotation
    for argument in get_args(annotation):
        yield from _parts(argument)
