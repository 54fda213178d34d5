"""Text of a fixed shape, and what it is to look like in words."""

import re

from pydantic import AfterValidator


def shaped(pattern: str, expected: str) -> AfterValidator:
    """Refuses text that the whole pattern does not match.

    Args:
        pattern: A regular expression.
        expected: What stands behind "is not" where it is refused, such as ``a name, like tea``.
    """
    shape = re.compile(pattern)

    def check(text: str) -> str:
        if not shape.fullmatch(text):
            raise ValueError(f"is not {expected}")
        return text

    return AfterValidator(check)
