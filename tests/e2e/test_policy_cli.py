"""``blrcs policy`` as an operator types it."""

import json
from pathlib import Path

import grpc
import pytest

from blrcs.v1 import (
    access_pb2,
    access_pb2_grpc,
    auth_pb2,
    auth_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)
from tests.e2e.conftest import Start
from tests.e2e.gate import PING, REGISTER, write_gate
from tests.e2e.server import Server, blrcs

LIST_USERS = "/blrcs.v1.UserService/ListUsers"
GET_USER = "/blrcs.v1.UserService/GetUser"


def output(*arguments: str | Path, cwd: Path, **environ: str) -> str:
    """What a command that succeeds prints."""
    result = blrcs("policy", *arguments, cwd=cwd, environ=environ)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def refusal(*arguments: str | Path, cwd: Path) -> str:
    """The one line of a command that fails."""
    result = blrcs("policy", *arguments, cwd=cwd)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def rows(text: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in text.splitlines()}


def stages(text: str) -> dict[str, dict]:
    return {stage["stage"]: stage for stage in json.loads(text)["stages"]}


def test_every_method_has_a_row(tmp_path: Path) -> None:
    found = rows(output(cwd=tmp_path))
    assert found["method"][:2] == ["access", "resource"]
    assert found[LIST_USERS] == ["blrcs.users.list", "users", "refusals", "critical", "yes"]
    assert found["/grpc.health.v1.Health/Check"] == ["public", "refusals", "critical", "no"]
    assert not (tmp_path / "data").exists()


def test_overrides_of_the_configuration_are_in_effect(tmp_path: Path) -> None:
    (tmp_path / "blrcs.toml").write_text(
        f'[guards]\nshadow = ["validation"]\n[policies."{LIST_USERS}"]\naudit = "request"\n'
    )
    assert rows(output(cwd=tmp_path))[LIST_USERS][2:4] == ["request", "validation"]
    variable = {"BLRCS_GUARDS__SHADOW": '["authorization"]'}
    assert rows(output(cwd=tmp_path, **variable))[LIST_USERS][3] == "authorization"


def test_a_service_of_a_users_own_is_listed_beside_or_alone(tmp_path: Path) -> None:
    write_gate(tmp_path)
    beside = json.loads(output("--service", REGISTER, "--json", cwd=tmp_path))
    alone = json.loads(output("--service", REGISTER, "--no-builtin", "--json", cwd=tmp_path))
    assert {PING, LIST_USERS} <= {each["method"] for each in beside}
    assert [each["method"] for each in alone if not each["method"].startswith("/grpc.")] == [
        "/gate.v1.GateService/Pass",
        PING,
    ]
    assert {each["access"] for each in alone} == {"public"}


@pytest.mark.parametrize("name", [LIST_USERS, LIST_USERS[1:], LIST_USERS[1:].replace("/", ".")])
def test_a_method_can_be_written_in_three_ways(name: str, tmp_path: Path) -> None:
    text = output("explain", name, cwd=tmp_path)
    assert text.startswith(f"{LIST_USERS} as nobody\n")
    assert text.endswith("\nThe call is rejected with UNAUTHENTICATED by authentication.\n")


@pytest.mark.parametrize("name", ["blrcs.v1.UserService/ListUser", "ListUsers"])
def test_an_unknown_method_is_one_line_with_what_may_be_meant(name: str, tmp_path: Path) -> None:
    said = refusal("explain", name, cwd=tmp_path)
    assert said.startswith(f"blrcs: there is no method {name!r}; is one of these meant: ")
    assert LIST_USERS in said


