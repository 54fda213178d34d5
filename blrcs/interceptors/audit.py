"""Records what was done, by whom, and what was refused."""

import asyncio
import contextlib
import re
from typing import Any

from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message

from blrcs.domain.errors import DomainError
from blrcs.domain.policy import MethodPolicy, Permission
from blrcs.domain.proven_subject import ProvenSubject, proven_subject
from blrcs.interceptors.audit_sink import AuditSink
from blrcs.interceptors.masking import masked
from blrcs.interceptors.statuses import CODES
from blrcs.monitoring.log_values import shown_text
from blrcs_native.access.resource_template import ResourceTemplate
from blrcs_native.calls.call import Call
from blrcs_native.calls.end_hook import EndHook
from blrcs_native.calls.interfaces import Handler
from blrcs_native.calls.method import Method
from blrcs_native.calls.rejection import CODE_NAMES, AbortError, Rejection
from blrcs_native.guards.authorization import CurrentAccess
from blrcs_native.monitoring.refusal_folder import RefusalHook
from blrcs_native.tokens.issuer import named_issuer
from blrcs_native.tokens.refusal import REFUSALS

AUDITED_CODES = frozenset({CODES["UNAUTHENTICATED"], CODES["PERMISSION_DENIED"]})
MAX_SHOWN_BYTES = 16_384
REQUEST_ID = "x-request-id"
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
MAX_ISSUER = 256
# What is refused unread, or is no token, is not read to tell whose it says that it is.
OF_ISSUERS = frozenset(REFUSALS) - {"TOKEN_TOO_LARGE", "TOKEN_MALFORMED", "TOKEN_NOT_VERIFIED"}
MAY_HAVE_CHANGED = frozenset(
    CODES[name]
    for name in (
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "DEADLINE_EXCEEDED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
    )
)
"""All other codes say that nothing was done."""


class Audit:
    """Observer and middleware of one method's calls.

    Refusals before the handler, and refusals of those methods of which nothing else is kept, are
    folded. What a handler is asked to do where the policy has calls kept is recorded call by call:
    a change before its reply leaves, a read soon after. Where records cannot be written, such
    calls are refused before anything is done. How durable a record is, and when the sink cannot
    write, is the sink's to say.

    Args:
        method: The method.
        policy: Says what is kept beside refusals.
        sink: Where records go.
        access: Whose epoch they name; None where no permissions are asked for.
    """

    def __init__(
        self, method: Method, policy: MethodPolicy, sink: AuditSink, access: CurrentAccess | None
    ) -> None:
        self._policy = policy
        self._sink = sink
        self._access = access
        self._template = _template(method, policy)
        self._is_read = _is_read(method)
        self._keeps_calls = policy.audit != "refusals"
        self._ended: dict[Call, int] = {}
        """The codes that are recorded of calls which are not over yet."""
        self._fold = RefusalHook(
            sink.refusals, self._first, template=self._template, every=self._keeps_calls
        )
        codes = range(len(CODE_NAMES)) if self._keeps_calls else AUDITED_CODES
        hook = self._end if self._keeps_calls else self._fold
        self.on_end = EndHook(hook, codes, rejections=True)

    def bind(self, handler: Handler) -> Handler:
        """The handler, whose calls are recorded where the policy says so."""
        if not self._keeps_calls:
            return handler

        async def recorded(request: Any, call: Call) -> Any:
            self._sink.require_writable()
            subject = ProvenSubject()
            # Put back as it was: else each call would take a new task.
            before = proven_subject.set(subject)
            code, reason = CODES["CANCELLED"], ""
            try:
                reply = await handler(request, call)
                code, reason = call.status_code, _reason(call.rejection)
            except asyncio.CancelledError:
                # Nobody waits for an answer any more, whatever has been done.
                self._sink.put(self._record(call, code, reason, subject))
                raise
            except Exception as error:
                code, reason = _outcome(call, error)
                await self._keep(call, code, reason, subject)
                raise
            else:
                await self._keep(call, code, reason, subject)
                return reply
            finally:
                proven_subject.reset(before)
                self._ended[call] = code

        return recorded

    async def _keep(self, call: Call, code: int, reason: str, subject: ProvenSubject) -> None:
        values = self._record(call, code, reason, subject)
        if self._is_read or code not in MAY_HAVE_CHANGED:
            self._sink.put(values)
        else:
            await self._sink.commit(values)

    def _end(self, call: Call) -> None:
        """Folds what ended before the handler; of the rest only what the record does not say."""
        recorded = self._ended.pop(call, None)
        if recorded is None:
            self._fold(call)
            return
        self._fold.take_shadowed(call)
        if call.status_code != recorded:
            reason = _reason(call.rejection)
            values = self._record(call, call.status_code, reason, ProvenSubject())
            self._sink.put(values | {"kind": "ended"})

    def _first(self, call: Call) -> dict[str, Any]:
        """What is told of the first of refusals that are alike."""
        told = _told_by_client(call)
        if call.rejection is not None or call.shadowed:
            told |= _issuer(call)
        if self._access is not None:
            # That the table cannot be read anew is no reason to lose the record.
            with contextlib.suppress(Exception):
                told["epoch"] = self._access.table.epoch
        if self._policy.audit == "request":
            # A request that was not looked into whole may turn out to be no message.
            with contextlib.suppress(Exception):
                if hasattr(call.request, "DESCRIPTOR"):
                    told["request"] = shown(call.request)
        return told

    def _record(self, call: Call, code: int, reason: str, subject: ProvenSubject) -> dict[str, Any]:
        values: dict[str, Any] = {"kind": "call", "method": call.method.name, **self._first(call)}
        principal = call.principal
        named = {
            "principal": principal.name if principal else subject.name,
            "session": principal.session if principal else subject.session,
            "address": call.peer_address,
            "resource": self._resource(call),
            "reason": reason,
        }
        values |= {name: value for name, value in named.items() if value}
        values["code"] = CODE_NAMES[code]
        return values

    def _resource(self, call: Call) -> str:
        if self._template is None:
            return ""
        if self._template.is_constant or call.request is not None:
            # Likewise: what cannot be named is no reason to lose the record.
            with contextlib.suppress(Exception):
                return self._template.render(call.request) or ""
        return ""


