"""Following the records of the audit log as they are written."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from blrcs.application.ports.audit import AuditTrail
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.domain.audit_event import AuditEvent, EventFilter
from blrcs.domain.errors import InvalidArgumentError

BATCH = 500


@dataclass(frozen=True, slots=True)
class FollowedEvents:
    """What a follower is told at once; nothing where it has just begun."""

    events: Sequence[AuditEvent]
    resume_token: str


class FollowEvents:
    """Tells of every record that is written, by any worker, in the order of its chain.

    A follower reads from where it is as fast as it takes what it is told.
    """

    def __init__(self, *, trail: AuditTrail, resume_tokens: PageTokens) -> None:
        self._trail = trail
        self._resume_tokens = resume_tokens

    async def __call__(
        self, wanted: EventFilter, resume_token: str
    ) -> AsyncGenerator[FollowedEvents, None]:
        """Where it begins first, then records until it is closed.

        Raises:
            InvalidArgumentError: The token was altered, or is another parent's.
            OutOfRangeError: Records after the token are kept no more.
            ResourceExhaustedError: There are too many followers.
            UnavailableError: The server is to stop.
        """
        query = f"follow audit {wanted.resource}"
        with self._trail.following() as waker:
            seen = self._seen(query, resume_token) or dict(await self._trail.ends())
            yield FollowedEvents((), self._token(query, seen))
            while True:
                events = await self._trail.behind(seen, BATCH)
                for event in events:
                    seen[event.place.chain] = event.place.seq
                told = [event for event in events if wanted.takes(event)]
                if told:
                    yield FollowedEvents(told, self._token(query, seen))
                if len(events) < BATCH:
                    await waker.wait()

    def _token(self, query: str, seen: dict[str, int]) -> str:
        cursor = " ".join(f"{chain}/{seq}" for chain, seq in sorted(seen.items()))
        return self._resume_tokens.issue(query, cursor)

    def _seen(self, query: str, resume_token: str) -> dict[str, int]:
        try:
            cursor = self._resume_tokens.redeem(query, resume_token)
        except InvalidArgumentError as error:
            raise InvalidArgumentError(
                "resume_token", "was not issued for this parent", reason="RESUME_TOKEN_INVALID"
            ) from error
        places = (each.split("/") for each in cursor.split())
        return {chain: int(seq) for chain, seq in places}
