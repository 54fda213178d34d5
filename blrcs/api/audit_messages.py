"""Records of the audit log as messages."""

from typing import Any

from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from blrcs.api.times import from_timestamp, to_timestamp
from blrcs.domain.audit_event import AuditEvent, Decision, EventFilter
from blrcs.domain.audit_finding import ChainReport
from blrcs.v1 import audit_pb2
from blrcs_native.encoding.struct_wire import struct_of

ALL = "audit"
MAX_REQUEST_LEVELS = 32
"""Protobuf's readers take a hundred messages in each other, and each level is three."""
MAX_COUNT = (1 << 63) - 1
DECISIONS: dict[int, Decision] = {
    audit_pb2.AUDIT_DECISION_UNSPECIFIED: "",
    audit_pb2.AUDIT_DECISION_ALLOWED: "allowed",
    audit_pb2.AUDIT_DECISION_REFUSED: "refused",
    audit_pb2.AUDIT_DECISION_FAILED: "failed",
}
TEXTS = (
    "kind",
    "method",
    "principal",
    "actor",
    "session",
    "address",
    "resource",
    "code",
    "stage",
    "reason",
    "issuer",
    "request_id",
    "source",
)

Asked = audit_pb2.ListEventsRequest | audit_pb2.FollowEventsRequest


def listed_filter(request: audit_pb2.ListEventsRequest) -> EventFilter:
    """What a list asks for."""
    until = request.HasField("end_time")
    return filter_of(
        request,
        since_ns=from_timestamp(request.start_time, "start_time"),
        **({"until_ns": from_timestamp(request.end_time, "end_time")} if until else {}),
    )


def filter_of(request: Asked, **instants: int) -> EventFilter:
    """What a request asks for, but for the instants."""
    return EventFilter(
        principal=request.principal,
        method=request.method,
        decision=DECISIONS[request.decision],
        resource="" if request.parent == ALL else request.parent,
        calls_only=True,
        **instants,
    )


def event_message(event: AuditEvent) -> audit_pb2.AuditEvent:
    """A record."""
    values = event.values
    return audit_pb2.AuditEvent(
        name=f"audit/chains/{event.place.chain}/records/{event.place.seq}",
        time=to_timestamp(event.place.time_ns),
        epoch=_number(values.get("epoch"), 0),
        count=_number(values.get("count"), 1),
        first_time=_instant(event.text("first_time")),
        last_time=_instant(event.text("last_time")),
        shadow=values.get("shadow") is True,
        others=values.get("others") is True,
        request=_request(values.get("request")),
        line=event.line.decode(errors="replace").rstrip("\n"),
        **{name: event.text(name) for name in TEXTS},
    )


def verification_message(report: ChainReport) -> audit_pb2.ChainVerification:
    """What was seen of a chain."""
    finding = report.finding
    message = audit_pb2.ChainVerification(
        chain=report.chain,
        first_seq=report.first_seq,
        last_seq=report.last_seq,
        signed_seq=report.signed_seq,
    )
    if finding is not None:
        message.problem = finding.problem
        message.problem_seq = finding.seq
        message.detail = finding.detail
    return message


def _number(value: Any, missing: int) -> int:
    return value if isinstance(value, int) and 0 <= value <= MAX_COUNT else missing


def _instant(text: str) -> Timestamp | None:
    if not text:
        return None
    instant = Timestamp()
    try:
        instant.FromJsonString(text)
    except ValueError:
        return None
    return instant


def _request(values: Any) -> Struct | None:
    """The request; None where there is none, or where no client could read it: its line has it."""
    if not isinstance(values, dict):
        return None
    try:
        return Struct.FromString(struct_of(values, MAX_REQUEST_LEVELS))
    except (ValueError, TypeError):
        return None
