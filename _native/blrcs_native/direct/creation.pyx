"""RecordService.CreateRecord, of what is nothing but a document.

Those that come at the same time are gathered, column by column, while others are carried out.
"""

from asyncio import Task
from collections import deque
from contextvars import Context
from functools import partial

cimport cython

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.direct.handler cimport DirectHandler
from blrcs_native.direct.late_answer cimport LateAnswer, late_answer
from blrcs_native.encoding.protobuf_wire cimport Span, span_of, text_of
from blrcs_native.encoding.struct_json cimport require_levels
from blrcs_native.records.creations cimport document_in, is_collection, is_given_id, read_creation

cdef enum:
    # As in application/records/gathered_creations.py, by which the other road gathers.
    MAX_TOGETHER = 256
    MAX_BYTES_TOGETHER = 1 << 20
    MAX_GROUPS = 64
    MAX_QUEUES = 1024


@cython.final
cdef class Group:
    """Creations of one collection, of different ids, that are carried out together."""

    cdef list ids
    cdef set given
    cdef list texts
    cdef list data
    cdef list answers
    cdef Py_ssize_t size_bytes

    def __cinit__(self):
        self.ids = []
        self.given = set()
        self.texts = []
        self.data = []
        self.answers = []

    cdef bint has_room(self, str record_id, Py_ssize_t size_bytes) except -1:
        if not self.ids:
            return True
        return (
            len(self.ids) < MAX_TOGETHER
            and self.size_bytes + size_bytes <= MAX_BYTES_TOGETHER
            and record_id not in self.given
        )

    cdef void add(
        self, str record_id, object text, bytes data, LateAnswer answer
    ) except *:
        if record_id:
            self.given.add(record_id)
        self.ids.append(record_id)
        self.texts.append(text)
        self.data.append(data)
        self.answers.append(answer)
        self.size_bytes += len(data)

    cdef void drop_gone(self) except *:
        """Of those whose callers have gone nothing is written."""
        cdef LateAnswer answer
        cdef Py_ssize_t i = 0
        while i < len(self.answers):
            answer = self.answers[i]
            if answer.stream is None:
                del self.ids[i], self.texts[i], self.data[i], self.answers[i]
            else:
                i += 1

    cdef void settle(self, object images) except *:
        cdef LateAnswer answer
        cdef Py_ssize_t i
        for i in range(len(self.answers)):
            answer = self.answers[i]
            answer.settle(None if images is None else images[i])

    cdef void give_up(self) except *:
        cdef LateAnswer answer
        for answer in self.answers:
            answer.give_up()


@cython.final
cdef class Queue:
    """What waits in one collection while something is carried out there."""

    cdef object groups
    cdef bint is_running
    cdef object task

    def __cinit__(self):
        self.groups = deque()


@cython.final
cdef class DirectCreateRecord(DirectHandler):
    """See direct/creation.pyi."""

    cdef object key_of
    cdef object create
    cdef int max_levels
    # By the names of collections.
    cdef dict queues

    def __init__(self, key_of not None, create not None, int max_levels, guards=()):
        DirectHandler.__init__(self, guards, ("parent",))
        require_levels(max_levels)
        self.key_of = key_of
        self.create = create
        self.max_levels = max_levels
        self.queues = {}
        self.waits = True

    cdef object answer(self, Call call, const unsigned char* body, Py_ssize_t size):
        cdef Span parent, record_id, data
        cdef Rejection rejection
        cdef Group group
        cdef LateAnswer late
        cdef tuple document
        if call.messages is None or not self.leaves_nothing():
            return None
        if not read_creation(span_of(body, size), &parent, &record_id, &data):
            return None
        if not is_collection(parent) or not is_given_id(record_id):
            return None
        cdef str name = text_of(parent)
        if not self.is_admitted(call, &parent):
            rejection = self.admit_texts(call, (name,))
            if rejection is not None:
                return rejection
            self.note_admitted(call, &parent)
        cdef str given = text_of(record_id)
        group = self._group_for(name, given, data.size)
        document = None if group is None else document_in(data, self.max_levels)
        if document is None:
            return None
        late = late_answer(call)
        group.add(given, document[0], document[1], late)
        return late

    cdef Group _group_for(self, str name, str record_id, Py_ssize_t size_bytes):
        """Where the next one waits; None where it has to go another way."""
        cdef Queue queue = self.queues.get(name)
        cdef Group last
        if queue is None or not queue.is_running:
            key = self.key_of(name)
            if key is None:
                return None
            if queue is None:
                if len(self.queues) >= MAX_QUEUES:
                    self.queues.clear()  # those that run still hold their own
                self.queues[name] = queue = Queue()
            queue.is_running = True
            # Not before others of this moment are there as well, and for none of them alone: what
            # is known of a call, as its deadline, is not known of all. No factory of tasks is
            # asked, which may have them begin at once.
            queue.task = Task(self._run(queue, key), context=Context())
            queue.task.add_done_callback(partial(self._ended, queue), context=Context())
        if queue.groups:
            last = queue.groups[-1]
            if last.has_room(record_id, size_bytes):
                return last
            if len(queue.groups) >= MAX_GROUPS:
                return None
        last = Group()
        queue.groups.append(last)
        return last

    async def _run(self, Queue queue, key):
        """Carries out what waits for a collection, until there is nothing left."""
        cdef Group group = None
        try:
            while queue.groups:
                group = queue.groups.popleft()
                group.drop_gone()
                if group.answers:
                    await self._carry_out(key, group)
        finally:
            # With nothing between this and the last look, so that nobody is left waiting.
            if group is not None:
                group.give_up()
            self._end(queue)

    cdef void _end(self, Queue queue) except *:
        cdef Group group
        queue.is_running = False
        queue.task = None  # a cycle
        while queue.groups:
            group = queue.groups.popleft()
            group.give_up()

    def _ended(self, Queue queue, task):
        if queue.task is task:
            # It was cancelled before its first step.
            self._end(queue)

    async def _carry_out(self, key, Group group):
        images = None
        try:
            images = await self.create(key, group.ids, group.texts, group.data)
        except Exception:
            pass  # whatever it is, each finds out for itself, and is told so
        group.settle(images)
