"""Writes what was done, by whom, and what was refused, to the audit log."""

from collections.abc import Callable
from typing import Any

import structlog
from google.protobuf.message import Message

from blrcs.domain.policy import MethodPolicy
from blrcs.interceptors.masking import masked
from blrcs.interceptors.statuses import CODES
from blrcs.monitoring.log_level import LogLevel
from blrcs_native.call import Call
from blrcs_native.end_hook import EndHook
from blrcs_native.interfaces import Handler
from blrcs_native.rejection import CODE_NAMES

AUDITED_STAGES = frozenset({"authentication", "authorization"})
AUDITED_CODES = frozenset({CODES["UNAUTHENTICATED"], CODES["PERMISSION_DENIED"]})
EVENT = "audit"
MAX_SHOWN_BYTES = 16_384


class Audit:
    """An observer of one method's calls.

    Refusals by authentication and authorization are always written, those of guards in shadow and
    of handlers too; whatever else the method's policy asks for.

    Args:
        policy: Says what else is written.
        write: Takes an event and its values; by default the log does, whatever its level.
    """

    def __init__(self, policy: MethodPolicy, write: Callable[..., Any] | None = None) -> None:
        self._level = policy.audit
        self._write = write or write_audit_log
        codes = AUDITED_CODES if self._level == "refusals" else range(len(CODE_NAMES))
        self.on_end = EndHook(self._record_end, codes, rejections=True)

    def bind(self, handler: Handler) -> Handler:
        """The handler as it is: the end of a call tells all."""
        return handler

    def _record_end(self, call: Call) -> None:
        """Writes the record of a call, if there is to be one."""
        for shadowed in call.shadowed or ():
            if shadowed.stage in AUDITED_STAGES:
                self._write(EVENT, **_record(call), stage=shadowed.stage, shadow=shadowed.reason)
        rejection = call.rejection
        refused = call.status_code in AUDITED_CODES or (
            rejection is not None and rejection.stage in AUDITED_STAGES
        )
        if self._level == "refusals" and not refused:
            return
        record = _record(call)
        if rejection is not None:
            record["stage"] = rejection.stage
            record["reason"] = rejection.reason
        if self._level == "request" and hasattr(call.request, "DESCRIPTOR"):
            record["request"] = shown(call.request)
        self._write(EVENT, **record)


def write_audit_log(event: str, **values: Any) -> None:
    """Writes to the log as it is configured, but for its level: that is for other messages."""
    processors = [
        each for each in structlog.get_config()["processors"] if not isinstance(each, LogLevel)
    ]
    structlog.wrap_logger(None, processors=processors).info(event, **values)


def _record(call: Call) -> dict[str, Any]:
    return {
        "method": call.method.name,
        "principal": call.principal.name if call.principal else "",
        "session": call.principal.session if call.principal else "",
        **_actor(call),
        "address": call.peer_address,
        "code": CODE_NAMES[call.status_code],
    }


def _actor(call: Call) -> dict[str, str]:
    claims = None if call.principal is None else call.principal.claims
    return {} if claims is None or claims.actor is None else {"actor": claims.actor}


def shown(request: Message) -> dict[str, Any]:
    """The request, its secrets masked; of one that would fill the log, its size alone."""
    size_bytes = request.ByteSize()
    return masked(request) if size_bytes <= MAX_SHOWN_BYTES else {"size_bytes": size_bytes}
