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
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint64_t

from blrcs_native.access.explanation cimport explain_bindings, memberships
from blrcs_native.access.index cimport ASK, ASSUME_FALSE, ASSUME_TRUE, Question, ask
from blrcs_native.access.part cimport AccessPart, by_place, place_of, reached_groups
from blrcs_native.access.resource_template cimport (
    RESOURCE_DEPTHS,
    RESOURCE_VALID,
    ResourcePrefix,
    resource_fault,
    split_resource,
)
from blrcs_native.access.spec cimport is_permission
from blrcs_native.access.terms cimport NOT_KEPT, KeptTerms, Term, Terms, begun, end, keep
from blrcs_native.calls.call cimport Call
from blrcs_native.conditions.condition cimport (
    IS_ERROR,
    IS_FALSE,
    IS_TRUE,
    IS_UNKNOWN,
    Condition,
    Judgement,
    facts_of,
)
from blrcs_native.unix_clock cimport unix_ns

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
    MOST_PLACES = 16
    SHARDS = 256


cdef inline Py_ssize_t _shard(str name) except -1:
    return <Py_ssize_t>(<size_t>hash(name) % SHARDS)


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
        self._clock = None if clock is time.time_ns else clock
        self.epoch = int(epoch)
        self._seed = <uint64_t><Py_ssize_t>hash("resource")  # differs from process to process
        self._group_names = {}
        self._tenants = {}
        self._naming = [{}] * SHARDS
        self._compile(by_place(roles, groups, bindings))

    def changed(self, places not None, *, epoch):
        """A table that differs in these places alone, under another epoch.

        ``places`` has all roles, groups and bindings of each tenant that is another, or of the
        root, which is the empty text. What it costs is what these have, and the tenants that use a
        role of the root that is another.
        """
        cdef AccessTable made = AccessTable.__new__(AccessTable, (), (), (), epoch=epoch)
        made._clock = self._clock
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

    def _part(self, str place, specs, dict root):
        roles, groups, bindings = specs
        return AccessPart(place, tuple(roles), tuple(groups), tuple(bindings), root, self._seed)

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

    cdef Decision decide(
        self,
        str principal,
        tuple groups,
        str permission,
        str resource,
        bint owned,
        Call call,
        bint message_to_come,
        KeptTerms* kept,
    ) except *:
        cdef Terms terms = begun(owned)
        cdef Facts facts = None
        try:
            self._find(principal, groups, permission, resource, &terms)
            keep(&terms, kept)
            if terms.is_denied:
                return DENIED
            if terms.count:
                facts = facts_of(principal, resource, call, message_to_come)
            return self._judge(terms.terms, terms.count, terms.is_granted, facts, groups)
        finally:
            end(&terms)

    cdef int _find(
        self, str principal, tuple groups, str permission, str resource, Terms* terms
    ) except -1:
        """All bindings that match, each place's denials before what it grants."""
        cdef ResourcePrefix prefixes[RESOURCE_DEPTHS]
        cdef Question question
        cdef Py_ssize_t size_bytes
        cdef bytes row, subjects, part_row = None, part_subjects = None
        cdef AccessPart part
        if principal is None or permission is None or resource is None:
            terms.is_denied = True
            return 0
        part = self._part_of(resource)
        if (
            terms.is_granted
            and self._root.denials is None
            and (part is None or part.denials is None)
        ):
            return 0
        row = self._root.row(permission)
        subjects = self._root.subjects_of(principal, groups)
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
            return 0
        try:
            question.resource = PyUnicode_AsUTF8AndSize(resource, &size_bytes)
        except UnicodeEncodeError:
            terms.is_denied = True
            return 0
        if split_resource(
            <const unsigned char*>question.resource,
            size_bytes,
            self._seed,
            prefixes,
            &question.depth,
        ) != RESOURCE_VALID:
            terms.is_denied = True
            return 0
        question.prefixes = prefixes
        question.assumption = ASK
        if asks_root:
            ask(&question, row, subjects)
            if self._root.denials is not None and self._root.denials.covers(&question, terms):
                return 0
            if not terms.is_granted:
                self._root.grants.covers(&question, terms)
        if asks_part:
            ask(&question, part_row, part_subjects)
            if part.denials is not None and part.denials.covers(&question, terms):
                return 0
            if not terms.is_granted:
                part.grants.covers(&question, terms)
        return 0

    cdef Decision _judge(
        self, const Term* terms, Py_ssize_t count, bint is_granted, Facts facts, tuple groups
    ) except *:
        """What terms come to now: a denial that counts decides before all that grants."""
        cdef Judgement denied = IS_FALSE, granted = IS_TRUE if is_granted else IS_FALSE, judged
        cdef Condition condition
        cdef int64_t now_ns = 0
        cdef bint clock_read = False
        cdef Py_ssize_t i
        for i in range(count):
            if granted == IS_TRUE and not terms[i].denies:
                continue
            # The clock is read once for all that one question asks.
            if not clock_read:
                now_ns = unix_ns(self._clock)
                clock_read = True
            if now_ns >= terms[i].expires_at_ns:
                continue
            judged = IS_TRUE
            if terms[i].condition != NULL:
                condition = <Condition>terms[i].condition
                facts.now_ns = now_ns
                if condition.reads_groups and facts.groups is None:
                    facts.groups = self._groups_of(
                        facts.principal, groups, self._part_of(facts.resource)
                    )
                judged = condition.judge(facts)
                if judged == IS_ERROR:
                    judged = IS_TRUE if terms[i].denies else IS_FALSE
            if not terms[i].denies:
                if judged != IS_FALSE:
                    granted = judged
            elif judged == IS_TRUE:
                return DENIED
            elif judged == IS_UNKNOWN:
                denied = IS_UNKNOWN
        if granted == IS_FALSE:
            return DENIED
        return ALLOWED if granted == IS_TRUE and denied == IS_FALSE else UNDECIDED

    cdef Decision judge(self, const KeptTerms* kept, Facts facts, tuple groups) except *:
        return self._judge(kept.terms, kept.count, kept.is_granted, facts, groups)

    cdef bint allows(self, str principal, str permission, str resource) except -1:
        """As :meth:`check`; None for any of the three is denied."""
        cdef KeptTerms kept
        return ALLOWED == self.decide(
            principal, None, permission, resource, False, None, False, &kept
        )

    cdef bint allows_anywhere(
        self, str principal, tuple groups, str permission, KeptTerms* kept
    ) except -1:
        """As :meth:`holds_anywhere`; None for either is denied."""
        cdef Terms terms = begun(False)
        try:
            if self._find_anywhere(principal, groups, permission, &terms):
                keep(&terms, kept)
            else:
                kept.count = NOT_KEPT
            if terms.is_denied:
                return False
            return self._judge(terms.terms, terms.count, terms.is_granted, None, groups) == ALLOWED
        finally:
            end(&terms)

    cdef bint _find_anywhere(
        self, str principal, tuple groups, str permission, Terms* terms
    ) except -1:
        """Bindings on any resource, as if they had no conditions; whether they are all that match."""
        cdef ResourcePrefix root
        cdef Question question
        cdef bytes row, subjects
        cdef tuple named
        cdef AccessPart part
        cdef Py_ssize_t asked
        if principal is None or permission is None:
            terms.is_denied = True
            return True
        root.hash = self._seed
        root.size_bytes = 0
        question.prefixes = &root
        question.depth = 0
        question.resource = b""
        row = self._root.row(permission)
        subjects = self._root.subjects_of(principal, groups)
        if row is not None and subjects:
            ask(&question, row, subjects)
            if self._root.denials is not None:
                question.assumption = ASSUME_FALSE
                if self._root.denials.covers(&question, terms):
                    return True
            question.assumption = ASSUME_TRUE
            if self._root.grants.covers_anything(&question, terms):
                return True
        if not self._tenants:
            return True
        question.assumption = ASSUME_TRUE
        named = self._groups_of(principal, groups, None)
        for asked, place in enumerate(self._places_of(principal, named)):
            # Whoever is in many tenants is known to may as soon as one lets them.
            if asked >= MOST_PLACES and ALLOWED == self._judge(
                terms.terms, terms.count, terms.is_granted, None, groups
            ):
                return False
            part = self._tenants[place]
            row = part.row(permission)
            subjects = part.subjects_of(principal, named)
            if row is not None and subjects:
                ask(&question, row, subjects)
                if part.grants.covers_anything(&question, terms):
                    return True
        return True

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
        cdef KeptTerms kept
        return ALLOWED == self.decide(
            principal, groups, permission, resource, False, call, False, &kept
        )

    def holds_anywhere(self, str principal not None, str permission not None, *, tuple groups=()):
        """Whether the principal may hold the permission on some resource at all.

        Conditions that grant are taken to hold, and what denies counts where it does so on the root
        and without a condition.
        """
        cdef KeptTerms kept
        return self.allows_anywhere(principal, groups, permission, &kept)

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
        cdef AccessPart part, own
        cdef Facts facts
        if self._root.subjects_of_one(principal) is None:
            return Explanation(False, "invalid_principal")
        if not is_permission(permission):
            return Explanation(False, "invalid_permission")
        if resource_fault(resource) != RESOURCE_VALID:
            return Explanation(False, "invalid_resource")
        cdef int64_t now_ns = unix_ns(self._clock)
        own = self._part_of(resource)
        named = self._groups_of(principal, groups, None) if principal else ()
        facts = facts_of(principal, resource, call, False)
        facts.now_ns = now_ns
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
