"""Reads of records that are asked for in the same turn: one query for all of them."""

import logging
import time
from asyncio import CancelledError, Task, get_running_loop
from collections import deque
from contextvars import Context
from functools import partial

cimport cython
from libc.stdint cimport int64_t

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.direct.late_answer cimport LateAnswer, late_answer

cdef enum:
    MAX_KEYS = 64
    # As many queries run at a time. While they do, others gather.
    MAX_RUNNING = 2
    # Those beside them that take too long; together as many as a pool lends by default.
    MAX_HELD = 28
    MAX_BATCHES = 64
    MAX_PASSED = 1024

cdef int64_t PASSED_FOR_NS = 10_000_000_000
cdef object log = logging.getLogger("blrcs.records")


@cython.final
cdef class ReadBatch(Waiting):
    """Keys that one query asks for, and who waits for each."""

    def __cinit__(self):
        self.asked = {}

    cdef LateAnswer add(self, Call call, tuple key):
        cdef LateAnswer late = late_answer(call)
        cdef list same = <list>self.asked.get(key)
        if same is None:
            self.asked[key] = [late]
        else:
            same.append(late)
        late.waiting = self
        self.callers += 1
        return late

    cdef void left(self) noexcept:
        self.callers -= 1
        self.has_lost = True
        if self.callers == 0 and self.task is not None:
            self.task.cancel()

    cdef list keys(self):
        """Those that somebody waits for."""
        if self.has_lost:
            return [key for key, waiting in self.asked.items() if is_awaited(<list>waiting)]
        return list(self.asked)

    cdef void settle(self, tuple key, object answer) except *:
        cdef LateAnswer late
        cdef list waiting = <list>self.asked.get(key)
        if waiting is not None:
            for late in waiting:
                late.settle(answer)
            # Not before: who is not told yet is found there.
            del self.asked[key]

    cdef void settle_all(self, object answer) except *:
        for key in tuple(self.asked):
            self.settle(<tuple>key, answer)

    cdef void give_up(self) except *:
        cdef LateAnswer late
        for waiting in self.asked.values():
            for late in <list>waiting:
                late.give_up()


cdef bint is_awaited(list waiting) except -1:
    cdef LateAnswer late
    for late in waiting:
        if late.stream is not None:
            return True
    return False


@cython.final
cdef class Turn:
    """One of those that read batches, each in a task of its own."""


