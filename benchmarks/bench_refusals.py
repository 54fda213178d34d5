"""Calls that a real ``blrcs serve`` refuses, on one core: what an attacker costs.

Each kind of refusal is flooded by itself over real sockets, beside a call that is admitted and
answered natively (``CacheService.Get``). Forged signatures come as one token sent again and again,
and as tokens that are all different: with a bound on what is verified, as it is by default, and
without. The audit log and the metrics are on, as they are by default. Before and after the load
every call is seen to end with its code.
"""

import base64
import json
import secrets
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import grpc
from blrcs_server import Metadata, bearer, serving
from harness import Claim, Report, main, versions
from load import CONNECTIONS, STREAMS, Load, generator
from measured_load import Subject, loaded, measure
from server_process import cores
from varied_load import VariedLoad

from blrcs.v1 import auth_pb2, auth_pb2_grpc, cache_pb2, cache_pb2_grpc, user_pb2, user_pb2_grpc

GET = "/blrcs.v1.CacheService/Get"
DELETE = "/blrcs.v1.CacheService/Delete"
STATS = "/blrcs.v1.CacheService/Stats"
LIST = "/blrcs.v1.UserService/ListUsers"
REQUEST = cache_pb2.GetRequest(namespace="bench", key="greeting")
FIRST_PASSWORD = "a first password of eve"
PASSWORD = "another password of eve"
ADMITTED = "CacheService.Get, admitted"
FORGED = "a forged signature"
ALL_FORGED = "forged signatures, none twice"
ALL_VERIFIED = "forged signatures, none twice, all verified"
ASKED_PER_S = 100_000
POLICIES = {
    GET: {"limits": []},
    LIST: {"limits": []},
    DELETE: {"limits": [], "addresses": {"allow": ["10.0.0.0/8"]}},
    STATS: {"limits": [{"key": "address", "requests": 1, "period": "1d"}]},
}
Refusal = tuple[str, bytes, Metadata, grpc.StatusCode]


def refusals(channel: grpc.Channel, metadata: Metadata) -> dict[str, Refusal]:
    """By name: a method, a request, its metadata, and how the call has to end."""
    token = dict(metadata)["authorization"]
    head, payload, signature = token.split(".")
    unfit = ".".join((head, payload, signature[::-1]))
    # A well formed one has to be verified: it is another point, and the number is in its range.
    other = "A" if signature[0] != "A" else "B"
    forged = ".".join((head, payload, other + signature[1:]))
    request = REQUEST.SerializeToString()
    return {
        "no token": (GET, request, (), grpc.StatusCode.UNAUTHENTICATED),
        "a token that is none": (
            GET,
            request,
            (("authorization", "Bearer x.y.z"),),
            grpc.StatusCode.UNAUTHENTICATED,
        ),
        "a signature that cannot be one": (
            GET,
            request,
            (("authorization", unfit),),
            grpc.StatusCode.UNAUTHENTICATED,
        ),
        FORGED: (
            GET,
            request,
            (("authorization", forged),),
            grpc.StatusCode.UNAUTHENTICATED,
        ),
        "over the limit": (
            STATS,
            cache_pb2.StatsRequest(namespace="bench").SerializeToString(),
            metadata,
            grpc.StatusCode.RESOURCE_EXHAUSTED,
        ),
        "an address that is not served": (
            DELETE,
            cache_pb2.DeleteRequest(namespace="bench", key="greeting").SerializeToString(),
            metadata,
            grpc.StatusCode.PERMISSION_DENIED,
        ),
        "no permission anywhere": (
            LIST,
            b"",
            stranger(channel, metadata),
            grpc.StatusCode.PERMISSION_DENIED,
        ),
    }


def stranger(channel: grpc.Channel, administrator: Metadata) -> Metadata:
    """A user who may do nothing."""
    users = user_pb2_grpc.UserServiceStub(channel)
    users.CreateUser(
        user_pb2.CreateUserRequest(user_id="eve", user={}, password=FIRST_PASSWORD),
        metadata=administrator,
    )
    auth = auth_pb2_grpc.AuthServiceStub(channel)
    signed_in = auth.SignIn(auth_pb2.SignInRequest(user_id="eve", password=FIRST_PASSWORD))
    users.ChangePassword(
        user_pb2.ChangePasswordRequest(
            name="users/eve", old_password=FIRST_PASSWORD, new_password=PASSWORD
        ),
        metadata=bearer(signed_in.tokens),
    )
    again = auth.SignIn(auth_pb2.SignInRequest(user_id="eve", password=PASSWORD))
    return bearer(again.tokens)


