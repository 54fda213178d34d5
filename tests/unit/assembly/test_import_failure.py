"""What is told of a service whose module cannot be imported."""

import sys
from pathlib import Path

import pytest

from blrcs.assembly.services import ServiceLoadError, load_service

NEEDS_GENERATED = "from {name}.v1 import {name}_pb2\n\n\ndef register(server):\n    pass\n"


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Path:
    """A folder with a package of its own name, and the proto that it is to be compiled from."""
    name = f"service_of_{abs(hash(request.node.nodeid))}"
    folder = tmp_path / name
    (folder / name).mkdir(parents=True)
    (folder / "proto" / name / "v1").mkdir(parents=True)
    (folder / "proto" / name / "v1" / f"{name}.proto").touch()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return folder


def said(reference: str) -> str:
    with pytest.raises(ServiceLoadError) as caught:
        load_service(reference)
    return str(caught.value)


@pytest.mark.parametrize("folder_is_there", [False, True])
def test_what_is_to_be_generated_is_told(project: Path, *, folder_is_there: bool) -> None:
    name = project.name
    (project / name / "service.py").write_text(NEEDS_GENERATED.format(name=name))
    if folder_is_there:
        (project / name / "v1").mkdir()
    told = said(f"{name}.service:register")
    assert told.startswith(f"service {name}.service:register: ")
    assert told.endswith(": compile its protos first, by `blrcs generate --python .`")


def test_a_generated_module_may_be_named_as_a_whole(project: Path) -> None:
    name = project.name
    (project / name / "v1").mkdir()
    (project / name / "service.py").write_text(f"import {name}.v1.{name}_pb2_grpc\n")
    assert "compile its protos first" in said(f"{name}.service:register")


def test_a_module_that_is_nowhere_is_told_with_the_folder(project: Path) -> None:
    assert said("nowhere_at_all.service:register") == (
        "service nowhere_at_all.service:register: No module named 'nowhere_at_all':"
        f" it is not below {project}, and not installed"
    )


def test_a_module_that_another_lacks_is_named_alone(project: Path) -> None:
    (project / project.name / "service.py").write_text("import nowhere_at_all\n")
    reference = f"{project.name}.service:register"
    assert said(reference) == f"service {reference}: No module named 'nowhere_at_all'"


def test_a_syntax_error_is_told_with_its_line(project: Path) -> None:
    source = project / project.name / "service.py"
    source.write_text("import sys\n\n\ndef register(:\n")
    reference = f"{project.name}.service:register"
    assert said(reference) == f"service {reference}: SyntaxError: invalid syntax ({source}:4)"
