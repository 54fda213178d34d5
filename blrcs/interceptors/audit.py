"""Writes what was done, by whom, and what was refused, to the audit log."""

from collections.abc import Callable
from typing import Any

import structlog

from blrcs.domain.policy import MethodPolicy
from blrcs.interceptors.masking import masked
from blrcs_native.call import Call
from blrcs_native.rejection import CODE_NAMES

AUDITED_STAGES = frozenset({"authentication", "authorization"})
EVENT = "audit"


class Audit:
    """An observer of one method's calls.

    Refusals by authentication and authorization are always written, those of guards in shadow
    too; whatever else the method's policy asks for.
    """

    def __init__(self, policy: MethodPolicy, write: Callable[..., Any] | None = None) -> None:
        self._level = policy.audit
        self._write = write or structlog.get_logger("blrcs.audit").info

    def on_end(self, call: Call) -> None:
        """Writes the record of a call, if there is to be one."""
        for rejection in call.shadowed or ():
            if rejection.stage in AUDITED_STAGES:
                self._write(EVENT, **self._record(call), shadow=rejection.reason)
        rejection = call.rejection
        refused = rejection is not None and rejection.stage in AUDITED_STAGES
        if self._level == "refusals" and not refused:
            return
        record = self._record(call)
        if rejection is not None:
            record["stage"] = rejection.stage
            record["reason"] = rejection.reason
        if self._level == "request" and hasattr(call.request, "DESCRIPTOR"):
            record["request"] = masked(call.request)
        self._write(EVENT, **record)

    @staticmethod
    def _record(call: Call) -> dict[str, Any]:
        return {
            "method": call.method.name,
            "principal": call.principal.name if call.principal else "",
            "session": call.principal.session if call.principal else "",
            "address": call.peer_address,
            "code": CODE_NAMES[call.status_code],
        }
