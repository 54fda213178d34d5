"""A part of a collection, in the order of its names."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

Resource = TypeVar("Resource")


def list_after(resources: Mapping[str, Resource], name: str, limit: int) -> Sequence[Resource]:
    """Up to ``limit`` resources, from the first above ``name``."""
    names = sorted(each for each in resources if each > name)
    return [resources[each] for each in names[:limit]]
