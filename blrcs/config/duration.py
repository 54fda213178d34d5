"""Lengths of time as people write them in a configuration.

Commands read them, too, for which pydantic is not loaded.
"""

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pydantic import AfterValidator, GetCoreSchemaHandler
    from pydantic_core import CoreSchema

NS_PER_S = 1_000_000_000
MAX_NS = 36_525 * 86_400 * NS_PER_S

_UNITS_NS = {
    "d": 86_400 * NS_PER_S,
    "h": 3_600 * NS_PER_S,
    "m": 60 * NS_PER_S,
    "s": NS_PER_S,
    "ms": 1_000_000,
    "us": 1_000,
    "ns": 1,
}
_NUMBER = r"\d{1,20}(?:\.\d{1,12})?"
_PLAIN = re.compile(_NUMBER, re.ASCII)
_PART = re.compile(rf"({_NUMBER})(ns|us|ms|s|m|h|d)", re.ASCII)
_PARTS = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)
_ISO_8601 = re.compile(
    rf"P(?=\d|T\d)(?:(\d{{1,20}})D)?"
    rf"(?:T(?=\d)(?:(\d{{1,20}})H)?(?:(\d{{1,20}})M)?(?:({_NUMBER})S)?)?",
    re.ASCII,
)


@dataclass(frozen=True, order=True, slots=True)
class Duration:
    """A length of time: whole nanoseconds, from 0 to a hundred years.

    A configuration gives it as a number of seconds, as numbers with units (``90s``, ``1h30m``,
    ``250ms``; the units are ns, us, ms, s, m, h, d), or in days and time of ISO 8601 (``PT15M``).
    """

    ns: int

    @classmethod
    def parse(cls, value: object) -> Self:
        """Reads one of the accepted forms.

        Raises:
            ValueError: It is none of them, is negative, or is longer than a hundred years.
        """
        if isinstance(value, cls):
            return value
        ns = _exact_ns(value)
        if ns is None:
            raise ValueError("is not a duration, such as 30, '30s', '1h30m' or 'PT15M'")
        if ns.denominator != 1:
            raise ValueError("is finer than a nanosecond")
        if not 0 <= ns <= MAX_NS:
            raise ValueError("is a duration below zero or above a hundred years")
        return cls(int(ns))

    @property
    def seconds(self) -> float:
        """The same in seconds."""
        return self.ns / NS_PER_S

    def __str__(self) -> str:
        rest, text = self.ns, ""
        for unit, unit_ns in _UNITS_NS.items():
            count, rest = divmod(rest, unit_ns)
            text += f"{count}{unit}" if count else ""
        return text or "0s"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: "GetCoreSchemaHandler"
    ) -> "CoreSchema":
        from pydantic_core import core_schema  # noqa: PLC0415 - see the module

        del source, handler
        return core_schema.no_info_plain_validator_function(
            cls.parse,
            serialization=core_schema.plain_serializer_function_ser_schema(str, when_used="json"),
        )


def between(shortest: str, longest: str) -> "AfterValidator":
    """A pydantic validator: the duration is at least ``shortest`` and at most ``longest``."""
    from pydantic import AfterValidator  # noqa: PLC0415 - see the module

    low, high = Duration.parse(shortest), Duration.parse(longest)

    def check(duration: Duration) -> Duration:
        if not low <= duration <= high:
            raise ValueError(f"is not between {shortest} and {longest}")
        return duration

    return AfterValidator(check)


def _exact_ns(value: object) -> Fraction | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if not isinstance(value, str) or _PLAIN.fullmatch(value):
        # A float is taken as it is written: 0.1 is a tenth, not its nearest binary fraction.
        return Fraction(str(value)) * NS_PER_S
    if _PARTS.fullmatch(value):
        return sum(
            (Fraction(count) * _UNITS_NS[unit] for count, unit in _PART.findall(value)), Fraction()
        )
    if iso := _ISO_8601.fullmatch(value):
        units = ("d", "h", "m", "s")
        return sum(
            (Fraction(n or 0) * _UNITS_NS[u] for n, u in zip(iso.groups(), units, strict=True)),
            Fraction(),
        )
    return None
