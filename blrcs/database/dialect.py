"""How one kind of database wants its SQL."""

from dataclasses import dataclass

import sqlalchemy as sa


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """What a statement is compiled for.

    Attributes:
        name: SQLAlchemy's name of it: ``sqlite``, ``postgresql``, ``mysql``.
        compiler: SQLAlchemy's dialect, with the parameter style of the driver.
        has_booleans: Whether a Boolean column comes back as bool; else it is a number.
    """

    name: str
    compiler: sa.Dialect
    has_booleans: bool = False

    @property
    def is_positional(self) -> bool:
        """Whether values are passed in the order of their places in the text."""
        return self.compiler.positional
