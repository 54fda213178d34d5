"""Who may do what where: roles, groups and bindings compiled into one immutable table.

A permission is a dotted name (``orders.read``). A role is a set of patterns and includes other
roles; a pattern is a permission, ``*``, or ends in the segment ``*``, which stands for one or more
segments: ``orders.*`` grants ``orders.read`` and ``orders.items.read``, but not ``orders``. A
binding gives a role to members on a resource and on all that lies below it, by whole segments:
``orders/1`` covers ``orders/1/items``, but not ``orders/10``. The empty resource is the root and
covers everything.

Members are principals (``users/alice``), groups (``groups/devs``), ``allAuthenticated`` (every
principal that is named) and ``allUsers`` (the anonymous principal, the empty name, as well). A
caller never is a group: a principal named like a group or like a special member is denied.

What is not granted is denied. An exception is no permission either; none is swallowed.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp

from blrcs_native.access_explanation cimport explain_bindings, memberships
from blrcs_native.access_spec cimport GROUP_PREFIX, accepted, is_permission, specs_by_name
from blrcs_native.resource_template cimport (
    RESOURCE_DEPTHS,
    RESOURCE_VALID,
    ResourcePrefix,
    resource_fault,
    split_resource,
)

import sys
import time

from blrcs_native.access_explanation import Explanation
from blrcs_native.access_spec import (
    ALL_AUTHENTICATED,
    ALL_USERS,
    AccessSpecError,
    validate_member,
    validate_pattern,
)
from blrcs_native.access_spec import BindingSpec, GroupSpec, RoleSpec  # what a table is made from
from blrcs_native.resource_template import validate_resource

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size_bytes) except NULL

MAX_ROLE_DEPTH = 16
MAX_GROUP_DEPTH = 8

cdef enum:
    MEMO_ENTRIES = 1024

cdef int64_t NEVER_NS = 0x7FFFFFFFFFFFFFFF


cdef inline uint64_t _mix(uint64_t hash, int32_t subject) noexcept nogil:
    """Spreads a prefix's hash, which is weak in its low bits, over all bits, for one subject."""
    hash ^= (<uint64_t>subject + 1) * <uint64_t>0x9E3779B97F4A7C15
    hash = (hash ^ (hash >> 32)) * <uint64_t>0xD6E8FEB86659FD93
    return hash ^ (hash >> 29)


cdef tuple _close_role(dict roles, dict closed, str name, tuple path):
    """Every pattern that a role grants, and its depth; ``closed`` holds what is known already."""
    cdef int depth = 0, inner_depth
    if name in closed:
        return closed[name]
    if name in path:
        raise AccessSpecError(f"roles include each other: {' -> '.join((*path, name))}")
    if len(path) >= MAX_ROLE_DEPTH:
        raise AccessSpecError(f"role {path[0]!r} includes more than {MAX_ROLE_DEPTH} deep")
    owner = f"role {name!r}"
    patterns = set(accepted(owner, roles[name].permissions, validate_pattern))
    for included in accepted(owner, roles[name].includes):
        if included in roles:  # what is not defined grants nothing
            inner, inner_depth = _close_role(roles, closed, included, (*path, name))
            patterns |= inner
            depth = max(depth, inner_depth)
    if depth + 1 > MAX_ROLE_DEPTH:
        raise AccessSpecError(f"role {name!r} includes more than {MAX_ROLE_DEPTH} deep")
    closed[name] = (patterns, depth + 1)
    return closed[name]


cdef dict _containing_groups(object groups):
    """The groups that hold each member directly."""
    cdef dict containing = {}
    for name, group in specs_by_name("group", groups).items():
        owner = f"group {name!r}"
        accepted(owner, (name,), validate_member)
        if not name.startswith(GROUP_PREFIX):
            raise AccessSpecError(f"{owner}: the name does not begin with {GROUP_PREFIX!r}")
        for member in accepted(owner, group.members, validate_member):
            if member == ALL_USERS or member == ALL_AUTHENTICATED:
                raise AccessSpecError(f"{owner}: {member!r} belongs into bindings only")
            containing.setdefault(member, {})[name] = None
    return containing


