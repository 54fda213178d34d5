"""``blrcs new``: what it writes runs, and passes its own tests, as it is."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.e2e.server import ROOT, Server, blrcs, environment

TIMEOUT_S = 60
NAMES = ("notes", "my_orders2")
CREATE = "/notes.v1.NotesService/CreateItem"
LIST = "/notes.v1.NotesService/ListItems"

TEXTS = {".md", ".proto", ".py", ".toml"}

# The rules of the examples, for a folder that is a project of its own.
LINT = (
    "--config",
    str(ROOT / "pyproject.toml"),
    "--config",
    'lint.per-file-ignores={"**"=["D", "INP001", "S101", "ANN", "PLR2004", "N802", "ARG"]}',
)


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S * 3,
        check=False,
    )


@pytest.fixture(params=NAMES)
def any_project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    assert blrcs("new", request.param, cwd=tmp_path).returncode == 0
    return tmp_path / request.param


@pytest.fixture
def project(tmp_path: Path) -> Path:
    assert blrcs("new", "notes", cwd=tmp_path).returncode == 0
    return tmp_path / "notes"


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    started: list[Server] = []
    yield started
    for server in started:
        server.kill()


def test_it_says_what_to_type_next(tmp_path: Path) -> None:
    result = blrcs("new", "notes", cwd=tmp_path)
    assert result.returncode == 0
    assert "\n    cd notes\n    blrcs serve --service notes.service:register\n" in result.stdout
    assert "\n    python -m pytest\n" in result.stdout
    assert result.stderr == ""


def test_a_project_has_the_shape_of_the_example(project: Path) -> None:
    def shape(folder: Path, name: str) -> set[str]:
        files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        return {
            str(path).replace(name, "NAME")
            for path in files
            if not {"__pycache__", "v1", "data", ".pytest_cache"} & set(path.parts[:-1])
            or path.suffix == ".proto"
        }

    assert shape(project, "notes") - {"README.md"} == (
        shape(ROOT / "examples/orders", "orders") - {"README.md"}
    )
    assert (project / "README.md").exists()


def test_its_own_tests_pass(any_project: Path) -> None:
    result = run("pytest", "-q", "-W", "error", "-p", "no:cacheprovider", cwd=any_project)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "7 passed" in result.stdout


def test_its_own_tests_fail_when_a_policy_is_taken_away(project: Path) -> None:
    proto = project / "proto/notes/v1/notes.proto"
    text = proto.read_text()
    create, rest = text[: text.index("rpc GetItem")], text[text.index("rpc GetItem") :]
    start, end = create.index("      permission: {"), create.index("      limits: {")
    proto.write_text(f"{create[:start]}      public: true\n{create[end:]}{rest}")
    os.utime(proto, (2e9, 2e9))  # newer than what was made of it
    result = run("pytest", "-q", "-p", "no:cacheprovider", cwd=project)
    assert result.returncode == 1
    assert "test_without_a_token_nothing_is_created" in result.stdout


def test_it_is_formatted_and_breaks_no_rule(any_project: Path) -> None:
    written = [str(path) for path in any_project.rglob("*.py") if "v1" not in path.parts]
    assert len(written) == 4
    source = f'src=["{any_project}"]'
    checked = run("ruff", "check", *LINT, "--config", source, *written, cwd=any_project)
    assert checked.returncode == 0, checked.stdout
    formatted = run("ruff", "format", "--diff", *LINT, *written, cwd=any_project)
    assert formatted.returncode == 0, formatted.stdout
    texts = [path.read_text() for path in any_project.rglob("*.*") if path.suffix in TEXTS]
    assert not [text for text in texts if "{{" in text]


def test_its_contract_passes_buf_lint(any_project: Path) -> None:
    buf = Path(sys.executable).with_name("buf")
    made = blrcs("generate", "--descriptor-set", "all.binpb", cwd=any_project)
    assert made.returncode == 0, made.stderr
    result = subprocess.run(
        [buf, "lint", "all.binpb", "--config", ROOT / "buf.yaml", "--path", any_project.name],
        cwd=any_project,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def call(server: Server, method: str, *, token: str = "") -> grpc.StatusCode:
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    with grpc.insecure_channel(server.address) as channel:
        try:
            channel.unary_unary(method)(b"", metadata=metadata, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


def test_it_is_served_beside_the_built_in_services(project: Path, servers: list[Server]) -> None:
    from blrcs.v1 import auth_pb2, auth_pb2_grpc, user_pb2, user_pb2_grpc

    server = Server(project, ("--service", "notes.service:register"))
    servers.append(server)
    with grpc.insecure_channel(server.address) as channel:
        auth = auth_pb2_grpc.AuthServiceStub(channel)
        first = auth.SignIn(auth_pb2.SignInRequest(user_id="admin", password=server.password))
        user_pb2_grpc.UserServiceStub(channel).ChangePassword(
            user_pb2.ChangePasswordRequest(
                name="users/admin", old_password=server.password, new_password="correct horse"
            ),
            metadata=(("authorization", f"Bearer {first.tokens.access_token}"),),
        )
        again = auth.SignIn(auth_pb2.SignInRequest(user_id="admin", password="correct horse"))
    token = again.tokens.access_token
    assert call(server, LIST, token=token) is grpc.StatusCode.OK
    assert call(server, LIST) is grpc.StatusCode.UNAUTHENTICATED
    assert call(server, CREATE, token=token) is grpc.StatusCode.INVALID_ARGUMENT
    assert server.stop() == 0


def test_it_is_served_alone(project: Path, servers: list[Server]) -> None:
    server = Server(project, ("--service", "notes.service:register", "--no-builtin"))
    servers.append(server)
    with grpc.insecure_channel(server.address) as channel:
        reply = health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service="notes.v1.NotesService"), timeout=TIMEOUT_S
        )
    assert reply.status == health_pb2.HealthCheckResponse.SERVING
    assert call(server, LIST) is grpc.StatusCode.UNAUTHENTICATED
    assert call(server, "/blrcs.v1.AuthService/GetJwks") is grpc.StatusCode.UNIMPLEMENTED
    assert server.stop() == 0


def test_its_policies_are_listed(project: Path) -> None:
    arguments = ("--service", "notes.service:register", "--no-builtin", "--json")
    listed = json.loads(blrcs("policy", *arguments, cwd=project).stdout)
    accesses = {each["method"]: each["access"] for each in listed}
    assert accesses[LIST] == "authenticated"
    assert accesses[CREATE]["permission"] == "notes.create"


def test_a_proto_that_is_newer_than_its_code_is_told(project: Path) -> None:
    arguments = ("policy", "--service", "notes.service:register", "--no-builtin", "--json")
    assert blrcs(*arguments, cwd=project).stderr == ""
    os.utime(project / "proto/notes/v1/notes.proto", (2e9, 2e9))
    said = blrcs(*arguments, cwd=project)
    assert said.returncode == 0
    assert json.loads(said.stdout)
    warning = (
        "blrcs: proto/notes/v1/notes.proto is newer than the code made of it, which counts:"
        " `blrcs generate --python .` makes it anew\n"
    )
    assert said.stderr == warning
    port = ("--host", "192.0.2.1", "--port", "0")  # where it cannot start
    serving = blrcs("serve", *port, *arguments[1:-1], cwd=project)
    assert serving.stderr.startswith(warning)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Notes", "no name for a package"),
        ("my-notes", "no name for a package"),
        ("2notes", "no name for a package"),
        ("notes_", "no name for a package"),
        ("no/tes", "no name for a package"),
        ("", "no name for a package"),
        ("class", "no name for a package"),
        ("\x1b[2J", "no name for a package"),
        ("json", "the name of another module"),
        ("blrcs", "the name of another module"),
        ("tests", "the name of another module"),
    ],
)
def test_a_name_that_cannot_be_is_refused(name: str, problem: str, tmp_path: Path) -> None:
    result = blrcs("new", name, cwd=tmp_path)
    assert result.returncode == 1
    assert problem in result.stderr
    assert result.stderr.startswith("blrcs: ")
    assert result.stderr.count("\n") == 1
    assert "\x1b" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/mine.txt").touch()
    result = blrcs("new", "notes", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr == "blrcs: notes exists already, and is not an empty folder\n"
    assert [path.name for path in (tmp_path / "notes").iterdir()] == ["mine.txt"]


def test_another_folder_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = blrcs("new", "notes", "--directory", "empty", cwd=tmp_path)
    assert result.returncode == 0
    assert "cd empty\n" in result.stdout
    assert (tmp_path / "empty/notes/v1/notes_pb2.py").exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = blrcs("new", "notes", "--directory", "file/below", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr == "blrcs: file/below: Not a directory\n"
