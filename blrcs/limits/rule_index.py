"""Finds the rule that a descriptor matches."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from blrcs.domain.limit_rule import WILDCARD, Descriptor, LimitEntry

Found = TypeVar("Found")


@dataclass(slots=True)
class _Values(Generic[Found]):
    """What follows an entry of one key, by its value."""

    exact: dict[str, "_Node[Found]"] = field(default_factory=dict)
    beginnings: dict[str, "_Node[Found]"] = field(default_factory=dict)
    lengths: list[int] = field(default_factory=list)
    any: "_Node[Found] | None" = None

    def branch(self, value: str) -> "_Node[Found]":
        """The node for a rule's value, made where it is missing."""
        if not value:
            self.any = self.any or _Node()
            return self.any
        if not value.endswith(WILDCARD):
            return self.exact.setdefault(value, _Node())
        beginning = value[: -len(WILDCARD)]
        node = self.beginnings.setdefault(beginning, _Node())
        self.lengths = sorted({len(each) for each in self.beginnings}, reverse=True)
        return node

    def candidates(self, value: str) -> Iterator["_Node[Found]"]:
        """The nodes that a descriptor's value matches, the closest first."""
        if (node := self.exact.get(value)) is not None:
            yield node
        for length in self.lengths:
            if length <= len(value) and (node := self.beginnings.get(value[:length])) is not None:
                yield node
        if self.any is not None:
            yield self.any


@dataclass(slots=True)
class _Node(Generic[Found]):
    """A step of the way through a descriptor."""

    keys: dict[str, _Values[Found]] = field(default_factory=dict)
    found: Found | None = None


class RuleIndex(Generic[Found]):
    """What rules have found, by domain and match; of two with the same match the later counts.

    A look-up goes through the descriptor, not through the rules. Immutable once it is made.

    Args:
        rules: Triples of domain, match, and what a match finds.
    """

    def __init__(self, rules: Iterable[tuple[str, Descriptor, Found]]) -> None:
        self._domains: dict[str, _Node[Found]] = {}
        for domain, match, found in rules:
            node = self._domains.setdefault(domain, _Node())
            for entry in match:
                node = node.keys.setdefault(entry.key, _Values()).branch(entry.value)
            node.found = found

    def find(self, domain: str, descriptor: Descriptor) -> Found | None:
        """What the closest match finds: exact earliest, then the longest wildcard, then any."""
        node = self._domains.get(domain)
        return None if node is None else _find(node, descriptor)


def _find(node: _Node[Found], rest: tuple[LimitEntry, ...]) -> Found | None:
    if not rest:
        return node.found
    values = node.keys.get(rest[0].key)
    if values is None:
        return None
    for candidate in values.candidates(rest[0].value):
        found = _find(candidate, rest[1:])
        if found is not None:
            return found
    return None
