"""AuditService: what was done, by whom, and what was refused."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from blrcs.api.audit_messages import (
    event_message,
    filter_of,
    listed_filter,
    verification_message,
)
from blrcs.application.audit.follow_events import FollowEvents
from blrcs.application.audit.list_events import ListEvents
from blrcs.application.audit.verify_log import VerifyLog
from blrcs.application.page import PageRequest
from blrcs.v1 import audit_pb2, audit_pb2_grpc
from blrcs_native.calls.call import Call


class AuditService(audit_pb2_grpc.AuditServiceServicer):
    """Serves blrcs.v1.AuditService; the contract of each method stands in audit.proto."""

    def __init__(
        self, *, list_events: ListEvents, follow_events: FollowEvents, verify_log: VerifyLog
    ) -> None:
        self._list_events = list_events
        self._follow_events = follow_events
        self._verify_log = verify_log

    async def ListEvents(
        self, request: audit_pb2.ListEventsRequest, _: Call
    ) -> audit_pb2.ListEventsResponse:
        """In the order of their instants."""
        page = await self._list_events(
            listed_filter(request), PageRequest(request.page_size, request.page_token)
        )
        return audit_pb2.ListEventsResponse(
            events=map(event_message, page.items), next_page_token=page.next_page_token
        )

    async def FollowEvents(
        self, request: audit_pb2.FollowEventsRequest, _: Call
    ) -> AsyncIterator[audit_pb2.FollowEventsResponse]:
        """From the resume token, or from now on."""
        following = self._follow_events(filter_of(request), request.resume_token)
        async with aclosing(following) as told:
            async for each in told:
                yield audit_pb2.FollowEventsResponse(
                    events=map(event_message, each.events), resume_token=each.resume_token
                )

    async def Verify(self, request: audit_pb2.VerifyRequest, _: Call) -> audit_pb2.VerifyResponse:
        """All chains of the server."""
        reports = await self._verify_log(request.checkpoints)
        return audit_pb2.VerifyResponse(chains=map(verification_message, reports))
