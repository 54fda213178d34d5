"""A bounded number of connections, lent to one caller at a time."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from blrcs.database.errors import closed, unavailable
from blrcs.domain.deadline import remaining_s
from blrcs.domain.errors import ResourceExhaustedError
from blrcs.resilience.circuit_breaker import BreakerRules, CircuitBreaker, CircuitState

Connection = TypeVar("Connection")

# What is left of the caller's time when it is told that no connection became free.
ANSWER_SHARE = 0.1
ANSWER_MAX_S = 0.25
RETRY_AFTER_NS = 100_000_000
# Connecting takes some milliseconds: who gave up after so long met a server that does not answer.
SLOW_CONNECT_S = 0.1
# Opening one takes its time, by TLS from far away, also where callers would wait for less.
LEAST_CONNECT_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """How many connections there may be.

    Attributes:
        size: Connections that stay open.
        overflow: Connections beyond that, opened where all are in use.
        linger_s: How long one of those stays that is not needed. Opening one takes longer than
            hundreds of calls, and those who need it come in bursts.
        timeout_s: How long a caller waits for one at most; or ``LEAST_CONNECT_S`` more, where one
            is opened for it.
        query_timeout_s: How long a read that is no part of a transaction may take on one; None for
            as long as it takes, as commands may.
        breaker: When nobody gets one for a while, since the database does not answer; None for no
            such case.
    """

    size: int = 20
    overflow: int = 10
    linger_s: float = 10.0
    timeout_s: float = 30.0
    query_timeout_s: float | None = None
    breaker: BreakerRules | None = None


class PoolObserver(Protocol):
    """Is told what goes on in a pool; must not block."""

    def in_use(self, change: int) -> None:
        """Connections were lent (1) or given back (-1)."""

    def opened(self, *, overflow: bool) -> None:
        """A connection was opened, beyond the pool's size or within."""

    def closed(self, *, broken: bool) -> None:
        """One was closed: it could not be used again, or was not needed any more."""

    def waiting(self, change: int) -> None:
        """A caller began to wait (1) or does so no more (-1)."""

    def waited(self, duration_ns: int) -> None:
        """A caller had to wait, for so long, with a connection or without one at the end."""

    def exhausted(self) -> None:
        """A caller got none in time."""

    def circuit(self, state: CircuitState) -> None:
        """Whether connections are lent has changed, since the database answers or does not."""


class Unobserved:
    """A PoolObserver for a pool that nobody watches."""

    def in_use(self, change: int) -> None:
        """Forgets it."""

    def opened(self, *, overflow: bool) -> None:
        """Forgets it."""

    def closed(self, *, broken: bool) -> None:
        """Forgets it."""

    def waiting(self, change: int) -> None:
        """Forgets it."""

    def waited(self, duration_ns: int) -> None:
        """Forgets it."""

    def exhausted(self) -> None:
        """Forgets it."""

    def circuit(self, state: CircuitState) -> None:
        """Forgets it."""


@dataclass(slots=True, eq=False)
class _Waiter(Generic[Connection]):
    """A caller without a connection.

    Attributes:
        future: Gets a connection, or None for leave to open one.
        until_s: How long it waits, by the loop's clock.
    """

    future: "asyncio.Future[Connection | None]"
    until_s: float


