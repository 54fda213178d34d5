"""Which task is the current one of a loop, for who runs coroutines in the names of tasks.

asyncio has a dict of them with an entry for each loop, and `asyncio.current_task` takes an entry that
is None for one that is not there. Within a turn, in which one coroutine after another is run, the entry
therefore stays between them, as None: to set it anew is half of what adding and removing it costs. It
has to be gone before a task is stepped in the usual way, which would take it for another task's.
"""

import asyncio
from asyncio.tasks import _enter_task as enter_task, _leave_task as leave_task

cimport cython
from cpython.dict cimport PyDict_DelItem, PyDict_GetItemWithError, PyDict_SetItem
from cpython.object cimport PyObject

# As `enter_task` keeps it; None where that is hidden.
cdef dict CURRENT_TASKS = getattr(asyncio.tasks, "_current_tasks", None)


@cython.final
cdef class CurrentTask:
    def __cinit__(self, loop):
        self._loop = loop

    cdef object enter(self, object task):
        """Makes it the current one; gives the one that was, or None."""
        cdef PyObject* found
        cdef object outer = None
        if CURRENT_TASKS is None:
            outer = asyncio.current_task(self._loop)
            if outer is not None:
                leave_task(self._loop, outer)
            enter_task(self._loop, task)
            return outer
        if not self._vacant:
            found = PyDict_GetItemWithError(CURRENT_TASKS, self._loop)
            if found != NULL:
                outer = <object>found
        self._vacant = False
        PyDict_SetItem(CURRENT_TASKS, self._loop, task)
        return outer

    cdef void leave(self, object outer) except *:
        """Makes the one that was, or none, the current one again."""
        if CURRENT_TASKS is None:
            leave_task(self._loop, asyncio.current_task(self._loop))
            if outer is not None:
                enter_task(self._loop, outer)
        elif outer is None and self._turns == 0:
            PyDict_DelItem(CURRENT_TASKS, self._loop)
        else:
            self._vacant = outer is None
            PyDict_SetItem(CURRENT_TASKS, self._loop, outer)

    cdef void make_way(self) except *:
        """Before a task is stepped in the usual way."""
        cdef PyObject* found
        if not self._vacant:
            return
        self._vacant = False
        found = PyDict_GetItemWithError(CURRENT_TASKS, self._loop)
        # asyncio itself may have removed it: Python 3.12 has tasks that begin at once.
        if found == <PyObject*>None:
            PyDict_DelItem(CURRENT_TASKS, self._loop)

    cdef void turn_begun(self) noexcept:
        self._turns += 1

    cdef void turn_ended(self) except *:
        self._turns -= 1
        if self._turns == 0:
            self.make_way()
