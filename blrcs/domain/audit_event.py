"""What the audit log holds, and what can be asked of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Decision = Literal["", "allowed", "refused", "failed"]

REFUSALS = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED"})


@dataclass(frozen=True, slots=True, order=True)
class EventPlace:
    """Where a record stands among those of all chains: by its instant, then by chain and number."""

    time_ns: int
    chain: str
    seq: int


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """A record.

    Attributes:
        values: All of it, by name; see docs/audit.md.
    """

    place: EventPlace
    values: Mapping[str, Any] = field(hash=False)
    line: bytes = field(hash=False, default=b"")

    def text(self, name: str) -> str:
        """One of the values that are text; empty where it is not there."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which records are asked for; what is empty asks for nothing.

    Attributes:
        since_ns: None older.
        until_ns: Only older ones.
        principal: Done by it, or in its name.
        method: ``/package.Service/Method``, or ``/package.Service/*``.
        decision: ``allowed`` is OK, ``refused`` what REFUSALS name, ``failed`` the rest.
        resource: On it, or on what lies below it.
        calls_only: Without what the log says of itself.
    """

    since_ns: int = 0
    until_ns: int = 1 << 63
    principal: str = ""
    method: str = ""
    decision: Decision = ""
    resource: str = ""
    calls_only: bool = False

    def takes(self, event: AuditEvent) -> bool:
        """Whether the record is asked for, but for its instant."""
        method = event.text("method")
        return (
            (not self.calls_only or bool(method))
            and self.principal in ("", event.text("principal"), event.text("actor"))
            and self._is_of_method(method)
            and self._is_below(event.text("resource"))
            and self.decision in ("", decision_of(event))
        )

    def _is_of_method(self, method: str) -> bool:
        if self.method.endswith("/*"):
            return method.startswith(self.method[:-1])
        return self.method in ("", method)

    def _is_below(self, resource: str) -> bool:
        return self.resource in ("", resource) or resource.startswith(f"{self.resource}/")


def decision_of(event: AuditEvent) -> Decision:
    """What came of a call; empty for what the log says of itself."""
    code = event.text("code")
    if not code or event.values.get("shadow"):
        return "allowed" if code else ""
    if code == "OK":
        return "allowed"
    return "refused" if code in REFUSALS else "failed"
