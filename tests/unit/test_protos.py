"""A project's own protos, compiled where it begins."""

import os
import tempfile
from pathlib import Path

import pytest

from blrcs.protos import ProtoCompilationError, compile_project, outdated_proto


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        source = tmp_path / "proto" / name / "v1" / f"{name}.proto"
        source.parent.mkdir(parents=True)
        source.write_text(
            f'syntax = "proto3";\npackage {name}.v1;\nmessage Asked {{}}\n'
            "service Greeter { rpc Greet(Asked) returns (Asked); }\n"
        )
    return tmp_path


def test_what_tells_others_that_all_is_there_comes_last(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[str] = []
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        moved.append(self.name)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    # The worst order in which a folder may be read.
    rglob = Path.rglob
    monkeypatch.setattr(
        Path,
        "rglob",
        lambda self, pattern: sorted(
            rglob(self, pattern), key=lambda each: not each.name.endswith("_pb2.py")
        ),
    )
    compile_project(project)
    assert sorted(moved[-2:]) == ["one_pb2.py", "two_pb2.py"]
    assert {"one_pb2_grpc.py", "two_pb2_grpc.py", "one_pb2.pyi"} < set(moved[:-2])
    moved.clear()
    compile_project(project)
    assert moved == []


def test_a_project_that_cannot_be_written_to(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> str:
        raise PermissionError(13, os.strerror(13), str(project / ".made-x"))

    monkeypatch.setattr(tempfile, "mkdtemp", refused)
    with pytest.raises(ProtoCompilationError, match=r"\.made-x: Permission denied"):
        compile_project(project)


def test_no_protos_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProtoCompilationError, match=r"there is no \.proto file"):
        compile_project(tmp_path)


def test_what_is_newer_than_the_code_made_of_it_is_outdated(project: Path) -> None:
    source = project / "proto/two/v1/two.proto"
    assert outdated_proto(project) is None  # nothing has been made yet
    compile_project(project)
    assert outdated_proto(project) is None
    made = (project / "two/v1/two_pb2.py").stat().st_mtime
    os.utime(source, (made + 1, made + 1))  # as a checkout of both may leave them
    assert outdated_proto(project) is None
    os.utime(source, (2e9, 2e9))
    assert outdated_proto(project) == source


def test_a_folder_without_protos_has_none_outdated(tmp_path: Path) -> None:
    assert outdated_proto(tmp_path) is None
