"""Who the subjects of another issuer are here."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

# One claim's value is one segment of a name, and no two values make the same.
_VALUE = re.compile(r"[A-Za-z0-9._~@+:|=-]{1,128}")
_FIELD = re.compile(r"\{([A-Za-z0-9_.:/-]+)\}")
MAX_GROUPS = 64
COLLECTIONS = ("issuers", "users", "workloads")
"""Where principals are that can be given roles."""
DOTS = (".", "..")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimMapping:
    """How the claims of an issuer's tokens are read.

    Attributes:
        principal: A name in which ``{claim}`` stands for a whole segment, such as
            ``issuers/example/subjects/{sub}``.
        groups_claim: The claim that lists groups; empty for none.
        groups: What groups they are here, by the issuer's names; others count for nothing.
        required: Claims, and the values of which each must have one.
    """

    principal: str
    groups_claim: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)
    required: Mapping[str, Collection[str]] = field(default_factory=dict)

    def identify(self, claims: Mapping[str, Any]) -> tuple[str, tuple[str, ...]] | None:
        """The principal and its groups; None for nobody, who cannot be mapped without doubt."""
        for name, values in self.required.items():
            if not _has_one_of(claims.get(name), values):
                return None
        principal = self._principal(claims)
        return None if principal is None else (principal, self._groups(claims))

    def _principal(self, claims: Mapping[str, Any]) -> str | None:
        segments = []
        for segment in self.principal.split("/"):
            named = _FIELD.fullmatch(segment)
            value = segment if named is None else claims.get(named[1])
            if not isinstance(value, str) or _VALUE.fullmatch(value) is None or value in DOTS:
                return None
            segments.append(value)
        return "/".join(segments)

    def _groups(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        listed = claims.get(self.groups_claim) if self.groups_claim else None
        names = [listed] if isinstance(listed, str) else listed if isinstance(listed, list) else []
        found = {self.groups.get(each) for each in names if isinstance(each, str)}
        return tuple(sorted(group for group in found if group is not None)[:MAX_GROUPS])


def check_template(template: str) -> str:
    """The template itself; ValueError where it is none that names a principal by claims."""
    segments = template.split("/")
    plain = [segment for segment in segments if _FIELD.fullmatch(segment) is None]
    if len(segments) == len(plain):
        raise ValueError("names no claim, such as {sub}, so that all would be one principal")
    if segments[0] not in COLLECTIONS:
        raise ValueError(f"begins with none of {', '.join(COLLECTIONS)}")
    for segment in plain:
        if _VALUE.fullmatch(segment) is None or segment in DOTS:
            raise ValueError("has a segment that is neither plain nor a whole claim in braces")
    return template


def may_name(template: str, name: str) -> bool:
    """Whether a template makes the name of some claims."""
    segments = name.split("/")
    wanted = template.split("/")
    return len(segments) == len(wanted) and all(
        _VALUE.fullmatch(segment) is not None
        and segment not in DOTS
        and (segment == want or _FIELD.fullmatch(want) is not None)
        for segment, want in zip(segments, wanted, strict=True)
    )


def _has_one_of(value: object, accepted: Collection[str]) -> bool:
    if isinstance(value, list):
        return any(isinstance(each, str) and each in accepted for each in value)
    if isinstance(value, bool):
        return str(value).lower() in accepted
    return isinstance(value, str) and value in accepted
