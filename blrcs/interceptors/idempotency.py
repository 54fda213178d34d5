"""Gives a repeated call the first one's reply (the ``idempotency-key`` metadata)."""

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Any

from blrcs.domain.errors import FailedPreconditionError, InvalidArgumentError
from blrcs.domain.policy import MethodPolicy
from blrcs_native.cache.caches import TtlCache
from blrcs_native.calls.call import Call
from blrcs_native.calls.interfaces import Handler, Metadata
from blrcs_native.calls.method import Method

HEADER = "idempotency-key"
MAX_KEY_LENGTH = 255
MAX_ENTRIES = 100_000
MAX_BYTES = 64 * 1024 * 1024

_Owner = tuple[str, str]
"""A principal's name, and its key."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a call was answered."""

    request_hash: bytes
    reply: Any
    trailing_metadata: Metadata


@dataclass(frozen=True, slots=True)
class _Running:
    """A call that is not answered yet; the future gives None where it ends without a reply."""

    request_hash: bytes
    kept: asyncio.Future[_Kept | None]


class _Once:
    """A handler that runs once for each key of a principal."""

    def __init__(self, handler: Handler, ttl_ns: int) -> None:
        self._handler = handler
        # Apart from the cache, so that nothing evicts a call that runs.
        self._running: dict[_Owner, _Running] = {}
        self._kept: TtlCache[_Owner, _Kept] = TtlCache(
            MAX_ENTRIES, ttl_ns, max_bytes=MAX_BYTES, size_of=_size_bytes
        )

    async def __call__(self, request: Any, call: Call) -> Any:
        key = _key(call)
        if key is None:
            return await self._handler(request, call)
        owner = ("" if call.principal is None else call.principal.name, key)
        body = request.SerializeToString(deterministic=True)
        request_hash = hashlib.sha256(body).digest()
        kept = await self._of_earlier_call(owner, request_hash)
        if kept is None:
            return await self._run(owner, request_hash, request, call)
        if kept.trailing_metadata:
            call.set_trailing_metadata(kept.trailing_metadata)
        return kept.reply

    async def _of_earlier_call(self, owner: _Owner, request_hash: bytes) -> _Kept | None:
        """What another call with the key was answered; None where this one is to run."""
        while True:
            earlier = self._kept.get(owner) or self._running.get(owner)
            if earlier is None:
                return None
            if earlier.request_hash != request_hash:
                raise FailedPreconditionError(
                    "IDEMPOTENCY_KEY_REUSED", "the idempotency key was used for another request"
                )
            if isinstance(earlier, _Kept):
                return earlier
            # Shielded: whoever waits may go away without ending it for the others.
            kept = await asyncio.shield(earlier.kept)
            if kept is not None:
                return kept

    async def _run(self, owner: _Owner, request_hash: bytes, request: Any, call: Call) -> Any:
        future: asyncio.Future[_Kept | None] = asyncio.get_running_loop().create_future()
        self._running[owner] = _Running(request_hash, future)
        kept = None
        try:
            reply = await self._handler(request, call)
            if call.status_code == 0:
                kept = _Kept(request_hash, reply, tuple(call.trailing_metadata() or ()))
                self._kept.set(owner, kept)
        except Exception as error:
            future.set_exception(error)
            future.exception()  # nobody need wait for it
            raise
        finally:
            del self._running[owner]
            if not future.done():
                future.set_result(kept)
        return reply


def repeat_replies(method: Method, policy: MethodPolicy, handler: Handler) -> Handler:
    """A handler that runs once for each idempotency key of a principal, and repeats its reply.

    Calls with the same key wait for the first one, and share its reply or its error. The reply is
    kept in memory for as long as the policy says, counted from its end, and forgotten with the
    process, or earlier where there are too many. An error is not kept: the next call runs anew. So
    does one that waits where the first one was cancelled. The same key with another request is
    refused with FAILED_PRECONDITION. Without a principal, all callers share their keys.

    Raises:
        ValueError: The method streams, or no proto describes it.
    """
    if policy.idempotency_ttl_ns is None:
        return handler
    if method.kind != "unary":
        raise ValueError(f"{method.name} streams: its calls have no idempotency keys")
    if method.input_descriptor is None:
        raise ValueError(f"no proto describes {method.name}: its requests cannot be compared")
    return _Once(handler, policy.idempotency_ttl_ns)


def _size_bytes(owner: _Owner, kept: _Kept) -> int:
    trailers = sum(len(name) + len(value) for name, value in kept.trailing_metadata)
    return sum(map(len, owner)) + len(kept.request_hash) + int(kept.reply.ByteSize()) + trailers


def _key(call: Call) -> str | None:
    for name, value in call.metadata:
        if name == HEADER:
            if not isinstance(value, str) or not 0 < len(value) <= MAX_KEY_LENGTH:
                raise InvalidArgumentError(HEADER, f"has 1 to {MAX_KEY_LENGTH} characters")
            return value
    return None
