"""Reads of records that are asked for in the same turn: one query for all of them."""

import time
from asyncio import CancelledError, Task
from collections import deque
from contextvars import Context

cimport cython
from libc.stdint cimport int64_t

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.direct.late_answer cimport LateAnswer, late_answer

cdef enum:
    MAX_KEYS = 64
    # As many queries run at a time. While they do, others gather.
    MAX_RUNNING = 2
    MAX_BATCHES = 64
    MAX_PASSED = 1024

cdef int64_t PASSED_FOR_NS = 10_000_000_000


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
        cdef list waiting = <list>self.asked.pop(key, None)
        if waiting is not None:
            for late in waiting:
                late.settle(answer)

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
cdef class GatheredReads:
    """See direct/gathered_reads.pyi."""

    def __init__(self, read not None, missing not None, *, monotonic=time.monotonic_ns):
        self.read = read
        self.missing = missing
        self.monotonic = monotonic
        self.batches = deque()
        self.passed_until_ns = {}

    cdef LateAnswer join(self, Call call, str tenant, str collection, str record_id):
        """The answer for a caller; None where it has to go another way."""
        cdef ReadBatch batch = None
        cdef tuple key = (tenant, collection, record_id)
        if self.passed_until_ns and self._is_passed((tenant, collection)):
            return None
        if self.batches:
            batch = self.batches[-1]
        if batch is None or (len(batch.asked) >= MAX_KEYS and key not in batch.asked):
            if len(self.batches) >= MAX_BATCHES:
                return None
            batch = ReadBatch()
            self.batches.append(batch)
            if self.running < MAX_RUNNING:
                self._begin()
        return batch.add(call, key)

    cdef bint _is_passed(self, tuple collection) except -1:
        until_ns = self.passed_until_ns.get(collection)
        if until_ns is None:
            return False
        if self.monotonic() < until_ns:
            return True
        del self.passed_until_ns[collection]
        return False

    cdef void _begin(self) except *:
        """Has a batch read, not before others of this moment are in it as well.

        On behalf of none of them alone: what is known of a call, as its deadline, is not known of
        all. No factory of tasks is asked, which may have them begin at once.
        """
        cdef list holder = []
        self.running += 1
        holder.append(Task(self._run(holder), context=Context()))

    async def _run(self, list holder):
        """Reads what waits, until there is nothing left."""
        cdef ReadBatch batch = None
        task = holder.pop()
        try:
            while self.batches:
                batch = self.batches.popleft()
                if batch.callers > 0:
                    batch.task = task
                    self._settle(batch, await self._found(batch.keys()))
        except CancelledError:
            if batch.callers > 0:
                # Not since all of them have gone: nobody is to wait for what is not read any more.
                self._give_up(batch)
            raise
        finally:
            self.running -= 1
            if batch is not None:
                batch.task = None  # a cycle
            if self.batches:
                self._begin()

    async def _found(self, list keys):
        try:
            return await self.read(keys)
        except Exception:
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
            batch.settle(key, encoded)
        for key in tuple(batch.asked):
            batch.settle(key, self.missing(*key))

    cdef void _pass(self, tuple collection) except *:
        if len(self.passed_until_ns) >= MAX_PASSED:
            self.passed_until_ns.clear()
        self.passed_until_ns[collection] = self.monotonic() + PASSED_FOR_NS

    cdef void _give_up(self, ReadBatch batch) except *:
        batch.give_up()
        while self.batches:
            (<ReadBatch>self.batches.popleft()).give_up()
