"""Whether the request is well formed: protovalidate's rules (buf.validate)."""

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from protovalidate import CompilationError, Validator, Violation

from blrcs.domain.policy import MethodPolicy
from blrcs.interceptors.proto_policy import PolicyError
from blrcs.interceptors.quick_rules import quick_rules
from blrcs.interceptors.statuses import bad_request, rejection
from blrcs_native.calls.method import Method
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.guard import Guard
from blrcs_native.guards.validation import ValidationGuard

MAX_REPORTED = 20
LARGE_BYTES = 4096
VALIDATOR = Validator()


def judge(request: Message) -> Rejection | None:
    """What protovalidate says, naming each field that breaks a rule."""
    # A large message can break as many rules as it has fields: naming one of them will do.
    large = request.ByteSize() > LARGE_BYTES
    violations = VALIDATOR.collect_violations(request, fail_fast=large)
    return _invalid(violations[:MAX_REPORTED]) if violations else None


def validation_guards(method: Method, policy: MethodPolicy) -> tuple[Guard, ...]:
    """The guard for a method's requests; none where no rule can apply to them.

    Raises:
        PolicyError: A rule cannot be compiled.
    """
    if method.input_descriptor is None or not has_rules(method.input_descriptor):
        return ()
    try:
        VALIDATOR.collect_violations(GetMessageClass(method.input_descriptor)())
    except CompilationError as error:
        raise PolicyError(f"{method.name}: {error}") from None
    quick = quick_rules(method.input_descriptor, has_rules)
    return (ValidationGuard(judge, quick, shadow="validation" in policy.shadow),)


def has_rules(descriptor: Descriptor, seen: set[str] | None = None) -> bool:
    """Whether a message, or one that it can hold, carries any ``buf.validate`` option."""
    seen = set() if seen is None else seen
    if descriptor.full_name in seen:
        return False
    seen.add(descriptor.full_name)
    carriers = (descriptor, *descriptor.fields, *descriptor.oneofs)
    if any(_is_ruled(carrier.GetOptions()) for carrier in carriers):
        return True
    return any(
        has_rules(field.message_type, seen)
        for field in descriptor.fields
        if field.message_type is not None
    )


def _is_ruled(options: object) -> bool:
    return any(
        field.full_name.startswith("buf.validate.")
        for field, _ in options.ListFields()  # type: ignore[attr-defined]
    )


def _invalid(violations: list[Violation]) -> Rejection:
    triples = [
        (_path(violation), violation.proto.message, violation.proto.rule_id)
        for violation in violations
    ]
    path, description, _ = triples[0]
    return rejection(
        "INVALID_ARGUMENT",
        "validation",
        "REQUEST_INVALID",
        f"{path}: {description}" if path else description,
        details=(bad_request(triples),),
    )


def _path(violation: Violation) -> str:
    path = violation.proto.field
    parts = []
    for element in () if path is None else path.elements:
        subscript = element.subscript
        suffix = f"[{subscript.value}]" if subscript is not None else ""
        parts.append(f"{element.field_name}{suffix}")
    return ".".join(parts)
