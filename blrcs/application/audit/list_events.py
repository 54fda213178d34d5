"""Listing the records of the audit log."""

from blrcs.application.page import Page, PageRequest
from blrcs.application.ports.audit import AuditTrail
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.domain.audit_event import AuditEvent, EventFilter, EventPlace


class ListEvents:
    """Lists records in the order of their instants.

    A page looks at a bounded number of records, and so may have fewer than asked for.
    """

    def __init__(self, *, trail: AuditTrail, page_tokens: PageTokens) -> None:
        self._trail = trail
        self._page_tokens = page_tokens

    async def __call__(self, wanted: EventFilter, request: PageRequest) -> Page[AuditEvent]:
        """A page; InvalidArgumentError for a token from elsewhere."""
        query = f"audit {wanted!r}"
        cursor = self._page_tokens.redeem(query, request.page_token)
        found = await self._trail.find(wanted, _place(cursor), request.limit)
        if found.until is None:
            return Page(found.events, "")
        return Page(found.events, self._page_tokens.issue(query, _cursor(found.until)))


def _place(cursor: str) -> EventPlace | None:
    if not cursor:
        return None
    time_ns, chain, seq = cursor.split("/")
    return EventPlace(int(time_ns), chain, int(seq))


def _cursor(place: EventPlace) -> str:
    return f"{place.time_ns}/{place.chain}/{place.seq}"
