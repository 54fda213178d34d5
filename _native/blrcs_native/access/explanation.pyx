"""Why a check is answered as it is: for people, not for the road of a call."""

from collections import namedtuple

from libc.stdint cimport int64_t

from blrcs_native.conditions.condition cimport IS_FALSE, IS_TRUE, Condition, Facts, Judgement

from blrcs_native.access.spec import ALL_AUTHENTICATED, ALL_USERS

MAX_NEAR_MISSES = 16

NearMiss = namedtuple(
    "NearMiss", "reason binding role member groups resource expires_at_ns", module=__name__
)
NearMiss.__doc__ = """A binding that would have granted what was denied.

``expired``: it did until ``expires_at_ns``. ``elsewhere``: it does on another resource.
``unknown_role``: it covers the resource, but its role is not defined. ``condition_false``: its
condition does not hold. ``condition_error``: its condition cannot be judged by what is known.
"""

Explanation = namedtuple(
    "Explanation",
    "allowed reason binding role member groups resource expires_at_ns near_misses",
    defaults=(None, None, None, (), None, None, ()),
    module=__name__,
)
Explanation.__doc__ = """Why a check is answered as it is.

When allowed, and when a binding denies (``denied``, or ``denied_by_error`` where its condition cannot
be judged), the binding that decides: the member of it that the caller is, and the groups that lead
from the caller to that member, nearest first. When denied otherwise, at most MAX_NEAR_MISSES
bindings that come close, and ``reason`` is that of the nearest, or what is wrong with the question.
"""


cdef list memberships(str principal, dict groups):
    """The members of bindings that a caller is, nearest first, and the groups in between.

    ``groups`` are those that the caller is in, each with the groups that lead to it.
    """
    if not principal:
        return [(ALL_USERS, ())]
    return [(principal, ()), *groups.items(), (ALL_AUTHENTICATED, ()), (ALL_USERS, ())]


cdef object explain_bindings(
    list members,
    list parts,
    str resource,
    int64_t now_ns,
    Facts facts,
):
    """Explains by the bindings that the parts of a table have of each member.

    Of each part: the bindings by member, the roles' numbers by name, and the roles that grant the
    permission, of which role n is bit n.
    """
    cdef dict near = {
        kind: [] for kind in ("expired", "condition_false", "condition_error", "elsewhere", "unknown_role")
    }
    granting = None
    for member, chain in members:
        for binding, role, roles in _bindings_of(member, parts):
            found = (
                binding.name,
                binding.role,
                member,
                chain,
                binding.resource,
                binding.expires_at_ns,
            )
            reason = _judge(binding, role, roles, resource, now_ns, facts)
            if binding.denies:
                if reason == "granted":
                    return Explanation(False, "denied", *found)
                if reason == "condition_error":
                    return Explanation(False, "denied_by_error", *found)
            elif reason == "granted":
                granting = granting or Explanation(True, reason, *found)
            elif reason is not None and len(near[reason]) < MAX_NEAR_MISSES:
                near[reason].append(NearMiss(reason, *found))
    if granting is not None:
        return granting
    misses = tuple([miss for kind in near.values() for miss in kind][:MAX_NEAR_MISSES])
    reason = misses[0].reason if misses else "no_binding" if any(each[2] for each in parts) else "in_no_role"
    return Explanation(False, reason, near_misses=misses)


cdef str _judge(
    object binding, object role, object roles, str resource, int64_t now_ns, Facts facts
):
    """``granted``, a near miss's reason, or None where a binding does not come close."""
    cdef Judgement judged
    covers = not binding.resource or f"{resource}/".startswith(f"{binding.resource}/")
    live = binding.expires_at_ns is None or now_ns < binding.expires_at_ns
    if role is None:
        return "unknown_role" if covers and live else None
    if not roles >> role & 1:
        return None
    if not covers:
        return "elsewhere" if live else None
    if not live:
        return "expired"
    if binding.condition is None:
        return "granted"
    judged = (<Condition?>binding.condition).judge(facts)
    if judged == IS_TRUE:
        return "granted"
    return "condition_false" if judged == IS_FALSE else "condition_error"


cdef list _bindings_of(str member, list parts):
    """Each with the number of its role, and the roles that grant the permission; widest first."""
    cdef list found = [
        (binding, role_ids.get(binding.role), roles)
        for bindings_of, role_ids, roles in parts
        for binding in bindings_of.get(member, ())
    ]
    return sorted(found, key=_widest_first)


def _widest_first(found):
    return len(found[0].resource), found[0].name
