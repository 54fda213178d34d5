"""Reads and verifies the chains for those who ask the server: beside the loop, and in bounds."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TypeVar

from blrcs.application.ports.audit import Found
from blrcs.audit.checkpoint import PublicAuditKeys
from blrcs.audit.reading import AuditReader
from blrcs.audit.segments import chains_in, segments_in
from blrcs.audit.verification import Verification
from blrcs.domain.audit_event import AuditEvent, EventFilter, EventPlace
from blrcs.domain.audit_finding import ChainReport, Report
from blrcs.domain.errors import (
    InvalidArgumentError,
    OutOfRangeError,
    ResourceExhaustedError,
    UnavailableError,
)

MAX_LOOKED_AT = 20_000
"""Records that one page looks at."""
MAX_FOLLOWERS = 64
LOOK_S = 0.5

Result = TypeVar("Result")


class DirectoryTrail:
    """Implements the AuditTrail port on the chains below a directory.

    Whoever asks waits for a thread of the trail's own: however many do, calls have theirs.
    """

    def __init__(self, directory: Path, keys: Callable[[], PublicAuditKeys]) -> None:
        self._directory = directory
        self._keys = keys
        self._reader = AuditReader(directory)
        self._thread = ThreadPoolExecutor(1, "audit-reader")
        self._verifier = ThreadPoolExecutor(1, "audit-verifier")
        self._finished = asyncio.Event()
        self._followers = 0
        self._verifying = False

    async def find(self, wanted: EventFilter, after: EventPlace | None, limit: int) -> Found:
        """See the port."""
        return await self._beside(lambda: self._find(wanted, after, limit))

    async def ends(self) -> Mapping[str, int]:
        """See the port."""
        return await self._beside(self._reader.ends)

    async def behind(self, seen: Mapping[str, int], limit: int) -> Sequence[AuditEvent]:
        """See the port."""
        return await self._beside(lambda: self._behind(dict(seen), limit))

    @contextmanager
    def following(self) -> Iterator["_Waker"]:
        """See the port."""
        if self._finished.is_set():
            raise _draining()
        if self._followers >= MAX_FOLLOWERS:
            raise ResourceExhaustedError(
                "TOO_MANY_FOLLOWERS", f"there are {MAX_FOLLOWERS} followers already"
            )
        self._followers += 1
        try:
            yield _Waker(self._finished)
        finally:
            self._followers -= 1

    async def verify(self, checkpoints: Sequence[str]) -> Sequence[ChainReport]:
        """See the port."""
        if self._verifying:
            raise ResourceExhaustedError("AUDIT_VERIFYING", "it is being verified already")
        kept = [each.encode() for each in checkpoints]
        self._verifying = True
        # Takes long, and must not keep those waiting who read. It goes on if the caller does not.
        running = asyncio.get_running_loop().run_in_executor(self._verifier, self._verify, kept)
        running.add_done_callback(self._verified)
        report = await asyncio.shield(running)
        return report.chains

    def finish(self) -> None:
        """Ends all who follow, so that they do not keep the server from ending."""
        self._finished.set()

    def close(self) -> None:
        """Ends the threads."""
        self.finish()
        self._thread.shutdown(cancel_futures=True)
        self._verifier.shutdown()

    def _verify(self, kept: Sequence[bytes]) -> Report:
        try:
            verification = Verification(self._directory, self._keys(), kept, go_on=self._go_on)
        except ValueError as error:
            raise InvalidArgumentError("checkpoints", str(error)) from None
        return verification.run()

    def _go_on(self) -> None:
        if self._finished.is_set():
            raise _draining()

    def _verified(self, running: asyncio.Future[Report]) -> None:
        self._verifying = False
        if not running.cancelled():
            running.exception()  # so that asyncio does not complain where the caller has gone

    async def _beside(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _find(self, wanted: EventFilter, after: EventPlace | None, limit: int) -> Found:
        since_ns = wanted.since_ns if after is None else max(wanted.since_ns, after.time_ns)
        events: list[AuditEvent] = []
        looked_at = 0
        last = None
        for event in self._reader.from_instant(since_ns):
            place = event.place
            if after is not None and place <= after:
                continue
            if place.time_ns >= wanted.until_ns:
                break
            if len(events) == limit or looked_at == MAX_LOOKED_AT:
                return Found(events, last)
            looked_at += 1
            last = place
            if wanted.takes(event):
                events.append(event)
        return Found(events, None)

    def _behind(self, seen: Mapping[str, int], limit: int) -> list[AuditEvent]:
        for folder in chains_in(self._directory):
            segments = segments_in(folder)
            if segments and folder.name in seen and segments[0].first_seq > seen[folder.name] + 1:
                raise OutOfRangeError(
                    "RESUME_TOKEN_EXPIRED",
                    "records after the resume token are kept no more: list, and follow anew",
                )
        return list(islice(self._reader.behind(seen), limit))


class _Waker:
    """Looks again and again: records come from other processes too."""

    def __init__(self, finished: asyncio.Event) -> None:
        self._finished = finished

    async def wait(self) -> None:
        """See the port."""
        try:
            async with asyncio.timeout(LOOK_S):
                await self._finished.wait()
        except TimeoutError:
            return
        raise _draining()


def _draining() -> UnavailableError:
    return UnavailableError("SERVER_DRAINING", "the server is about to stop: follow again")
