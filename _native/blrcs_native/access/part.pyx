"""One part of the access table: what none owns, or what concerns one tenant.

The parts are compiled one by one, so that a change costs what it concerns. Groups of the root are
not known to a tenant's part: a caller's are handed to it by name. Roles of the root are, as far as
its bindings and roles ask for them.
"""

import sys

cimport cython
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from blrcs_native.access.index cimport NEVER_NS, BindingIndex
from blrcs_native.access.spec cimport accepted, is_group, is_permission, specs_by_name

from blrcs_native.access.resource_template import validate_resource
from blrcs_native.access.spec import (
    ALL_AUTHENTICATED,
    ALL_USERS,
    AccessSpecError,
    validate_member,
    validate_pattern,
)

MAX_ROLE_DEPTH = 16
MAX_GROUP_DEPTH = 8

cdef tuple SPECIAL = (ALL_AUTHENTICATED, ALL_USERS)

cdef enum:
    MEMO_ENTRIES = 1024


cdef str place_of(str name):
    """The tenant that a role, a group or a resource lies in; empty for the root."""
    cdef Py_ssize_t end
    if not name.startswith("tenants/"):
        return ""
    end = name.find("/", len("tenants/"))
    return name if end < 0 else name[:end]


cdef dict by_place(object roles, object groups, object bindings):
    """Specs by where they count: roles, groups and bindings of the root and of each tenant."""
    cdef dict places = {"": ([], [], [])}
    cdef list named = [*specs_by_name("role", roles).values()], grouped
    grouped = [*specs_by_name("group", groups).values()]
    for kind, specs in enumerate((named, grouped, specs_by_name("binding", bindings).values())):
        for spec in specs:
            place = spec.resource if kind == 2 else spec.name
            if not isinstance(place, str):
                raise AccessSpecError(f"binding {spec.name!r}: {place!r} is no text")
            places.setdefault(place_of(place), ([], [], []))[kind].append(spec)
    return places


cdef tuple _close_role(dict roles, dict closed, str name, tuple path):
    """Every pattern that a role grants, and its depth among the roles of one place.

    ``closed`` holds what is known already.
    """
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
        if included in roles or included in closed:  # what is not defined grants nothing
            inner, inner_depth = _close_role(roles, closed, included, (*path, name))
            patterns |= inner
            depth = max(depth, inner_depth)
    if depth + 1 > MAX_ROLE_DEPTH:
        raise AccessSpecError(f"role {name!r} includes more than {MAX_ROLE_DEPTH} deep")
    closed[name] = (patterns, depth + 1)
    return closed[name]


cdef bint _is_named(str member, str place) except -1:
    """Whether a member can be named here: no group of another tenant can."""
    return not is_group(member) or place_of(member) in ("", place)


cdef dict _containing_groups(object groups, str place):
    """The groups that hold each member directly; a group is held by one of its own place alone."""
    cdef dict containing = {}
    for name, group in specs_by_name("group", groups).items():
        owner = f"group {name!r}"
        accepted(owner, (name,), validate_member)
        if not is_group(name):
            raise AccessSpecError(f"{owner}: the name does not begin as a group's does")
        for member in accepted(owner, group.members, validate_member):
            if member == ALL_USERS or member == ALL_AUTHENTICATED:
                raise AccessSpecError(f"{owner}: {member!r} belongs into bindings only")
            if not is_group(member) or place_of(member) == place:
                containing.setdefault(member, {})[name] = None
    return containing


cdef list _checked_bindings(object bindings, str place):
    """Bindings that have been found good, each member of them that counts here once."""
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
        counting = dict.fromkeys(member for member in members if _is_named(member, place))
        checked.append(binding._replace(members=tuple(counting)))
    return checked


cdef dict reached_groups(dict containing, str principal):
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
cdef class AccessPart:
    """Roles, groups and bindings of one place, compiled; immutable.

    ``root`` has the roles of the root, where this is a tenant's part.
    """

    def __cinit__(
        self, str place, tuple roles, tuple groups, tuple bindings, dict root, uint64_t seed
    ):
        cdef dict subject_ids = {}
        cdef list granting = [], denying = []
        self.specs = (roles, groups, bindings)
        self._memo = {}
        self._close(specs_by_name("role", roles), bindings, root)
        self._compile_rows(self.closed)
        self.containing = _containing_groups(groups, place)
        self.bindings_of = {}
        for binding in _checked_bindings(bindings, place):
            for member in binding.members:
                self.bindings_of.setdefault(member, []).append(binding)
            role = self.role_ids.get(binding.role)
            if role is not None:
                (denying if binding.denies else granting).append((binding, role))
        self.grants = BindingIndex(granting, subject_ids, seed, denies=False)
        self.reads_message = self.grants.reads_message
        if denying:
            self.denials = BindingIndex(denying, subject_ids, seed, denies=True)
            self.reads_message |= self.denials.reads_message
        self._compile_principals(subject_ids)

    def _close(self, role_specs, bindings, root):
        """The patterns of its own roles, and of those of the root that anything here names."""
        named = {binding.role for binding in bindings}
        for role in role_specs.values():
            named.update(accepted(f"role {role.name!r}", role.includes))
        self.borrowed = {name: root.get(name) for name in named - role_specs.keys()}
        # Of the root's roles the depth is not added: else a tenant's could keep the root's from
        # becoming deeper.
        self.closed = {
            name: (found[0], 0) for name, found in self.borrowed.items() if found is not None
        }
        for name in role_specs:
            _close_role(role_specs, self.closed, name, ())
        self.role_ids = {name: number for number, name in enumerate(self.closed)}

    def _compile_rows(self, closed):
        """One row of bits, a bit for each role, for each permission that a role names."""
        literals = {}
        self._wildcards = {}
        self._row_size_bytes = (len(closed) + 7) // 8
        for name, number in self.role_ids.items():
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

        self._anonymous = packed((ALL_USERS,))
        self._authenticated = packed(SPECIAL)
        self._principals = {}
        self.reached = {}
        for name in {**subject_ids, **self.containing}:
            if not is_group(name) and name not in SPECIAL:
                groups = tuple(reached_groups(self.containing, name))
                self._principals[name] = packed((name, *groups, *SPECIAL))
                if groups:
                    self.reached[name] = groups
        # For callers whom an issuer, or the root, puts into groups.
        self._groups = {
            name: packed((name, *reached_groups(self.containing, name)))
            for name in {**subject_ids, **self.containing, **dict.fromkeys(self._held_groups())}
            if is_group(name)
        }

    def _held_groups(self):
        return (group for groups in self.containing.values() for group in groups)

    cdef set names(self):
        return {*self.bindings_of, *self.containing, *self._held_groups()}

    cdef bytes row(self, str permission):
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

    cdef bytes subjects_of(self, str principal, tuple groups):
        cdef bytes subjects = self.subjects_of_one(principal)
        if groups and subjects is not None and principal:
            for group in groups:
                subjects += <bytes>self._groups.get(group, b"")
        return subjects

    cdef bytes subjects_of_one(self, str principal):
        cdef PyObject* found = PyDict_GetItemWithError(self._principals, principal)
        if found != NULL:
            return <object>found
        if not principal:
            return self._anonymous
        if is_group(principal) or principal in SPECIAL:
            return None
        return self._authenticated
