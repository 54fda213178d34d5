"""Reads a text piece by piece, and says where it is wrong."""

import re

from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.filter.expression import WORD, is_nameable

MAX_SEGMENTS = 10
STAR = "\0"
"""Stands for a ``*`` that is not escaped; a string itself never has a NUL."""

_BLANKS = re.compile(r"[ \t\r\n]*")
_DOT = re.compile(r"\.")
_QUOTED = re.compile(r"""(?:"((?:[^"\\\x00]|\\.)*)"|'((?:[^'\\\x00]|\\.)*)')""", re.DOTALL)
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\(.)|\*", re.DOTALL)
_PLAIN = {"n": "\n", "r": "\r", "t": "\t"}


class Scanner:
    """A text and a position in it.

    Attributes:
        position: How many characters have been read.

    Args:
        field: What the text is called in the request.
        text: What is read.
        reason: The constant for programs where it is wrong.
    """

    def __init__(self, field: str, text: str, reason: str) -> None:
        self.position = 0
        self._field = field
        self._text = text
        self._reason = reason

    @property
    def is_at_end(self) -> bool:
        """Whether all has been read."""
        return self.position == len(self._text)

    def skip_blanks(self) -> bool:
        """Passes over blanks, and returns whether there were some."""
        return bool(self.take(_BLANKS))

    def take(self, pattern: re.Pattern[str]) -> str | None:
        """Reads what the pattern matches here; None if it does not."""
        found = pattern.match(self._text, self.position)
        if found is None:
            return None
        self.position = found.end()
        return found[0]

    def word(self) -> str | None:
        """A word without quotes, or None."""
        return self.take(WORD)

    def string(self) -> str | None:
        """What stands in quotes, with STAR for each ``*`` that is not escaped; or None.

        Raises:
            InvalidArgumentError: It does not end, or is not what a string can be.
        """
        start = self.position
        if not self._text.startswith(('"', "'"), start):
            return None
        found = _QUOTED.match(self._text, start)
        if found is None:
            raise self.refusal("a string that does not end")
        self.position = found.end()
        content = found[1] if found[1] is not None else found[2]
        text = _ESCAPE.sub(lambda escape: self._unescaped(escape, start), content)
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise self.refusal("half of a character in a string", start) from None

    def segments(self) -> tuple[str, ...]:
        """The keys after a name: each with a dot before it.

        Raises:
            InvalidArgumentError: One of them cannot be, or they are too many.
        """
        found = []
        while self.take(_DOT):
            start = self.position
            text = self.string()
            key = self.word() if text is None else text.replace(STAR, "*")
            if key is None:
                raise self.refusal("a key is missing after the dot")
            if not is_nameable(key):
                raise self.refusal(
                    'a key that is empty, begins with -, or has ", \\ or a control in it', start
                )
            found.append(key)
            if len(found) > MAX_SEGMENTS:
                raise self.refusal(f"more than {MAX_SEGMENTS} keys in a row", start)
        return tuple(found)

    def refusal(self, problem: str, position: int | None = None) -> InvalidArgumentError:
        """The error that names the place, counted in characters from 1."""
        at = (self.position if position is None else position) + 1
        return InvalidArgumentError(
            self._field, f"at character {at}: {problem}", reason=self._reason
        )

    def _unescaped(self, escape: re.Match[str], start: int) -> str:
        if escape[1] is not None:
            character = chr(int(escape[1], 16))
            if character == STAR:
                raise self.refusal("no string has a NUL in it", start)
            return character
        if escape[2] is None:
            return STAR
        if escape[2] in "\"'\\*":
            return escape[2]
        if escape[2] not in _PLAIN:
            raise self.refusal(f"an escape that is none: \\{escape[2]}", start)
        return _PLAIN[escape[2]]
