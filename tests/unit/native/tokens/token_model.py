"""What a verifier must decide about a token, said again in plain Python.

Written for being obviously right: it reads with the standard library, checks by re-encoding,
remembers nothing and computes in whole numbers and fractions. Signatures are judged by a function
that the test passes in.
"""

import base64
import json
import math
import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

MAX_DEPTH = 16
MAX_DATE_S = 9_223_000_000
NS_PER_S = 10**9

Judge = Callable[[bytes, bytes], bool]
"""Whether a signature (second) is good for a signing input (first)."""


class RefusedError(Exception):
    """The first rule that a token breaks."""


@dataclass(frozen=True)
class Trust:
    """What a verifier is set up with; ``keys`` maps a kid to an algorithm and its judge."""

    keys: Mapping[str, tuple[str, Judge]]
    issuers: AbstractSet[str] = frozenset({"https://id.example"})
    audiences: AbstractSet[str] = frozenset({"orders"})
    types: AbstractSet[str] = frozenset({"at+jwt", "jwt"})
    leeway_s: int = 0
    max_bytes: int = 8192
    allow_missing_kid: bool = False


@dataclass
class Revoked:
    """Revoked ids, each with its issuer; subjects with the instant before which it holds."""

    sessions: set[tuple[str, str]] = field(default_factory=set)
    tokens: set[tuple[str, str]] = field(default_factory=set)
    subjects: dict[tuple[str, str], int] = field(default_factory=dict)


