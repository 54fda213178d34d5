"""Who may do what where: roles, groups and bindings compiled into one immutable table.

A permission is a dotted name (``orders.read``). A role is a set of patterns and includes other
roles; a pattern is a permission, ``*``, or ends in the segment ``*``, which stands for one or more
segments: ``orders.*`` grants ``orders.read`` and ``orders.items.read``, but not ``orders``. A
binding gives a role to members on a resource and on all that lies below it, by whole segments:
``orders/1`` covers ``orders/1/items``, but not ``orders/10``. The empty resource is the root and
covers everything.

Members are principals (``users/alice``), groups (``groups/devs``, ``tenants/acme/groups/devs``),
``allAuthenticated`` (every principal that is named) and ``allUsers`` (the anonymous principal, the
empty name, as well). A caller never is a group: a principal named like a group or like a special
member is denied.

A binding may deny: it then takes what its role grants from its members on its resource and on all
that lies below, whatever else grants it. A binding may end at an instant, and may have a condition.
A condition that cannot be judged grants nothing, and denies.

A tenant (``tenants/acme``) has a part of the table, and what none owns another: that has the
bindings that lie in no tenant. Roles and groups that a tenant owns (``tenants/acme/roles/r``) count
in its part alone, whatever names them elsewhere.

What is not granted is denied. An exception is no permission either; none is swallowed.
"""

import time

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint64_t

from blrcs_native.access.explanation cimport explain_bindings, memberships
from blrcs_native.access.index cimport ASK, ASSUME_FALSE, ASSUME_TRUE, Question
from blrcs_native.access.part cimport AccessPart, place_of, reached_groups
from blrcs_native.access.resource_template cimport (
    RESOURCE_DEPTHS,
    RESOURCE_VALID,
    ResourcePrefix,
    resource_fault,
    split_resource,
)
from blrcs_native.access.spec cimport is_permission, specs_by_name
from blrcs_native.calls.call cimport Call
from blrcs_native.conditions.condition cimport IS_FALSE, IS_TRUE, IS_UNKNOWN, Judgement

from blrcs_native.access.explanation import Explanation
from blrcs_native.access.part import MAX_GROUP_DEPTH, MAX_ROLE_DEPTH
from blrcs_native.access.resource_template import validate_resource
from blrcs_native.access.spec import ALL_AUTHENTICATED, ALL_USERS, AccessSpecError
from blrcs_native.access.spec import BindingSpec, GroupSpec, RoleSpec  # what a table is made from

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size_bytes) except NULL

cdef uint64_t LAST_SERIAL = 0

cdef enum:
    CALLER_ENTRIES = 16_384
    SHARDS = 256


cdef dict _by_place(object roles, object groups, object bindings):
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


cdef inline Py_ssize_t _shard(str name) except -1:
    return <Py_ssize_t>(<size_t>hash(name) % SHARDS)


cdef inline void _ask(Question* question, bytes roles, bytes subjects) noexcept:
    question.roles = <const unsigned char*>PyBytes_AS_STRING(roles)
    question.subjects = <const int32_t*>PyBytes_AS_STRING(subjects)
    question.subject_count = PyBytes_GET_SIZE(subjects) // <Py_ssize_t>sizeof(int32_t)


