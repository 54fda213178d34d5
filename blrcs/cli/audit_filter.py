"""Which records a command of ``blrcs audit`` is about."""

import time
from datetime import datetime
from typing import Annotated, cast, get_args

import typer

from blrcs.config.duration import Duration
from blrcs.domain.audit_event import Decision, EventFilter

NS_PER_S = 1_000_000_000
DECISIONS = [each for each in get_args(Decision) if each]

Since = Annotated[
    str | None, typer.Option(help="None older: an instant, or a time ago such as 1h or 7d.")
]
Until = Annotated[str | None, typer.Option(help="Only older ones, likewise.")]
Principal = Annotated[str, typer.Option(help="Such as users/alice; who acts for it counts too.")]
Method = Annotated[
    str, typer.Option(help="Such as /blrcs.v1.UserService/CreateUser or /blrcs.v1.UserService/*.")
]
Resource = Annotated[str, typer.Option(help="On it, or on what lies below it.")]
DecisionOption = Annotated[str, typer.Option(help=f"One of: {', '.join(DECISIONS)}.")]


def event_filter(
    since: str | None,
    until: str | None,
    principal: str,
    method: str,
    resource: str,
    decision: str,
    *,
    calls_only: bool = False,
) -> EventFilter:
    """What the options say; BadParameter where one says nothing."""
    if decision and decision not in DECISIONS:
        raise typer.BadParameter(f"--decision is one of {', '.join(DECISIONS)}")
    now_ns = time.time_ns()
    return EventFilter(
        since_ns=0 if since is None else _instant(since, now_ns, "--since"),
        until_ns=1 << 63 if until is None else _instant(until, now_ns, "--until"),
        principal=principal,
        method=method,
        resource=resource,
        decision=cast("Decision", decision),
        calls_only=calls_only,
    )


def _instant(text: str, now_ns: int, option: str) -> int:
    try:
        return now_ns - Duration.parse(text).ns
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise typer.BadParameter(
            f"{option} is an instant such as 2030-01-31T12:00:00Z, or a time ago such as 1h"
        ) from None
    return int(at.timestamp() * NS_PER_S)