cdef dict _reached_groups(dict containing, str principal):
    """Each group that a principal is in, with the shortest chain of groups leading to it."""
    cdef dict reached = {}
    cdef list level = [(principal, ())]
    for _ in range(MAX_GROUP_DEPTH):
        following = []
        for member, chain in level:
            for group in containing.get(member, ()):
                if group not in reached:
                    reached[group] = (*chain, group)
                    following.append((group, reached[group]))
        level = following
    return reached


@cython.final
cdef class AccessTable:
    """Roles, groups and bindings, compiled; immutable, so its owner swaps it whole on change.

    A role that includes itself, over others too, is refused, as are chains of more than
    MAX_ROLE_DEPTH roles. Groups may hold each other; a membership counts over at most
    MAX_GROUP_DEPTH groups. References to undefined roles and groups grant nothing, so that what
    is deleted stops granting even where something still refers to it.

    ``clock`` gives Unix time in nanoseconds and is asked only where a binding that expires decides.
    ``epoch`` is the owner's own count of its tables. For use under the GIL.

    Raises:
        AccessSpecError: a spec is malformed, or a name is given twice.
    """

    def __cinit__(self, roles, groups, bindings, *, clock=time.time_ns, epoch=0):
        cdef dict closed = {}, subject_ids = {}, placed = {}
        cdef list anywhere = []
        if not callable(clock):
            raise TypeError("clock is not callable")
        self._clock = clock
        self.epoch = int(epoch)
        self._seed = <uint64_t><Py_ssize_t>hash("resource")  # differs from process to process
        self._memo = {}
        role_specs = specs_by_name("role", roles)
        for name in role_specs:
            _close_role(role_specs, closed, name, ())
        self._role_ids = {name: number for number, name in enumerate(role_specs)}
        self._compile_rows(closed)
        self._containing = _containing_groups(groups)
        self._bindings_of = {}
        for name, binding in specs_by_name("binding", bindings).items():
            owner = f"binding {name!r}"
            members = accepted(owner, binding.members, validate_member)
            accepted(owner, (binding.resource,), validate_resource)
            expires_at_ns = binding.expires_at_ns
            if expires_at_ns is None:
                expires_at_ns = NEVER_NS
            elif type(expires_at_ns) is not int or not -NEVER_NS <= expires_at_ns <= NEVER_NS:
                raise AccessSpecError(f"{owner}: expires_at_ns is no 64-bit integer")
            role = self._role_ids.get(binding.role)
            for member in dict.fromkeys(members):
                self._bindings_of.setdefault(member, []).append(binding)
                if role is None:
                    continue
                subject = subject_ids.setdefault(member, len(subject_ids))
                if subject == len(anywhere):
                    anywhere.append({})
                grants = placed.setdefault((subject, binding.resource), {})
                for held in (grants, anywhere[subject]):
                    held[role] = max(expires_at_ns, held.get(role, expires_at_ns))
        self._place(placed, anywhere)
        self._compile_principals(subject_ids)

    def __dealloc__(self):
        free(self._slots)
        free(self._grants)
        free(self._subjects)

    def _compile_rows(self, closed):
        """One row of bits, a bit for each role, for each permission that a role names."""
        literals = {}
        self._wildcards = {}
        self._row_size_bytes = (len(closed) + 7) // 8
        for name, number in self._role_ids.items():
            for pattern in closed[name][0]:
                rows = self._wildcards if pattern.endswith("*") else literals
                rows[pattern] = rows.get(pattern, 0) | 1 << number
        self._rows = {name: self._packed(name, bits) for name, bits in literals.items()}

    def _packed(self, permission, bits):
        """A row as bytes, the roles that grant the permission by wildcard added; None if empty."""
        bits |= self._wildcards.get("*", 0)
        segments = permission.split(".")
        for count in range(1, len(segments)):
            bits |= self._wildcards.get(".".join(segments[:count]) + ".*", 0)
        return bits.to_bytes(self._row_size_bytes, "little") if bits else None

    def _compile_principals(self, subject_ids):
        """The subjects that each named principal is: itself, its groups, the special members."""
        def packed(names):
            numbers = [subject_ids[name] for name in names if name in subject_ids]
            return b"".join(number.to_bytes(4, sys.byteorder) for number in numbers)

        special = (ALL_AUTHENTICATED, ALL_USERS)
        self._anonymous = packed((ALL_USERS,))
        self._authenticated = packed(special)
        self._principals = {}
        for name in {**subject_ids, **self._containing}:
            if not name.startswith(GROUP_PREFIX) and name not in special:
                groups = _reached_groups(self._containing, name)
                self._principals[name] = packed((name, *groups, *special))

    cdef void _allocate(self, Py_ssize_t slots, Py_ssize_t grants, Py_ssize_t subjects) except *:
        cdef Py_ssize_t size = 2
        while size < 2 * slots:
            size *= 2
        self._slot_mask = size - 1
        self._slots = <Slot*>calloc(size, sizeof(Slot))
        self._grants = <Grant*>calloc(grants + 1, sizeof(Grant))
        self._subjects = <Subject*>calloc(subjects + 1, sizeof(Subject))
        if self._slots == NULL or self._grants == NULL or self._subjects == NULL:
            raise MemoryError

    cdef object _place(self, dict slots, list anywhere):
        """Writes grants by subject and resource, and by subject alone, into flat memory."""
        cdef ResourcePrefix prefixes[RESOURCE_DEPTHS]
        cdef int depth = 0
        cdef int32_t subject, used = 0
        cdef uint64_t hash, index
        cdef const unsigned char* text
        cdef bytes prefix
        counts = map(len, (*slots.values(), *anywhere))
        self._allocate(len(slots), sum(counts), len(anywhere))
        self._prefixes = []
        for (subject, resource), held in slots.items():
            prefix = resource.encode()
            self._prefixes.append(prefix)  # keeps alive what the slot points to
            text = <const unsigned char*>PyBytes_AS_STRING(prefix)
            split_resource(text, PyBytes_GET_SIZE(prefix), self._seed, prefixes, &depth)
            self._subjects[subject].depths |= <uint32_t>1 << depth
            hash = _mix(prefixes[depth].hash, subject)
            index = hash & self._slot_mask
            while self._slots[index].count:
                index = (index + 1) & self._slot_mask
            self._slots[index] = Slot(
                hash, <const char*>text, PyBytes_GET_SIZE(prefix), subject, used, len(held)
            )
            used = self._write(used, held)
        for subject, held in enumerate(anywhere):
            self._subjects[subject].first = used
            self._subjects[subject].count = len(held)
            used = self._write(used, held)

    cdef int32_t _write(self, int32_t used, dict held) except -1:
        """Writes expiries by role as grants from ``used`` on; returns what is used then."""
        for role, expires_at_ns in held.items():
            self._grants[used] = Grant(expires_at_ns, role)
            used += 1
        return used

    cdef bytes _row(self, str permission):
        """The roles that grant a permission; None where none does."""
        cdef PyObject* found = PyDict_GetItemWithError(self._rows, permission)
        if found == NULL:
            found = PyDict_GetItemWithError(self._memo, permission)
        if found != NULL:
            return <object>found
        if not is_permission(permission):
            return None
        row = self._packed(permission, 0)
        if len(self._memo) >= MEMO_ENTRIES:
            self._memo.clear()
        self._memo[permission] = row
        return row

    cdef bytes _subjects_of(self, str principal):
        """The numbers of the subjects that a caller is; None for what no caller can be."""
        cdef PyObject* found = PyDict_GetItemWithError(self._principals, principal)
        if found != NULL:
            return <object>found
        if not principal:
            return self._anonymous
        if principal.startswith(GROUP_PREFIX) or principal in (ALL_AUTHENTICATED, ALL_USERS):
            return None
        return self._authenticated

    cdef const Slot* _find(
        self, int32_t subject, uint64_t hash, const char* prefix, Py_ssize_t size_bytes
    ) noexcept:
        """The slot of a subject on a prefix, or NULL; equal hashes alone never match."""
        cdef uint64_t mixed = _mix(hash, subject)
        cdef uint64_t index = mixed & self._slot_mask
        cdef Slot* slot = &self._slots[index]
        while slot.count:
            if (
                slot.hash == mixed
                and slot.subject == subject
                and slot.size_bytes == size_bytes
                and memcmp(slot.prefix, prefix, size_bytes) == 0
            ):
                return slot
            index = (index + 1) & self._slot_mask
            slot = &self._slots[index]
        return NULL

    cdef bint _any_live(
        self, int32_t first, int32_t count, bytes row, int64_t* now_ns, bint* read
    ) except -1:
        """Whether a grant of a role in the row lives; the clock is read once for all calls."""
        cdef const unsigned char* bits = <const unsigned char*>PyBytes_AS_STRING(row)
        cdef Grant* grant = self._grants + first
        cdef Grant* end = grant + count
        while grant < end:
            if bits[grant.role >> 3] >> (grant.role & 7) & 1:
                if grant.expires_at_ns == NEVER_NS:
                    return True
                if not read[0]:
                    now_ns[0] = self._clock()
                    read[0] = True
                if now_ns[0] < grant.expires_at_ns:
                    return True
            grant += 1
        return False

    cdef bint allows(self, str principal, str permission, str resource) except -1:
        """As :meth:`check`; None for any of the three is denied."""
        cdef ResourcePrefix prefixes[RESOURCE_DEPTHS]
        cdef int depth, level
        cdef Py_ssize_t size_bytes, i
        cdef const char* text
        cdef const int32_t* numbers
        cdef const Slot* slot
        cdef Subject* subject
        cdef int64_t now_ns = 0
        cdef bint read = False
        cdef bytes row, subjects
        if principal is None or permission is None or resource is None:
            return False
        row = self._row(permission)
        subjects = self._subjects_of(principal)
        if row is None or not subjects:
            return False
        try:
            text = PyUnicode_AsUTF8AndSize(resource, &size_bytes)
        except UnicodeEncodeError:
            return False
        fault = split_resource(
            <const unsigned char*>text, size_bytes, self._seed, prefixes, &depth
        )
        if fault != RESOURCE_VALID:
            return False
        numbers = <const int32_t*>PyBytes_AS_STRING(subjects)
        for i in range(PyBytes_GET_SIZE(subjects) // <Py_ssize_t>sizeof(int32_t)):
            subject = &self._subjects[numbers[i]]
            for level in range(depth + 1):
                if not subject.depths >> level & 1:
                    continue
                slot = self._find(
                    numbers[i], prefixes[level].hash, text, prefixes[level].size_bytes
                )
                if slot != NULL and self._any_live(slot.first, slot.count, row, &now_ns, &read):
                    return True
        return False

    cdef bint allows_anywhere(self, str principal, str permission) except -1:
        """As :meth:`holds_anywhere`; None for either is denied."""
        cdef bytes row, subjects
        cdef const int32_t* numbers
        cdef Subject* subject
        cdef Py_ssize_t i
        cdef int64_t now_ns = 0
        cdef bint read = False
        if principal is None or permission is None:
            return False
        row = self._row(permission)
        subjects = self._subjects_of(principal)
        if row is None or not subjects:
            return False
        numbers = <const int32_t*>PyBytes_AS_STRING(subjects)
        for i in range(PyBytes_GET_SIZE(subjects) // <Py_ssize_t>sizeof(int32_t)):
            subject = &self._subjects[numbers[i]]
            if self._any_live(subject.first, subject.count, row, &now_ns, &read):
                return True
        return False

    def check(self, str principal not None, str permission not None, str resource not None):
        """Whether the principal holds the permission on the resource.

        A malformed principal, permission or resource is denied.
        """
        return self.allows(principal, permission, resource)

    def holds_anywhere(self, str principal not None, str permission not None):
        """Whether the principal holds the permission on any resource at all."""
        return self.allows_anywhere(principal, permission)

    def permissions(self, str principal not None, str resource not None, known_permissions):
        """Those of the known permissions that :meth:`check` grants, in their order."""
        return [name for name in known_permissions if self.allows(principal, name, resource)]

    def explain(self, str principal not None, str permission not None, str resource not None):
        """Why :meth:`check` answers as it does; for people, not for the road of a call.

        Of several bindings that grant, the nearest decides: the principal's own before those of
        its groups and of the special members, then the one on the widest resource.
        """
        if self._subjects_of(principal) is None:
            return Explanation(False, "invalid_principal")
        if not is_permission(permission):
            return Explanation(False, "invalid_permission")
        if resource_fault(resource) != RESOURCE_VALID:
            return Explanation(False, "invalid_resource")
        cdef int64_t now_ns = self._clock()
        return explain_bindings(
            memberships(principal, _reached_groups(self._containing, principal)),
            self._bindings_of,
            self._role_ids,
            int.from_bytes(self._row(permission) or b"", "little"),
            resource,
            now_ns,
        )