def test_roles_are_read_while_a_server_runs_and_after_it(start: Start, tmp_path: Path) -> None:
    server = start()
    assert server.password
    arguments = ("explain", GET_USER, "--as", "users/admin", "--json")
    request = ("--request", '{"name": "users/bob"}')

    def check() -> None:
        found = stages(output(*arguments, *request, cwd=tmp_path))
        assert found["authentication"]["code"] == "FAILED_PRECONDITION"
        assert found["authorization"]["decision"] == "admits"
        assert "roles/administrator to users/admin" in found["authorization"]["reasons"][1]
        nobody = stages(output("explain", GET_USER, "--as", "users/x", "--json", cwd=tmp_path))
        assert "no account users/x" in nobody["authentication"]["reasons"][0]

    check()
    # Nothing of it has got into the server's way.
    assert blrcs("health", server.address, cwd=tmp_path).stdout == "SERVING\n"
    assert server.stop() == 0
    check()
    assert start().address


def administrator(server: Server) -> tuple[tuple[str, str], ...]:
    """Metadata of the administrator, after it has chosen a password."""
    with grpc.insecure_channel(server.address) as channel:
        auth = auth_pb2_grpc.AuthServiceStub(channel)
        once = auth.SignIn(auth_pb2.SignInRequest(user_id="admin", password=server.password))
        user_pb2_grpc.UserServiceStub(channel).ChangePassword(
            user_pb2.ChangePasswordRequest(
                name="users/admin", old_password=server.password, new_password="correct horse"
            ),
            metadata=bearer(once.tokens),
        )
        again = auth.SignIn(auth_pb2.SignInRequest(user_id="admin", password="correct horse"))
    return bearer(again.tokens)


def bearer(tokens: auth_pb2.Tokens) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {tokens.access_token}"),)


def test_a_role_that_was_bound_a_moment_ago_counts(start: Start, tmp_path: Path) -> None:
    server = start()
    metadata = administrator(server)
    explain = ("explain", LIST_USERS, "--as", "users/bob", "--json")
    with grpc.insecure_channel(server.address) as channel:
        user_pb2_grpc.UserServiceStub(channel).CreateUser(
            user_pb2.CreateUserRequest(
                user_id="bob", user=user_pb2.User(), password="correct horse"
            ),
            metadata=metadata,
        )
        before = stages(output(*explain, cwd=tmp_path))["authorization"]
        binding = access_pb2.Binding(role="roles/viewer", members=["users/bob"], resource="users")
        access_pb2_grpc.AccessServiceStub(channel).CreateBinding(
            access_pb2.CreateBindingRequest(binding=binding), metadata=metadata
        )
        after = stages(output(*explain, cwd=tmp_path))["authorization"]
    assert (before["decision"], after["decision"]) == ("rejects", "admits")
    assert "on users" in after["reasons"][1]


def test_the_data_directory_can_be_named(start: Start, tmp_path: Path) -> None:
    assert start("--data", "elsewhere").address
    arguments = ("explain", LIST_USERS, "--as", "users/admin")
    assert "users/admin must change" in output(*arguments, "--data", "elsewhere", cwd=tmp_path)
    said = refusal(*arguments, cwd=tmp_path)
    assert said == "blrcs: data/blrcs.db: there is no database; name its folder by --data\n"
    assert not (tmp_path / "data").exists()


def test_a_database_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/blrcs.db").write_text("not a database " * 100)
    assert "is damaged or not a database" in refusal(
        "explain", LIST_USERS, "--as", "users/admin", cwd=tmp_path
    )


def test_a_request_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    for wrong in ("{", '{"no_such_field": 1}', "[]", "null", "[" * 100_000):
        said = refusal("explain", GET_USER, "--request", wrong, cwd=tmp_path)
        assert said.startswith("blrcs: --request is no blrcs.v1.GetUserRequest: ")


def test_a_request_and_a_resource_exclude_each_other(tmp_path: Path) -> None:
    result = blrcs(
        "policy", "explain", GET_USER, "--request", "{}", "--resource", "users", cwd=tmp_path
    )
    assert result.returncode == 2
    assert "exclude each other" in result.stderr


def test_a_disabled_method_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "blrcs.toml").write_text(f'[policies."{GET_USER}"]\ndisabled = true\n')
    assert "is disabled by the configuration" in refusal("explain", GET_USER, cwd=tmp_path)
    assert rows(output(cwd=tmp_path))[GET_USER] == ["disabled"]