def base64url(text: str) -> bytes | None:
    """The octets of strict base64url: what encodes back to the same text."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        return None
    try:
        octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    again = base64.urlsafe_b64encode(octets).decode().rstrip("=")
    return octets if again == text else None


def json_object(octets: bytes) -> dict[str, object] | None:
    """One JSON object without repeated names, wild numbers, lone surrogates or deep nesting."""
    if not (octets.startswith(b"{") and octets.endswith(b"}")):
        return None
    try:
        value = json.loads(
            octets.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_integer,
        )
        _strings_are_text(value)
    except (ValueError, RecursionError):
        return None
    return value if _depth(value) <= MAX_DEPTH else None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice")
    return members


def _refuse(name: str) -> object:
    raise ValueError(name)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(text)
    return value


def _integer(text: str) -> int | float:
    value = int(text)
    return value if -(2**63) <= value < 2**64 else _finite(text)


def _strings_are_text(value: object) -> None:
    json.dumps(value, ensure_ascii=False).encode("utf-8")


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def decide(
    token: bytes, trust: Trust, now_ns: int, revoked: Revoked | None = None
) -> dict[str, object] | str:
    """The claims of an accepted token, or the reason of a refused one."""
    try:
        members = _read(token, trust)
        _check_types(members)
        _admit(members, trust, now_ns, revoked or Revoked())
    except RefusedError as refused:
        return str(refused)
    return members


def _read(token: bytes, trust: Trust) -> dict[str, object]:
    if len(token) > trust.max_bytes:
        raise RefusedError("TOKEN_TOO_LARGE")
    parts = token.decode("latin-1").split(".")
    if len(parts) != 3 or "" in parts:
        raise RefusedError("TOKEN_MALFORMED")
    header_octets = base64url(parts[0])
    if header_octets is None:
        raise RefusedError("TOKEN_MALFORMED")
    header = json_object(header_octets)
    if header is None:
        raise RefusedError("TOKEN_HEADER_INVALID")
    try:
        judge = _judge(header, trust)
    except RefusedError as refused:
        if str(refused) == "TOKEN_TYPE_UNACCEPTED" and _names_stranger(parts[1], trust):
            raise RefusedError("TOKEN_ISSUER_UNKNOWN") from None
        raise
    payload, signature = base64url(parts[1]), base64url(parts[2])
    if payload is None or signature is None:
        raise RefusedError("TOKEN_MALFORMED")
    if not judge(token.rpartition(b".")[0], signature):
        raise RefusedError("TOKEN_SIGNATURE_INVALID")
    members = json_object(payload)
    if members is None:
        raise RefusedError("TOKEN_CLAIMS_INVALID")
    return members


def _names_stranger(payload: str, trust: Trust) -> bool:
    octets = base64url(payload)
    members = None if octets is None else json_object(octets)
    issuer = None if members is None else members.get("iss")
    return isinstance(issuer, str) and issuer not in trust.issuers


def _judge(header: dict[str, object], trust: Trust) -> Judge:
    if "crit" in header or header.get("b64", True) is not True:
        raise RefusedError("TOKEN_CRITICAL_UNSUPPORTED")
    if not isinstance(header.get("alg"), str):
        raise RefusedError("TOKEN_HEADER_INVALID")
    typ = header.get("typ")
    if not isinstance(typ, str) or not typ.isascii():
        raise RefusedError("TOKEN_TYPE_UNACCEPTED")
    if re.sub(r"\Aapplication/", "", typ.lower()) not in trust.types:
        raise RefusedError("TOKEN_TYPE_UNACCEPTED")
    if "kid" not in header:
        if not trust.allow_missing_kid:
            raise RefusedError("TOKEN_KEY_UNKNOWN")
        (chosen,) = trust.keys.values()
    elif not isinstance(header["kid"], str):
        raise RefusedError("TOKEN_HEADER_INVALID")
    elif header["kid"] not in trust.keys:
        raise RefusedError("TOKEN_KEY_UNKNOWN")
    else:
        chosen = trust.keys[header["kid"]]
    if header["alg"] != chosen[0]:
        raise RefusedError("TOKEN_ALGORITHM_MISMATCH")
    return chosen[1]


def _check_types(members: dict[str, object]) -> None:
    for name in ("iss", "sub", "jti", "sid", "client_id"):
        required = name in ("iss", "sub")
        if (required or name in members) and not _is_name(members.get(name)):
            raise RefusedError("TOKEN_CLAIMS_INVALID")
    audiences = members.get("aud")
    audiences = [audiences] if isinstance(audiences, str) else audiences
    if not isinstance(audiences, list) or not all(isinstance(name, str) for name in audiences):
        raise RefusedError("TOKEN_CLAIMS_INVALID")
    scope = members.get("scope", "")
    if not all(isinstance(name, str) for name in (scope if isinstance(scope, list) else [scope])):
        raise RefusedError("TOKEN_CLAIMS_INVALID")
    if "exp" not in members:
        raise RefusedError("TOKEN_CLAIMS_INVALID")
    if None in _instants(members):
        raise RefusedError("TOKEN_CLAIMS_INVALID")


def _instants(members: dict[str, object]) -> list[int | None]:
    return [instant_ns(members.get(name, 0)) for name in ("exp", "nbf", "iat")]


def _admit(members: dict[str, Any], trust: Trust, now_ns: int, revoked: Revoked) -> None:
    if members["iss"] not in trust.issuers:
        raise RefusedError("TOKEN_ISSUER_UNTRUSTED")
    audiences = [members["aud"]] if isinstance(members["aud"], str) else members["aud"]
    if not set(audiences) & trust.audiences:
        raise RefusedError("TOKEN_AUDIENCE_MISMATCH")
    expires, begins, issued = _instants(members)
    leeway_ns = trust.leeway_s * NS_PER_S
    if now_ns >= expires + leeway_ns:
        raise RefusedError("TOKEN_EXPIRED")
    if now_ns < begins - leeway_ns:
        raise RefusedError("TOKEN_NOT_YET_VALID")
    if now_ns < issued - leeway_ns:
        raise RefusedError("TOKEN_ISSUED_IN_FUTURE")
    issuer = members["iss"]
    if (
        (issuer, members.get("sid")) in revoked.sessions
        or (issuer, members.get("jti")) in revoked.tokens
        or issued < revoked.subjects.get((issuer, members["sub"]), 0)
    ):
        raise RefusedError("TOKEN_REVOKED")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""


def instant_ns(value: object) -> int | None:
    """A NumericDate in nanoseconds, rounded as a double rounds and then cut to a whole number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not 0 <= value <= MAX_DATE_S:
        return None
    if isinstance(value, int):
        return value * NS_PER_S
    return math.floor(float(Fraction(value) * NS_PER_S))
