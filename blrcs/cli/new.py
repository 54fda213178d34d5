"""``blrcs new``: writes a project that serves, and passes its own tests, as it is."""

import keyword
import re
import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from blrcs.cli.exit import fail
from blrcs.monitoring.log_values import escape
from blrcs.protos import ProtoCompilationError, compile_project

TEMPLATE = {
    ".gitignore": "gitignore",
    "README.md": "README.md",
    "conftest.py": "conftest.py",
    "pyproject.toml": "pyproject.toml",
    "proto/{{name}}/v1/{{name}}.proto": "service.proto",
    "{{name}}/__init__.py": "package.py",
    "{{name}}/service.py": "service.py",
    "tests/test_{{name}}.py": "test_service.py",
}
"""Files of a project, by path, and what they are made of."""

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", re.ASCII)
TAKEN = sys.stdlib_module_names | {
    "blrcs",
    "blrcs_native",
    "buf",
    "conftest",
    "google",
    "grpc",
    "proto",
    "pytest",
    "tests",
}
"""Names of modules that a project's own package would hide, or be hidden by."""


def new(
    name: Annotated[str, typer.Argument(help="The package's name, such as orders.")],
    directory: Annotated[
        Path | None, typer.Option(help="Where to write it; by default ./NAME.")
    ] = None,
) -> None:
    """Write a new project: a service with policies, its handlers and tests."""
    if problem := _problem_of(name):
        fail(f"{escape(name)!r} {problem}")
    project = Path(name) if directory is None else directory
    try:
        if project.exists() and (not project.is_dir() or any(project.iterdir())):
            fail(f"{escape(str(project))} exists already, and is not an empty folder")
        for path, text in render(name).items():
            target = project / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        compile_project(project)
    except OSError as error:
        fail(f"{escape(str(error.filename or project))}: {error.strerror}")
    except ProtoCompilationError as error:
        fail(escape(str(error)))
    typer.echo(
        f"Wrote {project}. Next:\n\n"
        f"    cd {project}\n"
        f"    blrcs serve --service {name}.service:register\n\n"
        "and, to test it:\n\n"
        "    python -m pytest\n"
    )


def render(name: str) -> dict[str, str]:
    """The texts of a project's files, by path."""
    values = {"{{name}}": name, "{{service}}": f"{_camel(name)}Service"}
    folder = files("blrcs.cli") / "template"
    return {
        _filled(path, values): _filled((folder / f"{source}.tmpl").read_text(), values)
        for path, source in TEMPLATE.items()
    }


def _problem_of(name: str) -> str:
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        return "is no name for a package: use lower-case letters, digits and _, such as my_orders"
    return "is the name of another module" if name in TAKEN else ""


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _filled(text: str, values: dict[str, str]) -> str:
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text
