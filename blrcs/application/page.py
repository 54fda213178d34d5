"""One page of a list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from blrcs.application.ports.page_tokens import PageTokens

Item = TypeVar("Item")

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Items in their order, and the token of the next page: empty on the last one."""

    items: Sequence[Item]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What the caller asked for: a size, 0 meaning the default, and where to go on."""

    page_size: int = 0
    page_token: str = ""

    @property
    def limit(self) -> int:
        """The number of items to return at the most."""
        return min(self.page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


def cut_page(
    items: Sequence[Item],
    request: PageRequest,
    *,
    query: str,
    tokens: PageTokens,
    cursor: Callable[[Item], str],
) -> Page[Item]:
    """A page of ``items``, which were read with one more than ``request.limit`` as the bound."""
    if len(items) <= request.limit:
        return Page(items, "")
    kept = items[: request.limit]
    return Page(kept, tokens.issue(query, cursor(kept[-1])))
