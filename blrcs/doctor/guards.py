"""Guards that let pass, and lives that are long."""

import os
from collections.abc import Iterator

from blrcs.config.settings import Settings
from blrcs.doctor.finding import Finding, Severity

NS_PER_S = 1_000_000_000
LONG_TOKEN_NS = 3_600 * NS_PER_S
DECISIVE = ("authentication", "authorization")


def examine_guards(settings: Settings) -> Iterator[Finding]:
    """What lets a call pass that should not be."""
    for kind in settings.guards.shadow:
        yield Finding(
            check="shadow",
            severity=Severity.CRITICAL if kind in DECISIVE else Severity.WARNING,
            key="guards.shadow",
            problem=f"{kind} decides and records, but lets every call pass",
            remedy="take it out of guards.shadow once the records are as they should be",
        )
    for pattern, override in settings.policies.items():
        key = f'policies."{pattern}"'
        for kind in override.shadow or ():
            if kind in DECISIVE:
                yield Finding(
                    check="shadow",
                    severity=Severity.CRITICAL,
                    key=f"{key}.shadow",
                    problem=f"{kind} lets every call of {pattern} pass",
                    remedy="take it out once the records are as they should be",
                )
        if override.access == "public":
            yield Finding(
                check="public",
                severity=Severity.WARNING,
                key=f"{key}.access",
                problem=f"{pattern} answers everybody, whatever its proto says",
                remedy="name a permission instead, or state it in the proto",
            )


def examine_lives(settings: Settings) -> Iterator[Finding]:
    """Tokens that a thief can use for long."""
    for name in ("access_token_ttl", "service_token_ttl"):
        duration = getattr(settings.auth, name)
        if duration.ns > LONG_TOKEN_NS:
            yield Finding(
                check="long-tokens",
                severity=Severity.WARNING,
                key=f"auth.{name}",
                problem=f"a token that is stolen is good for {duration}",
                remedy="an hour or less: clients refresh by themselves",
            )


def examine_process() -> Iterator[Finding]:
    """Who runs it."""
    if os.geteuid() == 0:
        yield Finding(
            check="root",
            severity=Severity.WARNING,
            problem="runs as root: whoever breaks out of it has the machine",
            remedy="run it as a user of its own",
        )
