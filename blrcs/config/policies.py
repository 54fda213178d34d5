"""Policies that the configuration overrides (blrcs.v1.MethodPolicy)."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from blrcs.config.duration import Duration, between
from blrcs.config.guards import GuardKind
from blrcs.config.limits import RateSection
from blrcs.config.network import AddressLists
from blrcs.config.section import Section
from blrcs.config.shape import shaped

LimitKey = Literal["address", "principal", "method"]
"""What a method's limit counts apart (blrcs.v1.LimitKey)."""

Priority = Literal["critical", "high", "normal", "low"]
"""How much depends on a method's calls (blrcs.v1.Priority)."""

MethodPattern = Annotated[
    str,
    shaped(
        r"/[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*/([A-Za-z_][A-Za-z0-9_]*|\*)",
        "a method, such as /shop.v1.ShopService/GetItem, or /shop.v1.ShopService/* for all",
    ),
]
"""A method's full name, or ``/package.Service/*`` for all methods of a service."""


class PermissionAccess(Section):
    """Only a principal that holds a permission on a resource may call."""

    permission: Annotated[
        str,
        shaped(
            r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+",
            "a permission, such as orders.read",
        ),
    ]
    """The permission's name, such as `orders.read`."""
    resource: Annotated[str, Field(max_length=512)] = ""
    """The resource's name as a template over the request's fields; empty is the root."""
    or_owner: bool = False
    """A principal needs no permission on its own name and on what lies below it."""


class MethodLimit(RateSection):
    """How often a method may be called."""

    key: LimitKey
    """What is counted apart."""
    per_message: bool = False
    """Each message that a client streams is counted too, not only the stream's start."""


Access = Annotated[
    Annotated[Literal["public", "authenticated"], Tag("word")]
    | Annotated[PermissionAccess, Tag("table")],
    Discriminator(lambda value: "word" if isinstance(value, str) else "table"),
]
"""Who may call: anyone, anyone with a valid token, or the holders of a permission."""


class StepUpSection(Section):
    """How well, and how lately, the caller must have proven who it is."""

    level: Literal["unspecified", "single_factor", "multi_factor", "phishing_resistant"] = (
        "unspecified"
    )
    """The least level; `unspecified` is any."""
    max_age: Annotated[Duration, between("1s", "366d")] | None = None
    """The greatest age; any if not given. Without a level either, the proto's demand is lifted."""


class PolicyOverride(Section):
    """What takes the place of a method's own policy. What is not given stays as in the proto."""

    access: Access | None = None
    """Who may call."""
    limits: tuple[MethodLimit, ...] | None = None
    """All of the method's limits; an empty list removes those of the proto."""
    audit: Literal["refusals", "call", "request"] | None = None
    """What the audit log keeps."""
    priority: Priority | None = None
    """Who is refused first where there is more to do than can be done."""
    watch: bool | None = None
    """Its calls last as long as their callers want, and have the bounds of watches."""
    shadow: tuple[GuardKind, ...] | None = None
    """Guards that decide and record, but let the call pass."""
    token_binding: Literal["none", "any", "mtls", "dpop"] | None = None
    """What a token must be bound to."""
    response_cache_ttl: Annotated[Duration, between("0s", "366d")] | None = None
    """How long a reply may be answered from memory; 0 turns it off."""
    step_up: StepUpSection | None = None
    """How well, and how lately, the caller must have proven who it is."""
    addresses: AddressLists | None = None
    """Where calls may come from, beside what holds for the whole server."""
    disabled: bool = False
    """The method answers UNIMPLEMENTED, as if it were not there."""


def override_for(method: str, policies: Mapping[str, PolicyOverride]) -> PolicyOverride | None:
    """What the configuration says of a method, or None.

    Where both its service (``/package.Service/*``) and the method itself are named, the method's
    keys win one by one.

    Args:
        method: The full name, such as ``/blrcs.v1.CacheService/Get``.
        policies: The settings' ``policies`` table.
    """
    general = policies.get(f"{method.rpartition('/')[0]}/*")
    exact = policies.get(method)
    if general is None or exact is None:
        return exact or general
    given = {name: getattr(exact, name) for name in exact.model_fields_set}
    return general.model_copy(update=given)