class Pool(Generic[Connection]):
    """Lends connections, the one last used first, so that those not needed go idle.

    Whoever waits longest is served first. Belongs to one event loop.

    Args:
        connect: Opens a connection. What it raises, the caller gets.
        disconnect: Closes one, whatever its state; must not raise nor wait.
        is_usable: Whether one that was idle is still open, as far as can be seen without asking.
        limits: How many, and how long callers wait.
        observer: Is told of use, waits and overflow.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        disconnect: Callable[[Connection], None],
        *,
        is_usable: Callable[[Connection], bool],
        limits: PoolLimits | None = None,
        observer: PoolObserver | None = None,
    ) -> None:
        self._connect = connect
        self._disconnect = disconnect
        self._is_usable = is_usable
        self._limits = limits or PoolLimits()
        self._observer = observer or Unobserved()
        rules = self._limits.breaker
        self._breaker = None if rules is None else CircuitBreaker(rules, self._circuit_changed)
        self._idle: list[Connection] = []
        self._waiters: deque[_Waiter[Connection]] = deque()
        # One timer for all: most waits are over long before their time is.
        self._expiry: asyncio.TimerHandle | None = None
        self._expires_at_s = math.inf
        self._open: set[Connection] = set()
        self._count = 0
        # The fewest that were idle since it was last looked if there are too many.
        self._fewest_idle = 0
        self._shrinking: asyncio.TimerHandle | None = None
        self._all_back = asyncio.Event()
        self._closed = False

    @property
    def in_use(self) -> int:
        """Connections that are lent, or being opened."""
        return self._count - len(self._idle)

    @property
    def query_timeout_s(self) -> float | None:
        """See PoolLimits; it is for the borrower to keep."""
        return self._limits.query_timeout_s

    @property
    def is_free(self) -> bool:
        """Whether whoever asks now gets a connection that nobody else has to give back first."""
        if self._closed or (self._breaker is not None and not self._breaker.is_closed):
            return False
        return bool(self._idle) or self._count < self._limits.size + self._limits.overflow

    async def take(self) -> Connection:
        """A connection, to be given back or discarded.

        Raises:
            ResourceExhaustedError: None became free within the time-out, or so late that the caller
                would have been gone.
            UnavailableError: The pool is closed, or the database does not answer.
        """
        if self._closed:
            raise closed()
        if self._breaker is not None:
            self._breaker.admit()
        connection = self._pop_idle()
        if connection is None:
            began_s = time.monotonic()
            if self._count < self._limits.size + self._limits.overflow:
                self._count += 1
            else:
                connection = await self._wait()
            if connection is None:
                connection = await self._connect_one(began_s + self._limits.timeout_s)
        self._observer.in_use(1)
        return connection

    def take_idle(self) -> Connection | None:
        """As ``take`` where no waiting is needed; else None."""
        if self._breaker is not None and not self._breaker.is_closed:
            return None
        connection = self._pop_idle()
        if connection is not None:
            self._observer.in_use(1)
        return connection

    def give_back(self, connection: Connection) -> None:
        """Takes a connection back that can be used again."""
        if self._breaker is not None:
            self._breaker.succeeded()
        self._observer.in_use(-1)
        self._store(connection)

    def discard(self, connection: Connection, *, answers: bool = False) -> None:
        """Takes a connection back that is broken, and closes it.

        Args:
            connection: The connection.
            answers: It is not the database that has broken it, which answers.
        """
        if self._breaker is not None:
            if answers:
                self._breaker.succeeded()
            else:
                self._breaker.failed()
        self._observer.in_use(-1)
        self._drop(connection, broken=True)
        self._forget_one()
        self._tell_if_all_back()

    async def close(self, grace_s: float = 5.0) -> None:
        """Lends no more, lets those that are lent come back for ``grace_s``, and closes all.

        One that is still lent then is closed under its holder, who gives it back as ever.
        """
        self._closed = True
        for timer in (self._shrinking, self._expiry):
            if timer is not None:
                timer.cancel()
        while self._waiters:
            waiter = self._waiters.popleft().future
            if not waiter.done():
                waiter.set_exception(closed())
        while self._idle:
            self._drop(self._idle.pop())
            self._count -= 1
        try:
            if self.in_use:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._all_back.wait(), grace_s)
        finally:
            for connection in tuple(self._open):
                self._drop(connection)

    def _pop_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            self._fewest_idle = min(self._fewest_idle, len(self._idle))
            if self._is_usable(connection):
                return connection
            self._drop(connection, broken=True)
            self._count -= 1
        return None

    async def _connect_one(self, until_s: float) -> Connection:
        overflow = self._count > self._limits.size
        began_s = time.monotonic()
        try:
            connection = await self._connect_within(max(until_s - began_s, LEAST_CONNECT_S))
        except BaseException as error:
            self._note_unconnected(error, time.monotonic() - began_s)
            self._forget_one()
            self._tell_if_all_back()
            raise
        self._open.add(connection)
        self._observer.opened(overflow=overflow)
        return connection

    async def _connect_within(self, patience_s: float) -> Connection:
        patience = asyncio.timeout(patience_s)
        try:
            async with patience:
                return await self._connect()
        except TimeoutError as error:
            if patience.expired():
                raise unavailable() from error
            raise

    def _note_unconnected(self, error: BaseException, waited_s: float) -> None:
        if self._breaker is None:
            return
        if isinstance(error, Exception) or waited_s >= SLOW_CONNECT_S:
            self._breaker.failed()
        else:
            self._breaker.forgot()

    def _circuit_changed(self, state: CircuitState) -> None:
        """Those who wait are told at once that there will be none."""
        self._observer.circuit(state)
        if state is CircuitState.OPEN and self._breaker is not None:
            while self._waiters:
                waiter = self._waiters.popleft().future
                if not waiter.done():
                    waiter.set_exception(self._breaker.refusal())

    def _store(self, connection: Connection) -> None:
        """Hands one on to whoever waits, or keeps it, or closes it where it is one too many."""
        if self._waiters and self._hand_on(connection):
            return
        if self._closed:
            self._drop(connection)
            self._count -= 1
            self._tell_if_all_back()
            return
        self._idle.append(connection)
        if self._count > self._limits.size and self._shrinking is None:
            self._shrink_later()

    def _shrink_later(self) -> None:
        if self._limits.linger_s:
            self._fewest_idle = len(self._idle)
            loop = asyncio.get_running_loop()
            self._shrinking = loop.call_later(self._limits.linger_s, self._shrink)
        else:
            self._close_spare(len(self._idle))

    def _shrink(self) -> None:
        """Closes what is beyond the size and was not needed since it was last looked."""
        self._shrinking = None
        self._close_spare(self._fewest_idle)
        if self._count > self._limits.size:
            self._shrink_later()

    def _close_spare(self, unused: int) -> None:
        spare = min(unused, self._count - self._limits.size)
        # Those last used longest ago.
        for connection in self._idle[:spare]:
            self._drop(connection)
        del self._idle[:spare]
        self._count -= spare

    def _drop(self, connection: Connection, *, broken: bool = False) -> None:
        if connection in self._open:
            self._open.remove(connection)
            self._disconnect(connection)
            self._observer.closed(broken=broken)

    async def _wait(self) -> Connection | None:
        """A connection that came back, or None for leave to open one."""
        loop = asyncio.get_running_loop()
        waiter: _Waiter[Connection] = _Waiter(
            loop.create_future(), loop.time() + self._patience_s()
        )
        self._waiters.append(waiter)
        if waiter.until_s < self._expires_at_s:
            self._expire_at(waiter.until_s)
        began_ns = time.monotonic_ns()
        self._observer.waiting(1)
        try:
            return await waiter.future
        except ResourceExhaustedError:
            self._observer.exhausted()
            self._forget_admitted()
            raise
        except asyncio.CancelledError:
            self._give_up(waiter)
            self._forget_admitted()
            raise
        finally:
            self._observer.waiting(-1)
            self._observer.waited(time.monotonic_ns() - began_ns)

    def _forget_admitted(self) -> None:
        if self._breaker is not None:
            self._breaker.forgot()

    def _expire_at(self, until_s: float) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._expires_at_s = until_s
        self._expiry = asyncio.get_running_loop().call_at(until_s, self._expire)

    def _expire(self) -> None:
        """Tells those whose time is over, and looks again when the next one's is."""
        now_s = asyncio.get_running_loop().time()
        # Loops run a timer that is due within their clock's resolution.
        due_s = max(now_s, self._expires_at_s)
        self._expiry, self._expires_at_s = None, math.inf
        waiting = [each for each in self._waiters if not each.future.done()]
        self._waiters = deque(each for each in waiting if each.until_s > due_s)
        for waiter in waiting:
            if waiter.until_s <= due_s:
                waiter.future.set_exception(_exhausted())
        if self._waiters:
            self._expire_at(min(each.until_s for each in self._waiters))

    def _patience_s(self) -> float:
        left_s = remaining_s()
        if left_s is None:
            return self._limits.timeout_s
        return min(self._limits.timeout_s, left_s - min(left_s * ANSWER_SHARE, ANSWER_MAX_S))

    def _hand_on(self, connection: Connection | None) -> bool:
        """Whether somebody waited for a connection, or for leave to open one."""
        while self._waiters:
            waiter = self._waiters.popleft().future
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False

    def _give_up(self, waiter: "_Waiter[Connection]") -> None:
        """What came in the moment in which its waiter gave up goes to the next."""
        future = waiter.future
        if not future.done() or future.cancelled() or future.exception() is not None:
            # Keeps the queue from growing while no connection comes back.
            with suppress(ValueError):  # it was passed over since
                self._waiters.remove(waiter)
            return
        connection = future.result()
        if connection is not None:
            self._store(connection)
            return
        self._forget_one()
        self._tell_if_all_back()

    def _forget_one(self) -> None:
        """There is room for another one."""
        self._count -= 1
        if self._waiters and self._hand_on(None):
            self._count += 1

    def _tell_if_all_back(self) -> None:
        if self._closed and self.in_use == 0:
            self._all_back.set()


def _exhausted() -> ResourceExhaustedError:
    return ResourceExhaustedError(
        "POOL_EXHAUSTED",
        "all connections to the database are in use",
        retry_after_ns=RETRY_AFTER_NS,
    )
