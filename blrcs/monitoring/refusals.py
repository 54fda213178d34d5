"""Refusals that were alike, as one record."""

import time
from collections.abc import Iterator
from typing import Any

from blrcs.domain.instant import to_instant
from blrcs_native.calls.rejection import CODE_NAMES
from blrcs_native.monitoring.refusal_folder import FoldedRefusal, RefusalFolder

MAX_KINDS = 512
"""Refusals that are told apart until they are written."""
REFUSED = "refused"


def taken_records(folder: RefusalFolder, now_ns: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """How many there were of each kind, and the record of them; the folder has none of them then.

    Args:
        folder: Has folded them.
        now_ns: The time of the day, with which the instants of the monotonic clock are told.
    """
    wall_ns = now_ns - time.monotonic_ns()
    return ((each.count, _record(each, wall_ns)) for each in folder.take())


def _record(folded: FoldedRefusal, wall_ns: int) -> dict[str, Any]:
    method, principal, session, address, resource, code, stage, reason, shadow = folded.kind
    values: dict[str, Any] = {"kind": REFUSED, "method": method}
    values |= folded.told or {}
    named = {"principal": principal, "session": session, "address": address, "resource": resource}
    values |= {name: value for name, value in named.items() if value}
    values |= {"code": CODE_NAMES[code], "stage": stage, "reason": reason}
    if shadow:
        values["shadow"] = True
    if folded.count > 1 or principal is None:
        values["count"] = folded.count
        values["first_time"] = to_instant(folded.first_ns + wall_ns)
        values["last_time"] = to_instant(folded.last_ns + wall_ns)
    if principal is None:
        values["others"] = True
    return values