def check(channel: grpc.Channel, refusals: Sequence[Refusal]) -> None:
    for method, request, metadata, code in refusals:
        found = ending(channel.unary_unary(method), request, metadata)
        assert found is code, (method, found)


def ending(
    method: grpc.UnaryUnaryMultiCallable, request: bytes, metadata: Metadata
) -> grpc.StatusCode:
    try:
        method(request, metadata=metadata)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def run(rounds: int) -> Report:
    server_core, load_core = cores()
    subjects: dict[str, Subject] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server, channel, metadata = stack.enter_context(
            serving(
                folder / "server",
                server_core,
                ("--workers", "1"),
                {"BLRCS_POLICIES": json.dumps(POLICIES)},
            )
        )
        cache = cache_pb2_grpc.CacheServiceStub(channel)
        cache.Set(
            cache_pb2.SetRequest(namespace="bench", key="greeting", value=b"0123456789abcdef"),
            metadata=metadata,
        )
        reply = cache.Get(REQUEST, metadata=metadata).SerializeToString()
        cache.Stats(cache_pb2.StatsRequest(namespace="bench"), metadata=metadata)  # the one allowed
        found = refusals(channel, metadata)

        def load(method: str, request: bytes, metadata: Metadata, reply: bytes | None) -> Load:
            return Load(
                port=server.port,
                method=method,
                metadata=metadata,
                request=request,
                reply=reply,
                core=load_core,
                refused=reply is None,
            )

        subjects[ADMITTED] = loaded(
            server.pid, load(GET, REQUEST.SerializeToString(), metadata, reply)
        )
        for name, (method, request, own, _) in found.items():
            subjects[name] = loaded(server.pid, load(method, request, own, None))
        get = load(GET, REQUEST.SerializeToString(), metadata, None)
        subjects[ALL_FORGED] = all_forged(server.pid, get)
        unbounded, _, own = stack.enter_context(
            serving(
                folder / "unbounded",
                server_core,
                ("--workers", "1"),
                {
                    "BLRCS_POLICIES": json.dumps(POLICIES),
                    "BLRCS_AUTH__FAILED_TOKENS_PER_ADDRESS": "0",
                },
            )
        )
        subjects[ALL_VERIFIED] = all_forged(
            unbounded.pid, replace(get, port=unbounded.port, metadata=own)
        )
        check(channel, list(found.values()))
        measure(subjects, rounds, folder)
        check(channel, list(found.values()))
    return report_of(subjects)


def all_forged(pid: int, load: Load) -> Subject:
    """The calls of a load with signatures that are forged, and never the same."""
    message, _, _ = dict(load.metadata)["authorization"].rpartition(".")

    def vary() -> bytes:
        # Zero at its end, so that its number is in the range of what must be verified.
        forged = base64.urlsafe_b64encode(secrets.token_bytes(63) + b"\0").rstrip(b"=")
        return message.encode() + b"." + forged

    varied = VariedLoad(load, b"authorization", vary)
    return Subject((pid,), CONNECTIONS * STREAMS, varied.run)


def report_of(subjects: dict[str, Subject]) -> Report:
    timings = {f"{name}: processor time": each.cpu for name, each in subjects.items()}
    timings |= {f"{name}: time between replies": each.wall for name, each in subjects.items()}
    report = Report(
        f"calls that blrcs serve refuses, load by {generator()}", timings, peers=versions("grpcio")
    )
    for name, subject in subjects.items():
        per_s = 1e9 / subject.wall.median_ns
        asked = {} if name in (ADMITTED, ALL_VERIFIED) else {"at_least": ASKED_PER_S}
        report.claims.append(Claim(f"{name}: calls per second", per_s, **asked))
    return report


if __name__ == "__main__":
    main(run)
