"""The end of the process that keeps the cache for the workers of a server."""

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from dataclasses import astuple
from typing import Any, cast

import structlog

from blrcs.cache.frames import Frames, frame
from blrcs.cache.kept import KeptCache
from blrcs.domain.cache_entry import CacheEntry, Presence, SetCondition
from blrcs.domain.errors import DomainError

log = structlog.get_logger("blrcs.cache")


class KeeperConnection(asyncio.Protocol):
    """Answers one worker. Requests are carried out in the order in which they come.

    Args:
        cache: Whose methods do not wait, but for ``watch``.
    """

    def __init__(self, cache: KeptCache) -> None:
        self._cache = cache
        self._frames = Frames()
        self._watching: dict[int, asyncio.Task[None]] = {}
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        # uvloop's transport of a stream is one by its methods alone.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        del exc
        self._writable.set()
        for task in self._watching.values():
            task.cancel()

    def pause_writing(self) -> None:
        """See asyncio.Protocol: watches wait, so that their bounds count."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol. Answers all that has come in one go."""
        answers: list[bytes] = []
        for number, (method, *arguments) in self._frames.feed(data):
            if method == "watch":
                watching = self._watch(number, *arguments)
                self._watching[number] = asyncio.get_running_loop().create_task(watching)
            elif method == "cancel":
                if number in self._watching:
                    self._watching[number].cancel()
            elif method == "use":
                self._cache.use(*arguments)
            else:
                answers.append(frame(number, self._answer(method, arguments)))
        if answers:
            self._transport.write(b"".join(answers))

    def _answer(self, method: str, arguments: list[Any]) -> tuple[bool, Any]:
        try:
            return True, _to_wire(method, _result(_call(self._cache, method, arguments)))
        except DomainError as error:
            return False, error_to_wire(error)
        except Exception:
            log.exception("the cache failed", method=method)
            return False, ("INTERNAL", "", "", None)

    async def _watch(self, number: int, namespace: str, key_prefix: str) -> None:
        try:
            async with aclosing(self._cache.watch(namespace, key_prefix)) as events:
                async for event in events:
                    await self._writable.wait()
                    message = (event.kind.value, event.key, event.version)
                    self._transport.write(frame(number, (True, message)))
        except DomainError as error:
            self._transport.write(frame(number, (False, error_to_wire(error))))
        finally:
            del self._watching[number]


def _call(cache: KeptCache, method: str, arguments: list[Any]) -> Coroutine[Any, Any, Any]:
    if method == "set":
        *arguments, presence, version = arguments
        arguments.append(SetCondition(Presence(presence), version))
    call: Coroutine[Any, Any, Any] = getattr(cache, method)(*arguments)
    return call


def _result(call: Coroutine[Any, Any, Any]) -> Any:
    """The result of what does not wait, without a task."""
    try:
        call.send(None)
    except StopIteration as end:
        return end.value
    call.close()
    raise RuntimeError("a method of the cache waits")


def _to_wire(method: str, result: Any) -> Any:
    if method == "touch":
        return None if result is None else _entry_to_wire(result)
    if method == "get_many":
        return [_entry_to_wire(entry) for entry in result]
    return astuple(result) if method == "figures" else result


def _entry_to_wire(entry: CacheEntry) -> tuple[object, ...]:
    return entry.key, entry.value, entry.content_type, entry.version, entry.expire_time_ns


def error_to_wire(error: DomainError) -> tuple[str, str, str, int | None]:
    """What the caller is told, for the other end to tell."""
    return error.code, error.reason, error.message, getattr(error, "retry_after_ns", None)
