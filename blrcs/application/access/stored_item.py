"""Reading what a change is about."""

from typing import Protocol, TypeVar

from blrcs.application.ports.access import AccessItems
from blrcs.domain.errors import NotFoundError
from blrcs.domain.etag import require_etag


class Tagged(Protocol):
    """What has an etag."""

    @property
    def etag(self) -> str:
        """Different after every change."""
        ...


Item = TypeVar("Item", bound=Tagged)


def stored_item(items: AccessItems[Item], item_id: str, *, name: str, etag: str) -> Item:
    """The stored one; NotFoundError, or AbortedError unless ``etag`` is empty or the stored one."""
    item = items.get(item_id)
    if item is None:
        raise NotFoundError(name)
    require_etag(name, stored=item.etag, given=etag)
    return item
