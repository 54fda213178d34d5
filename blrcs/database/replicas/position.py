"""How far a database has written, and a replica of it has come."""

from abc import ABC, abstractmethod
from typing import Self

from blrcs.database.adapter import DatabaseAdapter

MAX_TOKEN_LENGTH = 256


class Position(ABC):
    """A point in what a database has written."""

    @abstractmethod
    def covers(self, other: Self) -> bool:
        """Whether who has come here has all that was written up to the other."""

    @property
    @abstractmethod
    def token(self) -> str:
        """Itself as a text for callers, who may keep it and show it again."""


class Positions(ABC):
    """How databases of one kind tell their positions. Methods raise what reads do."""

    @abstractmethod
    async def origin(self, database: DatabaseAdapter) -> str:
        """What a database and its replicas have in common, and no others; as far as they tell."""

    @abstractmethod
    async def written(self, primary: DatabaseAdapter) -> Position:
        """A position that covers all that was acknowledged before."""

    @abstractmethod
    async def applied(self, replica: DatabaseAdapter) -> Position | None:
        """What a read that begins afterwards sees at least; None where it is no replica."""

    @abstractmethod
    def parse(self, token: str) -> Position | None:
        """The position that a token stands for; None where it is none.

        Whoever made the token, the position is only ever compared.
        """
