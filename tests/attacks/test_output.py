"""What a server tells: no secrets, no insides, and no line that a stranger wrote."""

import json

import grpc

from blrcs.v1 import auth_pb2, record_pb2
from tests.attacks.world import TEXT, World, collection
from tests.e2e.workers import PASSWORD, until

FORGERY = 'x"}\n{"event": "audit", "principal": "users/admin", "code": "OK"}\r\n\x1b[2Jx'


def test_no_line_of_the_log_is_forged_by_what_a_stranger_sends(attacked: World) -> None:
    before = len(attacked.server.stderr.splitlines())
    for user, metadata in ((FORGERY, ()), ("alice", [("user-agent-bin", FORGERY.encode())])):
        attacked.call(
            "/blrcs.v1.AuthService/SignIn",
            auth_pb2.SignInRequest(user_id=user, password=FORGERY).SerializeToString(),
            metadata,
        )
    attacked.call(
        "/blrcs.v1.RecordService/GetRecord",
        record_pb2.GetRecordRequest(name=FORGERY).SerializeToString(),
        attacked.mallory,
    )
    until(lambda: len(attacked.server.stderr.splitlines()) >= before + 2)  # two were refused
    for line in attacked.server.stderr.splitlines()[before:]:
        values = json.loads(line)  # each line is one event, as the program writes it
        assert values.get("principal") != "users/admin", line
        assert line.isprintable(), line


def test_secrets_are_not_in_the_log(attacked: World) -> None:
    wrong = "a wrong password that is a secret too"
    attacked.call(
        "/blrcs.v1.AuthService/SignIn",
        auth_pb2.SignInRequest(user_id="alice", password=wrong).SerializeToString(),
    )
    record = f"{collection('alice')}/records/n1"
    for metadata in (attacked.alice, attacked.mallory):
        attacked.call(
            "/blrcs.v1.RecordService/GetRecord",
            record_pb2.GetRecordRequest(name=record).SerializeToString(),
            metadata,
        )
    told = attacked.server.stderr + attacked.server.stdout
    token = dict(attacked.alice)["authorization"].removeprefix("Bearer ")
    for secret in (wrong, PASSWORD, TEXT, token, token.rpartition(".")[2]):
        assert secret not in told


def test_who_may_not_see_learns_not_even_whether_it_is_there(attacked: World) -> None:
    answers = {
        attacked.call(
            "/blrcs.v1.RecordService/GetRecord",
            record_pb2.GetRecordRequest(
                name=f"{collection('alice')}/records/{name}"
            ).SerializeToString(),
            attacked.mallory,
        )[:2]
        for name in ("n1", "nothing", "n1-")
    }
    assert len(answers) == 1
    assert answers.pop()[0] is grpc.StatusCode.PERMISSION_DENIED


def test_an_unknown_user_and_a_wrong_password_get_one_answer(attacked: World) -> None:
    answers = {
        attacked.call(
            "/blrcs.v1.AuthService/SignIn",
            auth_pb2.SignInRequest(user_id=user, password="wrong password").SerializeToString(),
        )[:2]
        for user in ("alice", "nobody-of-this-name")
    }
    assert len(answers) == 1
