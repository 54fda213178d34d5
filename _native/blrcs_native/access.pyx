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

A binding may deny: it then takes what its role grants from its members on its resource and on all
that lies below, whatever else grants it. A binding may end at an instant, and may have a condition.
A condition that cannot be judged grants nothing, and denies.

What is not granted is denied. An exception is no permission either; none is swallowed.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t

from blrcs_native.access_explanation cimport explain_bindings, memberships
from blrcs_native.access_index cimport ASK, ASSUME_FALSE, ASSUME_TRUE, NEVER_NS, Question
from blrcs_native.access_spec cimport GROUP_PREFIX, accepted, is_permission, specs_by_name
from blrcs_native.call cimport Call
from blrcs_native.condition cimport IS_FALSE, IS_TRUE, Condition, Judgement
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

cdef uint64_t LAST_SERIAL = 0

cdef enum:
    MEMO_ENTRIES = 1024
    CALLER_ENTRIES = 16_384


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


cdef list _checked_bindings(object bindings):
    """Bindings that have been found good, each member of them once."""
    cdef list checked = []
    for name, binding in specs_by_name("binding", bindings).items():
        owner = f"binding {name!r}"
        members = accepted(owner, binding.members, validate_member)
        accepted(owner, (binding.resource,), validate_resource)
        expires_at_ns = binding.expires_at_ns
        if expires_at_ns is not None and (
            type(expires_at_ns) is not int or not -NEVER_NS <= expires_at_ns <= NEVER_NS
        ):
            raise AccessSpecError(f"{owner}: expires_at_ns is no 64-bit integer")
        checked.append(binding._replace(members=tuple(dict.fromkeys(members))))
    return checked


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
        cdef dict closed = {}, subject_ids = {}
        cdef list granting = [], denying = []
        global LAST_SERIAL
        if not callable(clock):
            raise TypeError("clock is not callable")
        LAST_SERIAL += 1
        self.serial = LAST_SERIAL
        self.is_steady = True
        self._clock = clock
        self.epoch = int(epoch)
        self._seed = <uint64_t><Py_ssize_t>hash("resource")  # differs from process to process
        self._memo = {}
        self._group_names = {}
        role_specs = specs_by_name("role", roles)
        for name in role_specs:
            _close_role(role_specs, closed, name, ())
        self._role_ids = {name: number for number, name in enumerate(role_specs)}
        self._compile_rows(closed)
        self._containing = _containing_groups(groups)
        self._bindings_of = {}
        for binding in _checked_bindings(bindings):
            for member in binding.members:
                self._bindings_of.setdefault(member, []).append(binding)
            if binding.expires_at_ns is not None or binding.condition is not None:
                self.is_steady = False
            if binding.condition is not None:
                self._has_conditions = True
                self._reads_groups |= (<Condition?>binding.condition).reads_groups
            role = self._role_ids.get(binding.role)
            if role is not None:
                (denying if binding.denies else granting).append((binding, role))
        self._grants = BindingIndex(
            granting, subject_ids, clock, self._seed, error_counts=False
        )
        self.reads_message = self._grants.reads_message
        if denying:
            self._denials = BindingIndex(
                denying, subject_ids, clock, self._seed, error_counts=True
            )
            self.reads_message |= self._denials.reads_message
        self._compile_principals(subject_ids)

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
        # For callers whom an issuer puts into groups.
        self._groups = {
            name: packed((name, *_reached_groups(self._containing, name)))
            for name in {**subject_ids, **self._containing, **dict.fromkeys(self._held_groups())}
            if name.startswith(GROUP_PREFIX)
        }

    def _held_groups(self):
        return (group for groups in self._containing.values() for group in groups)

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

    cdef bytes _subjects_of(self, str principal, tuple groups):
        """The numbers of the subjects that a caller is; None for what no caller can be."""
        cdef bytes subjects = self._subjects_of_one(principal)
        if groups and subjects is not None and principal:
            for group in groups:
                subjects += <bytes>self._groups.get(group, b"")
        return subjects

    cdef bytes _subjects_of_one(self, str principal):
        cdef PyObject* found = PyDict_GetItemWithError(self._principals, principal)
        if found != NULL:
            return <object>found
        if not principal:
            return self._anonymous
        if principal.startswith(GROUP_PREFIX) or principal in (ALL_AUTHENTICATED, ALL_USERS):
            return None
        return self._authenticated

    cdef tuple _names_of_groups(self, str principal, tuple groups):
        """All groups that a caller is in, by the policy and by its issuer."""
        key = (principal, groups)
        found = self._group_names.get(key)
        if found is not None:
            return found
        names = dict(_reached_groups(self._containing, principal))
        for group in groups or ():
            names[group] = None
            names.update(_reached_groups(self._containing, group))
        if len(self._group_names) >= CALLER_ENTRIES:
            self._group_names.clear()
        self._group_names[key] = tuple(names)
        return self._group_names[key]

    cdef Facts facts(self, str principal, tuple groups):
        cdef Facts facts
        if not self._has_conditions:
            return None
        facts = Facts.__new__(Facts)
        facts.principal = principal
        if self._reads_groups:
            facts.groups = self._names_of_groups(principal, groups)
        return facts

    cdef Decision _decide(
        self, str principal, tuple groups, str permission, str resource, Facts facts, bint owned
    ) except *:
        cdef ResourcePrefix prefixes[RESOURCE_DEPTHS]
        cdef Question question
        cdef Py_ssize_t size_bytes
        cdef Judgement denied = IS_FALSE, granted = IS_TRUE
        cdef bytes row, subjects
        if principal is None or permission is None or resource is None:
            return DENIED
        row = self._row(permission)
        subjects = self._subjects_of(principal, groups)
        if row is None or not subjects:
            # None of the roles that could deny it either.
            return ALLOWED if owned else DENIED
        try:
            question.resource = PyUnicode_AsUTF8AndSize(resource, &size_bytes)
        except UnicodeEncodeError:
            return DENIED
        if split_resource(
            <const unsigned char*>question.resource,
            size_bytes,
            self._seed,
            prefixes,
            &question.depth,
        ) != RESOURCE_VALID:
            return DENIED
        question.prefixes = prefixes
        question.roles = <const unsigned char*>PyBytes_AS_STRING(row)
        question.subjects = <const int32_t*>PyBytes_AS_STRING(subjects)
        question.subject_count = PyBytes_GET_SIZE(subjects) // <Py_ssize_t>sizeof(int32_t)
        question.assumption = ASK
        question.clock_read = False
        if facts is not None:
            facts.resource = resource
        if self._denials is not None:
            denied = self._denials.covers(&question, facts)
            if denied == IS_TRUE:
                return DENIED
        if not owned:
            granted = self._grants.covers(&question, facts)
            if granted == IS_FALSE:
                return DENIED
        return ALLOWED if granted == IS_TRUE and denied == IS_FALSE else UNDECIDED

    cdef Decision decide(
        self, str principal, tuple groups, str permission, str resource, Facts facts
    ) except *:
        return self._decide(principal, groups, permission, resource, facts, False)

    cdef Decision decide_owned(
        self, str principal, tuple groups, str permission, str resource, Facts facts
    ) except *:
        if self._denials is None:
            return ALLOWED
        return self._decide(principal, groups, permission, resource, facts, True)

    cdef bint allows(self, str principal, str permission, str resource) except -1:
        """As :meth:`check`; None for any of the three is denied."""
        cdef Facts facts = self.facts(principal, None)
        return self._decide(principal, None, permission, resource, facts, False) == ALLOWED

    cdef bint allows_anywhere(self, str principal, tuple groups, str permission) except -1:
        """As :meth:`holds_anywhere`; None for either is denied."""
        cdef ResourcePrefix root
        cdef Question question
        cdef bytes row, subjects
        if principal is None or permission is None:
            return False
        row = self._row(permission)
        subjects = self._subjects_of(principal, groups)
        if row is None or not subjects:
            return False
        root.hash = self._seed
        root.size_bytes = 0
        question.prefixes = &root
        question.depth = 0
        question.resource = b""
        question.roles = <const unsigned char*>PyBytes_AS_STRING(row)
        question.subjects = <const int32_t*>PyBytes_AS_STRING(subjects)
        question.subject_count = PyBytes_GET_SIZE(subjects) // <Py_ssize_t>sizeof(int32_t)
        question.clock_read = False
        if self._denials is not None:
            question.assumption = ASSUME_FALSE
            if self._denials.covers(&question, None) == IS_TRUE:
                return False
        question.assumption = ASSUME_TRUE
        return self._grants.covers_anything(&question) == IS_TRUE

    def check(
        self,
        str principal not None,
        str permission not None,
        str resource not None,
        *,
        tuple groups=(),
        Call call=None,
    ):
        """Whether the principal holds the permission on the resource.

        A malformed principal, permission or resource is denied. ``groups`` are those that an issuer
        puts the principal in; conditions that ask about a call are judged by ``call``.
        """
        cdef Facts facts = self.facts(principal, groups)
        if facts is not None:
            facts.call = call
        return self.decide(principal, groups, permission, resource, facts) == ALLOWED

    def holds_anywhere(self, str principal not None, str permission not None, *, tuple groups=()):
        """Whether the principal may hold the permission on some resource at all.

        Conditions that grant are taken to hold, and what denies counts where it does so on the root
        and without a condition.
        """
        return self.allows_anywhere(principal, groups, permission)

    def permissions(self, str principal not None, str resource not None, known_permissions):
        """Those of the known permissions that :meth:`check` grants, in their order."""
        return [name for name in known_permissions if self.allows(principal, name, resource)]

    def explain(
        self,
        str principal not None,
        str permission not None,
        str resource not None,
        *,
        tuple groups=(),
        Call call=None,
    ):
        """Why :meth:`check` answers as it does; for people, not for the road of a call.

        A binding that denies decides before all that grant. Of several, the nearest decides: the
        principal's own before those of its groups and of the special members, then the one on the
        widest resource.
        """
        cdef Facts facts = self.facts(principal, groups)
        if self._subjects_of_one(principal) is None:
            return Explanation(False, "invalid_principal")
        if not is_permission(permission):
            return Explanation(False, "invalid_permission")
        if resource_fault(resource) != RESOURCE_VALID:
            return Explanation(False, "invalid_resource")
        cdef int64_t now_ns = self._clock()
        if facts is not None:
            facts.call = call
            facts.resource = resource
            facts.now_ns = now_ns
        reached = dict(_reached_groups(self._containing, principal))
        for group in groups if principal else ():
            reached.setdefault(group, (group,))
            for name, chain in _reached_groups(self._containing, group).items():
                reached.setdefault(name, (group, *chain))
        return explain_bindings(
            memberships(principal, reached),
            self._bindings_of,
            self._role_ids,
            int.from_bytes(self._row(permission) or b"", "little"),
            resource,
            now_ns,
            facts,
        )