@cython.final
cdef class GatheredReads:
    """See direct/gathered_reads.pyi."""

    def __init__(self, read not None, missing not None, *, monotonic=time.monotonic_ns, double look_after_s=0.1):
        self.read = read
        self.missing = missing
        self.monotonic = monotonic
        self.look_after_s = look_after_s
        self.batches = deque()
        self.running = set()
        self.held = set()
        self.passed_until_ns = {}

    cdef LateAnswer join(self, Call call, str tenant, str collection, str record_id):
        """The answer for a caller; None where it has to go another way."""
        cdef ReadBatch batch = None
        cdef tuple key = (tenant, collection, record_id)
        if self.passed_until_ns and (
            self._is_passed((tenant, collection)) or self._is_passed(key)
        ):
            return None
        if self.batches:
            batch = self.batches[-1]
        if batch is None or (len(batch.asked) >= MAX_KEYS and key not in batch.asked):
            if len(self.batches) >= MAX_BATCHES or self._is_full():
                return None
            batch = ReadBatch()
            self.batches.append(batch)
            if len(self.running) < MAX_RUNNING:
                self._begin()
            elif self.timer is None:
                self._look_later()
        return batch.add(call, key)

    cdef bint _is_full(self) except -1:
        return len(self.running) >= MAX_RUNNING and len(self.held) >= MAX_HELD

    cdef bint _is_passed(self, tuple ids) except -1:
        until_ns = self.passed_until_ns.get(ids)
        if until_ns is None:
            return False
        if self.monotonic() < until_ns:
            return True
        del self.passed_until_ns[ids]
        return False

    cdef void _begin(self) except *:
        """Has a batch read, not before others of this moment are in it as well.

        On behalf of none of them alone: what is known of a call, as its deadline, is not known of
        all. No factory of tasks is asked, which may have them begin at once.
        """
        cdef Turn turn = Turn()
        turn.task = Task(self._run(turn), context=Context())
        self.running.add(turn)
        turn.task.add_done_callback(partial(self._ended, turn), context=Context())

    cdef void _look_later(self) except *:
        # Only while somebody waits: what is quick needs no timer.
        self.timer = get_running_loop().call_later(
            self.look_after_s, self._look, context=Context()
        )

    def _look(self):
        """Has others run in place of those that take too long, as far as they are needed."""
        cdef Turn turn
        cdef list slow = [turn for turn in self.running if (<Turn>turn).is_seen]
        self.timer = None
        for turn in self.running:
            turn.is_seen = True
        for turn in slow[:len(self.batches)]:
            if len(self.held) >= MAX_HELD:
                self._decline_waiting()
                break
            self.running.discard(turn)
            turn.is_held = True
            self.held.add(turn)
            self._begin()
        if self.batches and self.timer is None:
            self._look_later()

    async def _run(self, Turn turn):
        """Reads what waits, until there is nothing left."""
        cdef ReadBatch batch = None
        try:
            while self.batches and not turn.is_held:
                batch = self.batches.popleft()
                turn.is_seen = False
                if batch.callers > 0:
                    batch.task = turn.task
                    self._settle(batch, await self._found(batch.keys()))
        except CancelledError:
            if batch.callers > 0:
                # Not since all of them have gone: nobody is to wait for what is not read any more.
                self._give_up_waiting()
            raise
        finally:
            # With nothing between this and the last look, so that nobody is left waiting.
            self._leave(turn)
            if batch is not None:
                batch.task = None  # a cycle
                batch.give_up()

    cdef bint _leave(self, Turn turn) except -1:
        """Whether it was among those that count."""
        cdef set those = self.held if turn.is_held else self.running
        if turn not in those:
            return False
        those.discard(turn)
        return True

    def _ended(self, Turn turn, task):
        turn.task = None  # a cycle
        if self._leave(turn):
            # It was cancelled before its first step.
            self._give_up_waiting()
        elif self.batches and len(self.running) < MAX_RUNNING:
            self._begin()

    async def _found(self, list keys):
        try:
            return await self.read(keys)
        except Exception as error:
            if not self.has_told:
                self.has_told = True
                log.exception("reads of records that go together fail: %s", error)
            return None  # whatever it is, each finds out for itself, and is told so

    cdef void _settle(self, ReadBatch batch, object found) except *:
        cdef tuple key
        batch.task = None  # to be cancelled no more
        if found is None or type(found) is Rejection:
            batch.settle_all(found)
            return
        for row in found:
            key = row[:3]
            encoded = row[3]
            if encoded is None:
                self._pass((key[0], key[1]))
            elif type(encoded) is not bytes:
                encoded = bytes(encoded)
            if encoded is not None and not encoded:
                self._pass(key)
                encoded = None
            batch.settle(key, encoded)
        for key in tuple(batch.asked):
            batch.settle(key, self.missing(*key))

    cdef void _pass(self, tuple ids) except *:
        if len(self.passed_until_ns) >= MAX_PASSED:
            self.passed_until_ns.clear()
        self.passed_until_ns[ids] = self.monotonic() + PASSED_FOR_NS

    cdef void _give_up_waiting(self) except *:
        while self.batches:
            (<ReadBatch>self.batches.popleft()).give_up()

    cdef void _decline_waiting(self) except *:
        """Has each of them wait for itself."""
        cdef ReadBatch batch
        while self.batches:
            batch = self.batches.popleft()
            try:
                batch.settle_all(None)
            finally:
                batch.give_up()