@cython.final
cdef class AccessTable:
    """Roles, groups and bindings, compiled; immutable, so its owner swaps it whole on change.

    A role that includes itself, over others too, is refused, as are chains of more than
    MAX_ROLE_DEPTH roles of one place; a tenant's may end in one of the root's. Groups may hold each other; a membership counts over at most
    MAX_GROUP_DEPTH groups. References to undefined roles and groups grant nothing, so that what
    is deleted stops granting even where something still refers to it.

    ``clock`` gives Unix time in nanoseconds and is asked only where a binding that expires decides.
    ``epoch`` is the owner's own count of its tables. For use under the GIL.

    Raises:
        AccessSpecError: a spec is malformed, or a name is given twice.
    """

    def __cinit__(self, roles, groups, bindings, *, clock=time.time_ns, epoch=0):
        global LAST_SERIAL
        if not callable(clock):
            raise TypeError("clock is not callable")
        LAST_SERIAL += 1
        self.serial = LAST_SERIAL
        self._clock = clock
        self.epoch = int(epoch)
        self._seed = <uint64_t><Py_ssize_t>hash("resource")  # differs from process to process
        self._group_names = {}
        self._tenants = {}
        self._naming = [{}] * SHARDS
        self._compile(_by_place(roles, groups, bindings))

    def changed(self, places not None, *, epoch):
        """A table that differs in these places alone, under another epoch.

        ``places`` has all roles, groups and bindings of each tenant that is another, or of the
        root, which is the empty text. What it costs is what these have, and the tenants that use a
        role of the root that is another.
        """
        cdef AccessTable made = AccessTable.__new__(AccessTable, (), (), (), clock=self._clock, epoch=epoch)
        made._root = self._root
        made._tenants = self._tenants.copy()
        made._naming = self._naming.copy()
        made._compile(dict(places))
        return made

    def _compile(self, dict places):
        cdef AccessPart part
        cdef set copied = set()
        if "" in places or self._root is None:
            self._root = self._part("", places.get("", ((), (), ())), {})
        for place, part in [*self._tenants.items()]:
            if place not in places and any(
                self._root.closed.get(name) != found for name, found in part.borrowed.items()
            ):
                self._tenants[place] = self._part(place, part.specs, self._root.closed)
        for place, specs in places.items():
            if place:
                part = self._part(place, specs, self._root.closed) if any(specs) else None
                self._name(place, self._tenants.pop(place, None), part, copied)
                if part is not None:
                    self._tenants[place] = part
        self._of_nobody = self._places_naming(ALL_USERS)
        self._of_everybody = self._of_nobody + self._places_naming(ALL_AUTHENTICATED)
        parts = [self._root, *self._tenants.values()]
        self.reads_message = any([(<AccessPart>each).reads_message for each in parts])
        self.is_steady = all([(<AccessPart>each).is_steady for each in parts])
        self._has_conditions = any([(<AccessPart>each).has_conditions for each in parts])
        self._reads_groups = any([(<AccessPart>each).reads_groups for each in parts])

    def _part(self, str place, specs, dict root):
        roles, groups, bindings = specs
        return AccessPart(
            place, tuple(roles), tuple(groups), tuple(bindings), root, self._clock, self._seed
        )

    def _name(self, str place, AccessPart before, AccessPart after, set copied):
        """Notes which tenants know a member, in maps that are copied where they are written."""
        was = set() if before is None else before.names()
        now = set() if after is None else after.names()
        for name in was ^ now:
            shard = _shard(name)
            if shard not in copied:
                self._naming[shard] = dict(self._naming[shard])
                copied.add(shard)
            tenants = dict.fromkeys((<dict>self._naming[shard]).get(name, ()))
            if name in now:
                tenants[place] = None
            else:
                del tenants[place]
            if tenants:
                self._naming[shard][name] = tuple(tenants)
            else:
                del self._naming[shard][name]

    cdef AccessPart _part_of(self, str resource):
        """The part of the tenant that a resource lies in; None where that has nothing."""
        if not self._tenants:
            return None
        return self._tenants.get(place_of(resource))

    cdef tuple _places_naming(self, str name):
        cdef PyObject* found = PyDict_GetItemWithError(<dict>self._naming[_shard(name)], name)
        return () if found == NULL else <tuple>found

    cdef tuple _places_of(self, str principal, tuple groups):
        """The tenants that know a caller in some way; one may come more than once."""
        cdef tuple found
        if not principal:
            return self._of_nobody
        found = self._places_naming(principal)
        for group in groups:
            found += self._places_naming(group)
        return found + self._of_everybody

    cdef tuple _groups_of(self, str principal, tuple groups, AccessPart part):
        """All groups that a caller is in, by its issuer, by the root and by a part."""
        if part is None and not groups:
            return self._root.reached.get(principal, ())
        key = (principal, groups, part)
        found = self._group_names.get(key)
        if found is not None:
            return found
        names = dict.fromkeys(groups or ())
        for start in (principal, *(groups or ())):
            names.update(reached_groups(self._root.containing, start))
            if part is not None:
                names.update(reached_groups(part.containing, start))
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
        return facts

    cdef Decision _decide(
        self, str principal, tuple groups, str permission, str resource, Facts facts, bint owned
    ) except *:
        cdef ResourcePrefix prefixes[RESOURCE_DEPTHS]
        cdef Question question
        cdef Py_ssize_t size_bytes
        cdef Judgement denied = IS_FALSE, granted = IS_FALSE, judged
        cdef bytes row, subjects, part_row = None, part_subjects = None
        cdef AccessPart part
        if principal is None or permission is None or resource is None:
            return DENIED
        row = self._root.row(permission)
        subjects = self._root.subjects_of(principal, groups)
        part = self._part_of(resource)
        if part is not None:
            part_row = part.row(permission)
            if part_row is not None:
                part_subjects = part.subjects_of(
                    principal, self._groups_of(principal, groups, None)
                )
        cdef bint asks_root = row is not None and bool(subjects)
        cdef bint asks_part = part_row is not None and bool(part_subjects)
        if not asks_root and not asks_part:
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
        question.assumption = ASK
        question.clock_read = False
        if facts is not None:
            facts.resource = resource
            if self._reads_groups:
                facts.groups = self._groups_of(principal, groups, part)
        if asks_root:
            _ask(&question, row, subjects)
            if self._root.denials is not None:
                denied = self._root.denials.covers(&question, facts)
                if denied == IS_TRUE:
                    return DENIED
            if not owned:
                granted = self._root.grants.covers(&question, facts)
        if asks_part:
            _ask(&question, part_row, part_subjects)
            if part.denials is not None:
                judged = part.denials.covers(&question, facts)
                if judged == IS_TRUE:
                    return DENIED
                if judged == IS_UNKNOWN:
                    denied = IS_UNKNOWN
            if not owned and granted != IS_TRUE:
                judged = part.grants.covers(&question, facts)
                if judged != IS_FALSE:
                    granted = judged
        if owned:
            return ALLOWED if denied == IS_FALSE else UNDECIDED
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
        cdef AccessPart part
        if self._root.denials is None and resource is not None:
            part = self._part_of(resource)
            if part is None or part.denials is None:
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
        cdef tuple named
        cdef AccessPart part
        if principal is None or permission is None:
            return False
        root.hash = self._seed
        root.size_bytes = 0
        question.prefixes = &root
        question.depth = 0
        question.resource = b""
        question.clock_read = False
        row = self._root.row(permission)
        subjects = self._root.subjects_of(principal, groups)
        if row is not None and subjects:
            _ask(&question, row, subjects)
            if self._root.denials is not None:
                question.assumption = ASSUME_FALSE
                if self._root.denials.covers(&question, None) == IS_TRUE:
                    return False
            question.assumption = ASSUME_TRUE
            if self._root.grants.covers_anything(&question) == IS_TRUE:
                return True
        if not self._tenants:
            return False
        question.assumption = ASSUME_TRUE
        named = self._groups_of(principal, groups, None)
        for place in self._places_of(principal, named):
            part = self._tenants[place]
            row = part.row(permission)
            subjects = part.subjects_of(principal, named)
            if row is not None and subjects:
                _ask(&question, row, subjects)
                if part.grants.covers_anything(&question) == IS_TRUE:
                    return True
        return False

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
        cdef AccessPart part, own
        if self._root.subjects_of_one(principal) is None:
            return Explanation(False, "invalid_principal")
        if not is_permission(permission):
            return Explanation(False, "invalid_permission")
        if resource_fault(resource) != RESOURCE_VALID:
            return Explanation(False, "invalid_resource")
        cdef int64_t now_ns = self._clock()
        own = self._part_of(resource)
        named = self._groups_of(principal, groups, None) if principal else ()
        if facts is not None:
            facts.call = call
            facts.resource = resource
            facts.now_ns = now_ns
            if self._reads_groups:
                facts.groups = self._groups_of(principal, groups, own)
        places = dict.fromkeys(self._places_of(principal, named))
        parts = [self._root, *(self._tenants[place] for place in places)]
        asked = [
            (
                part.bindings_of,
                part.role_ids,
                int.from_bytes(part.row(permission) or b"", "little"),
            )
            for part in parts
        ]
        reached = {}
        for part in parts:
            for name, chain in reached_groups(part.containing, principal).items():
                reached.setdefault(name, chain)
        for group in groups if principal else ():
            reached.setdefault(group, (group,))
            for part in parts:
                for name, chain in reached_groups(part.containing, group).items():
                    reached.setdefault(name, (group, *chain))
        return explain_bindings(
            memberships(principal, reached), asked, resource, now_ns, facts
        )
