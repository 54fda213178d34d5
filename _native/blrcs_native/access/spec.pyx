"""Roles, groups and bindings as an access table is given them, and what their names may be.

Permissions are dotted (``orders.read``); members and resources have segments (``users/alice``).
"""

import re
from collections import namedtuple

from blrcs_native.access.resource_template cimport RESOURCE_VALID, resource_fault

ANONYMOUS = ""
ALL_USERS = "allUsers"
ALL_AUTHENTICATED = "allAuthenticated"
MAX_PERMISSION_BYTES = 256

cdef tuple GROUP_PREFIXES = ("groups/", "tenants/")  # tenants/acme/groups/devs is one of a tenant

cdef object PERMISSION = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
cdef object PATTERN = re.compile(r"(?:[A-Za-z0-9_-]+\.)*(?:[A-Za-z0-9_-]+|\*)")


class AccessSpecError(ValueError):
    """A role, group or binding cannot be compiled; the message names it."""


RoleSpec = namedtuple(
    "RoleSpec", "name permissions includes", defaults=((), ()), module=__name__
)
RoleSpec.__doc__ = """A role: the patterns it grants, and the roles whose patterns it grants too."""

GroupSpec = namedtuple("GroupSpec", "name members", defaults=((),), module=__name__)
GroupSpec.__doc__ = """A group by its full name (``groups/devs``): principals and other groups."""

BindingSpec = namedtuple(
    "BindingSpec",
    "name role members resource expires_at_ns denies condition",
    defaults=("", None, False, None),
    module=__name__,
)
BindingSpec.__doc__ = """A role for members on a resource.

It ends at ``expires_at_ns`` of Unix time, that instant excluded; None stands for never. One that
``denies`` takes from its members what the role grants. A ``condition``, a Condition, says when it
counts; None stands for always.
"""


cdef bint is_group(str name) except -1:
    """Whether a member is a group; no principal is named like one."""
    return name.startswith(GROUP_PREFIXES)


cdef bint is_permission(str name) except -1:
    return len(name) <= MAX_PERMISSION_BYTES and PERMISSION.fullmatch(name) is not None


def validate_permission(str name not None):
    """Accepts dotted segments of ASCII letters, digits, ``_`` and ``-``; 256 bytes at most.

    Raises:
        ValueError: the name is no permission.
    """
    if not is_permission(name):
        raise ValueError(f"{name[:80]!r} is not a permission")


def validate_pattern(str pattern not None):
    """Accepts a permission, ``*``, and a permission followed by ``.*``.

    Raises:
        ValueError: the pattern is neither.
    """
    if len(pattern) > MAX_PERMISSION_BYTES or PATTERN.fullmatch(pattern) is None:
        raise ValueError(f"{pattern[:80]!r} is not a permission pattern")


def validate_member(str name not None):
    """Accepts the special members, and names of at least two segments, as in resources.

    Raises:
        ValueError: the name is neither.
    """
    if name == ALL_USERS or name == ALL_AUTHENTICATED:
        return
    if "/" not in name or resource_fault(name) != RESOURCE_VALID:
        raise ValueError(f"{name[:80]!r} is not a member")


cdef dict specs_by_name(str kind, object specs):
    """Specs by name, in their order."""
    cdef dict found = {}
    for spec in specs:
        if not isinstance(spec.name, str) or not spec.name:
            raise AccessSpecError(f"{kind} {spec.name!r}: the name is empty or no text")
        if spec.name in found:
            raise AccessSpecError(f"{kind} {spec.name!r} is given twice")
        found[spec.name] = spec
    return found


cdef tuple accepted(str owner, object names, object validate=None):
    """The names as a tuple, once ``validate`` has accepted each."""
    if isinstance(names, str):
        raise AccessSpecError(f"{owner}: {names!r} stands where a collection of names belongs")
    names = tuple(names)
    for name in names:
        if not isinstance(name, str):
            raise AccessSpecError(f"{owner}: {name!r} is no text")
        try:
            if validate is not None:
                validate(name)
        except ValueError as error:
            raise AccessSpecError(f"{owner}: {error}") from error
    return names