def shown(request: Message) -> dict[str, Any]:
    """The request, its secrets masked; of one that would fill the log, its size alone."""
    size_bytes = request.ByteSize()
    return masked(request) if size_bytes <= MAX_SHOWN_BYTES else {"size_bytes": size_bytes}


def _template(method: Method, policy: MethodPolicy) -> ResourceTemplate | None:
    if not isinstance(policy.access, Permission):
        return None
    return ResourceTemplate(policy.access.resource, method.input_descriptor)


def _is_read(method: Method) -> bool:
    """Whether the proto promises that a call changes nothing."""
    if method.input_descriptor is None:
        return False
    try:
        service = method.input_descriptor.file.pool.FindServiceByName(method.service)
        options = service.methods_by_name[method.short_name].GetOptions()
    except KeyError:
        return False
    return bool(options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS)


def _told_by_client(call: Call) -> dict[str, Any]:
    """The request's id, if it has one that is fit to be shown; and who acts for the principal."""
    told: dict[str, Any] = {}
    for name, value in call.metadata:
        if name == REQUEST_ID and isinstance(value, str) and _REQUEST_ID.fullmatch(value):
            told["request_id"] = value
            break
    claims = call.principal.claims if call.principal is not None else None
    if claims is not None and claims.actor is not None:
        told["actor"] = claims.actor
    return told


def _issuer(call: Call) -> dict[str, str]:
    """The issuer, not verified, of a token that was refused for what it says."""
    refused = (call.rejection, *(call.shadowed or ()))
    if not any(each is not None and each.reason in OF_ISSUERS for each in refused):
        return {}
    for name, value in call.metadata:
        if name == "authorization" and isinstance(value, str):
            issuer = named_issuer(value.rpartition(" ")[2])
            return {"issuer": shown_text(issuer, MAX_ISSUER)} if issuer else {}
    return {}


def _reason(rejection: Rejection | None) -> str:
    return "" if rejection is None else rejection.reason


def _outcome(call: Call, error: Exception) -> tuple[int, str]:
    """What error mapping will make of it."""
    if isinstance(error, AbortError):
        return error.rejection.code, error.rejection.reason
    if isinstance(error, DomainError):
        return CODES[error.code], error.reason
    return call.status_code or CODES["INTERNAL"], _reason(call.rejection)
