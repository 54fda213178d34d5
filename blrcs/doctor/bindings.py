"""Roles that everybody holds."""

from collections.abc import Iterator

from blrcs.doctor.finding import Finding, Severity
from blrcs.domain.access_closure import EVERYBODY, patterns_of
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding

READING = frozenset(
    {"get", "list", "check", "explain", "whoCan", "dryRun", "peek", "stats", "watch"}
    | {"read", "verify", "introspect"}
)


def examine_bindings(policy: AccessPolicy, now_ns: int) -> Iterator[Finding]:
    """What is bound to all users, or to strangers, and has not expired."""
    for binding in policy.bindings.values():
        if binding.denies or not binding.counts_at(now_ns):
            continue
        for member in sorted(EVERYBODY.intersection(binding.members)):
            yield _finding(policy, binding, member)


def _finding(policy: AccessPolicy, binding: Binding, member: str) -> Finding:
    changes = any(map(_changes_server, patterns_of(policy, binding.role)))
    return Finding(
        check="everyone",
        severity=Severity.CRITICAL if changes else Severity.WARNING,
        problem=f"{binding.name} gives {binding.role} on {binding.resource or 'everything'} "
        f"to {member}",
        remedy="bind it to a group of those who need it",
    )


def _changes_server(pattern: str) -> bool:
    """Whether something that a pattern stands for changes what is the server's own."""
    is_own = pattern == "*" or pattern.startswith("blrcs.")
    return is_own and pattern.rpartition(".")[2] not in READING
