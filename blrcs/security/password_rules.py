"""Passwords that may be chosen: long enough, and not among those that are guessed first."""

import unicodedata
from collections.abc import Awaitable, Callable, Collection, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.password import MIN_CHARACTERS, check_password

LEAST_GUESSES = 1_000_000
"""What is found with fewer is found by guessing over the network, throttled or not."""
MAX_ESTIMATED_CHARACTERS = 72
"""The estimate takes long for long passwords; a long one is as hard as its beginning, or harder."""

Run = Callable[..., Awaitable[bool]]


class GuessingPasswordRules:
    """Implements the PasswordRules port (NIST SP 800-63B-4, section 3.1.1.2).

    No characters are asked for. What is refused is on a list, of common passwords or of one's own,
    or close to it: words with usual substitutions, the user's id and the server's name, dates, rows
    of keys, sequences and repetitions.

    Args:
        run: Does slow work off the event loop.
        min_characters: What a password has at least.
        blocklist: Passwords that nobody may choose.
        words: Words that guesses here would begin with, such as the server's name.
    """

    def __init__(
        self,
        run: Run,
        *,
        min_characters: int = MIN_CHARACTERS,
        blocklist: Iterable[str] = (),
        words: Collection[str] = (),
    ) -> None:
        self._run = run
        self._min_characters = min_characters
        self._blocklist = frozenset(map(_folded, blocklist))
        self._words = tuple(words)

    async def check(self, password: str, *, user_id: str, field: str) -> None:
        """See the port."""
        check_password(password, user_id=user_id, field=field, min_characters=self._min_characters)
        if await self._run(self._is_guessable, password, user_id):
            raise InvalidArgumentError(
                field,
                "is among the passwords that are guessed first: choose another one",
                reason="PASSWORD_GUESSABLE",
            )

    def _is_guessable(self, password: str, user_id: str) -> bool:
        if _folded(password) in self._blocklist:
            return True
        beginning = unicodedata.normalize("NFKC", password)[:MAX_ESTIMATED_CHARACTERS]
        words = [word for word in (user_id, *self._words) if word]
        return bool(_estimator()(beginning, user_inputs=words)["guesses"] < LEAST_GUESSES)


def read_blocklist(path: Path | None) -> list[str]:
    """The passwords in a file, one a line."""
    if path is None:
        return []
    return [line for line in path.read_text("utf-8").splitlines() if line]


@cache
def _estimator() -> Callable[..., dict[str, Any]]:
    # Its lists take long to load, and much memory, for what happens seldom.
    from zxcvbn import zxcvbn  # noqa: PLC0415

    found: Callable[..., dict[str, Any]] = zxcvbn
    return found


def _folded(password: str) -> str:
    return unicodedata.normalize("NFKC", password).casefold()
