"""The audit log: nobody forges, floods, hides in or reads it who may not."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest

from blrcs.audit.checkpoint import PublicAuditKeys
from blrcs.audit.line import Line
from blrcs.audit.reading import AuditReader
from blrcs.audit.segments import FOLDER, KEY_FILE, chains_in, raw_lines, segments_in
from blrcs.audit.verification import Verification
from blrcs.domain.audit_event import AuditEvent
from blrcs.monitoring.log_values import escape
from blrcs.security.signing_keys import load_signing_key
from blrcs.v1 import access_pb2, audit_pb2, auth_pb2, record_pb2
from tests.attacks.hostile_keys import token
from tests.attacks.world import TEXT, World, collection, reason_in
from tests.e2e.workers import PASSWORD, Metadata, bearer, until

FORGERY = '"}\n{"hash":"0","kind":"call","principal":"users/admin","code":"OK"}\r\n\u2028\x1b[2J'
SIGNED = token({"alg": "EdDSA"}, {"sub": "x"}, lambda _: b"secret" * 10)
SIGN_IN = "/blrcs.v1.AuthService/SignIn"
GET_RECORD = "/blrcs.v1.RecordService/GetRecord"
LIST = "/blrcs.v1.AuditService/ListEvents"


def verified(world: World) -> None:
    """All that lies in the chains is as the server has written it."""
    keys = PublicAuditKeys.of_jwks(load_signing_key(world.data / KEY_FILE).jwks())
    assert Verification(world.data / FOLDER, keys).run().findings == []


@contextmanager
def recorded(world: World) -> Iterator[list[AuditEvent]]:
    """What is recorded while it is done, in this list once a call that is looked for is, too."""
    reader = AuditReader(world.data / FOLDER)

    def wait_for_all(seen: dict[str, int], mark: str) -> list[AuditEvent]:
        """What is told of refusals is written before what comes later, or with it."""
        request = audit_pb2.ListEventsRequest(parent="audit").SerializeToString()
        world.call(LIST, request, [*world.admin, ("x-request-id", mark)])
        until(lambda: any(each.text("request_id") == mark for each in reader.behind(seen)))
        return [each for each in reader.behind(seen) if each.text("request_id") != mark]

    events: list[AuditEvent] = []
    before = reader.ends()
    wait_for_all(before, f"before-{sum(before.values())}")
    seen = reader.ends()
    yield events
    events += wait_for_all(seen, f"after-{sum(seen.values())}")


def get_record(name: str) -> bytes:
    return record_pb2.GetRecordRequest(name=name).SerializeToString()


def test_nothing_that_a_stranger_sends_forges_a_record(attacked: World) -> None:
    sent: list[tuple[str, bytes, Metadata]] = [
        (
            SIGN_IN,
            auth_pb2.SignInRequest(user_id=FORGERY, password=FORGERY).SerializeToString(),
            [],
        ),
        (
            SIGN_IN,
            auth_pb2.SignInRequest(
                user_id="alice", password=FORGERY, display_name="\u2028\u0085\u202e"
            ).SerializeToString(),
            [("x-request-id", 'x"} {"principal":"users/admin'), ("x-request-id-bin", b"\n{}")],
        ),
        (GET_RECORD, get_record(FORGERY), attacked.mallory),
        (GET_RECORD, get_record("x"), [("authorization", f'Bearer {"{"}"a":1{"}"}')]),
    ]
    with recorded(attacked) as events:
        for each in sent:
            assert attacked.call(*each)[0] is not grpc.StatusCode.OK
    assert len(events) >= len(sent)
    for chain in chains_in(attacked.data / FOLDER):
        for segment in segments_in(chain):
            for raw in raw_lines(segment.path):
                assert Line.read(raw) is not None, raw
                assert raw.decode("ascii").removesuffix("\n").isprintable()
    for event in events:
        assert event.text("principal") != "users/admin"
        assert event.text("request_id") == ""
    verified(attacked)


def test_a_flood_of_refusals_is_counted_in_full(attacked: World) -> None:
    count = 500
    with recorded(attacked) as events:
        for _ in range(count):
            attacked.call(GET_RECORD, get_record("x"), [("authorization", "Bearer a.b.c")])
    refused = [each for each in events if each.text("method") == GET_RECORD]
    assert sum(each.values.get("count", 1) for each in refused) == count
    assert len(refused) < count
    verified(attacked)


def test_a_denial_names_who_what_and_from_where(attacked: World) -> None:
    name = f"{collection('alice')}/records/n1"
    with recorded(attacked) as events:
        attacked.call(GET_RECORD, get_record(name), attacked.mallory)
    (event,) = [each for each in events if each.text("method") == GET_RECORD]
    assert event.text("principal") == "users/mallory"
    assert event.text("resource") == name
    assert (event.text("code"), event.text("stage")) == ("PERMISSION_DENIED", "authorization")
    assert event.text("address") in ("127.0.0.1", "::1")


@pytest.mark.parametrize("kind", ["JWT", "at+jwt"])
@pytest.mark.parametrize(
    ("issuer", "told"),
    [
        ("https://login.example.com/", "https://login.example.com/"),
        (FORGERY, escape(FORGERY)),
        ("\ud800", ""),
        ("x" * 4000, f"{'x' * 256}…"),
        (f"of {SIGNED}", "of ********"),
        (f"{'x' * 200}{SIGNED}", f"{'x' * 200}********…"),
        (7, ""),
        ("", ""),
        (..., ""),
    ],
)
def test_an_unknown_issuer_is_told_and_steers_nobody(
    attacked: World, kind: str, issuer: object, told: str
) -> None:
    shown = token({"alg": "EdDSA", "kid": "k", "typ": kind}, {"iss": issuer}, lambda _: b"x" * 64)
    with recorded(attacked) as events:
        code, details, _, _ = attacked.call(GET_RECORD, get_record("x"), bearer(shown))
        assert code is grpc.StatusCode.UNAUTHENTICATED
        assert "issuer" not in details
    (event,) = [each for each in events if each.text("method") == GET_RECORD]
    assert event.text("issuer") == told
    assert not told or event.text("reason") == (
        "TOKEN_KEY_UNKNOWN" if kind == "at+jwt" else "TOKEN_ISSUER_UNKNOWN"
    )
    assert shown.rpartition(".")[2] not in event.line.decode("ascii")
    listed = audit_pb2.ListEventsRequest(parent="audit", method=GET_RECORD, page_size=1000)
    _, _, _, reply = attacked.call(LIST, listed.SerializeToString(), attacked.admin)
    last = audit_pb2.ListEventsResponse.FromString(reply).events[-1]
    assert (last.issuer, last.reason) == (told, event.text("reason"))
    verified(attacked)


def test_secrets_are_not_in_the_chains(attacked: World) -> None:
    wrong = "a wrong password that is a secret too"
    request = auth_pb2.SignInRequest(user_id="alice", password=wrong).SerializeToString()
    with recorded(attacked):
        attacked.call(SIGN_IN, request)
    kept = b"".join(
        segment.path.read_bytes()
        for chain in chains_in(attacked.data / FOLDER)
        for segment in segments_in(chain)
    ).decode()
    own = dict(attacked.alice)["authorization"].removeprefix("Bearer ")
    for secret in (wrong, PASSWORD, TEXT, own, own.rpartition(".")[2]):
        assert secret not in kept


def test_nobody_reads_the_log_of_what_is_not_theirs(unharmed: World) -> None:
    refusals = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED)
    own = ("tenants/mallory", "users/mallory")
    for parent in ("audit", "tenants", "tenants/alice", *own, "/", ""):
        request = audit_pb2.ListEventsRequest(parent=parent).SerializeToString()
        follow = audit_pb2.FollowEventsRequest(parent=parent).SerializeToString()
        for caller in (unharmed.mallory, ()):
            assert unharmed.call(LIST, request, caller)[0] in refusals
            stream = unharmed.channel.unary_stream("/blrcs.v1.AuditService/FollowEvents")
            with pytest.raises(grpc.RpcError) as refusal:
                next(stream(follow, metadata=caller, timeout=60))
            assert refusal.value.code() in refusals
    verify = audit_pb2.VerifyRequest().SerializeToString()
    for caller in (unharmed.mallory, ()):
        assert unharmed.call("/blrcs.v1.AuditService/Verify", verify, caller)[0] in refusals


def test_who_may_somewhere_is_told_that_no_parent_is_given(unharmed: World) -> None:
    follow = unharmed.channel.unary_stream("/blrcs.v1.AuditService/FollowEvents")
    with pytest.raises(grpc.RpcError) as refused:
        next(follow(b"", metadata=unharmed.admin, timeout=60))
    trailers = dict(refused.value.trailing_metadata())
    code, details, listed, _ = unharmed.call(LIST, b"", unharmed.admin)
    assert (code, details) == (grpc.StatusCode.INVALID_ARGUMENT, "parent names no resource")
    assert (refused.value.code(), refused.value.details()) == (code, details)
    for each in (trailers, listed):
        assert reason_in(each) == "REQUEST_INVALID"
    assert unharmed.call(LIST, b"", unharmed.mallory)[0] is grpc.StatusCode.PERMISSION_DENIED


def test_whoever_may_do_nothing_leaves_no_record_of_having_done_it(unharmed: World) -> None:
    request = access_pb2.CreateBindingRequest(
        binding_id="mine",
        binding={"role": "roles/administrator", "members": ["users/mallory"]},
    ).SerializeToString()
    with recorded(unharmed) as events:
        for caller in (unharmed.mallory, ()):
            unharmed.call("/blrcs.v1.AccessService/CreateBinding", request, caller)
    mine = [each for each in events if each.text("method").endswith("/CreateBinding")]
    assert {each.text("code") for each in mine} == {"PERMISSION_DENIED", "UNAUTHENTICATED"}
    assert {each.text("kind") for each in mine} == {"refused"}
