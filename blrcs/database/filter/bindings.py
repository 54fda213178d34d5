"""Parameters of texts."""

import re
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from blrcs.database.types import DOUBLE

_NAMES = re.compile(r":(p\d+)")


def numbered(values: Iterable[Any]) -> dict[str, Any]:
    """Values by the names that ``Bindings`` gives, in the order in which it gives them."""
    return {f"p{number}": value for number, value in enumerate(values)}


class Bindings:
    """The parameters of one statement, named as they are asked for."""

    def __init__(self) -> None:
        self._types: list[Any] = []

    def text(self) -> str:
        """The next one, for a text."""
        return self.of(sa.Text())

    def double(self) -> str:
        """The next one, for a float."""
        return self.of(DOUBLE)

    def whole(self) -> str:
        """The next one, for an integer of 64 bits."""
        return self.of(sa.BigInteger())

    def of(self, type_: sa.types.TypeEngine[Any]) -> str:
        """The next one, for a type."""
        self._types.append(type_)
        return f":p{len(self._types) - 1}"

    def clause(self, sql: str) -> sa.TextClause:
        """A text with those parameters that it has, for Core."""
        return sa.text(sql).bindparams(
            *(
                sa.bindparam(name, type_=self._types[int(name[1:])])
                for name in set(_NAMES.findall(sql))
            )
        )
