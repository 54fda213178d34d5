"""What the audit log says of a session correlates calls, and is of no other use to who reads it."""

import base64

import grpc
import pytest
from google.protobuf.message import Message

from blrcs.v1 import auth_pb2
from tests.attacks.test_audit import recorded
from tests.attacks.world import VICTIM, World
from tests.e2e.workers import bearer, sign_in

AUTH = "/blrcs.v1.AuthService/"
GET_USER = "/blrcs.v1.UserService/GetUser"
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
DENIED = grpc.StatusCode.PERMISSION_DENIED


@pytest.fixture
def session(attacked: World) -> tuple[str, str]:
    """The name of one of the victim's sessions, as a record has it, and a token of it."""
    with recorded(attacked) as events:
        token = sign_in(attacked.channel, VICTIM)
        attacked.call(AUTH + "StepUp", b"", bearer(token))
    (seen,) = {each.text("session") for each in events if each.text("session")}
    return seen, token


def as_octets(message: Message) -> bytes:
    return message.SerializeToString()


def test_an_id_opens_no_session_and_ends_none(attacked: World, session: tuple[str, str]) -> None:
    seen, token = session
    name = f"users/{VICTIM}/sessions/{seen}"
    for text in (seen, name, base64.urlsafe_b64encode(seen.encode()).decode().rstrip("=")):
        assert attacked.call(GET_USER, b"", bearer(text))[0] is UNAUTHENTICATED
        refresh = as_octets(auth_pb2.RefreshRequest(refresh_token=text))
        assert attacked.call(AUTH + "Refresh", refresh)[0] is UNAUTHENTICATED
        answer = as_octets(auth_pb2.CompleteSignInRequest(challenge_token=text, totp_code="123456"))
        assert attacked.call(AUTH + "CompleteSignIn", answer)[0] is UNAUTHENTICATED
    revoke = as_octets(auth_pb2.RevokeSessionRequest(name=name))
    assert attacked.call(AUTH + "RevokeSession", revoke, attacked.mallory)[0] is DENIED
    assert attacked.call(AUTH + "RevokeSession", revoke)[0] is UNAUTHENTICATED
    own = as_octets(
        auth_pb2.ListSessionsRequest(parent=f"users/{VICTIM}", page_size=100, page_token=seen)
    )
    assert attacked.call(AUTH + "ListSessions", own, attacked.mallory)[0] is DENIED
    # It is as open as before to who has its token.
    code, _, _, reply = attacked.call(
        AUTH + "Introspect", as_octets(auth_pb2.IntrospectRequest(token=token)), attacked.admin
    )
    assert code is grpc.StatusCode.OK
    assert auth_pb2.IntrospectResponse.FromString(reply).session == name
