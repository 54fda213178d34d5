"""The wheel, as pip builds and installs it.

What the checkout has compiled already is handed to the build, which compiles again only what is
older than its source. With nothing to compile it takes seconds, with all of it a minute or two.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("MANIFEST.in", "LICENSE", "README.md", "pyproject.toml", "setup.py")
BUILT = f"build/lib.{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
EXTENSION_SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")

PROTO = """
syntax = "proto3";
package shop.v1;
import "blrcs/v1/policy.proto";
import "buf/validate/validate.proto";
import "google/api/annotations.proto";
message GetItemRequest { string item_id = 1 [(buf.validate.field).string.max_len = 64]; }
service ShopService {
  rpc GetItem(GetItemRequest) returns (GetItemRequest) {
    option (google.api.http) = {get: "/v1/items/{item_id}"};
    option (blrcs.v1.policy) = {public: true};
  }
}
"""


def run(*command, cwd, **environ):
    done = subprocess.run(
        command,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def copy_sources(folder):
    """The sources, without what is generated; with compiled modules where a build looks for them.

    Times are kept, by which the build tells what it has to compile.
    """
    for name in SOURCES:
        shutil.copy2(ROOT / name, folder)
    ignored = shutil.ignore_patterns("__pycache__", "v1", "*.so", "*.egg-info")
    shutil.copytree(ROOT / "blrcs", folder / "blrcs", ignore=ignored)
    shutil.copytree(ROOT / "_native", folder / "_native", ignore=ignored)
    shutil.copytree(ROOT / "proto", folder / "proto")
    for module in (ROOT / "_native/blrcs_native").rglob(f"*{EXTENSION_SUFFIX}"):
        place = folder / BUILT / module.relative_to(ROOT / "_native")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(module, place)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    sources = tmp_path_factory.mktemp("sources")
    copy_sources(sources)
    out = tmp_path_factory.mktemp("wheel")
    options = ("--no-deps", "--no-build-isolation", "--no-index", f"--wheel-dir={out}")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", *options, ".", cwd=sources)
    (built,) = out.glob("blrcs-*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Runs Python, with the installed wheel, in a folder that has nothing else."""
    target = tmp_path_factory.mktemp("installed")
    options = ("--quiet", "--no-deps", "--no-index", f"--target={target}")
    run(sys.executable, "-m", "pip", "install", *options, str(wheel), cwd=target)
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def python(*arguments):
        return run(sys.executable, *arguments, cwd=elsewhere, PYTHONPATH=str(target))

    python.target = target
    python.folder = elsewhere
    return python


def below(folder, root=ROOT):
    """What git would keep, by the name that it has in the wheel."""
    return {
        path.relative_to(root).as_posix()
        for path in (root / folder).rglob("*")
        if path.is_file()
        and not path.match("__pycache__/*")
        and path.suffix not in {".c", ".html", ".so"}
        and "v1" not in path.relative_to(root).parts[1:2]
    }


def test_every_file_of_the_package_is_in_the_wheel(names):
    expected = below("blrcs")
    assert "blrcs/database/migrations/versions/0001_initial.py" in expected
    assert any(name.startswith("blrcs/cli/template/") for name in expected)
    assert sorted(expected - names) == []


def test_the_contract_and_what_is_generated_from_it_are_in_the_wheel(names):
    expected = {"blrcs/v1/__init__.py", "buf/validate/validate_pb2.py"}
    for path in (ROOT / "proto/blrcs/v1").glob("*.proto"):
        stem = f"blrcs/v1/{path.stem}"
        endings = (".proto", "_pb2.py", "_pb2.pyi", "_pb2_grpc.py")
        expected.update(f"{stem}{ending}" for ending in endings)
    assert len(expected) > 2
    assert sorted(expected - names) == []


def test_the_native_core_is_in_the_wheel_compiled_and_typed(names):
    modules = (ROOT / "_native/blrcs_native").rglob("*.pyx")
    expected = {
        f"{path.relative_to(ROOT / '_native').with_suffix('').as_posix()}{EXTENSION_SUFFIX}"
        for path in modules
    }
    expected |= below("blrcs_native", ROOT / "_native")
    assert "blrcs_native/calls/call.pyi" in expected
    assert "blrcs_native/py.typed" in expected
    assert sorted(expected - names) == []


def test_nothing_of_the_build_or_the_tests_is_in_the_wheel(names):
    roots = {name.partition("/")[0] for name in names}
    assert {root for root in roots if not root.endswith(".dist-info")} == {
        "blrcs",
        "blrcs_native",
        "buf",
    }
    assert [name for name in names if name.endswith((".c", ".html", ".pyc"))] == []


def test_the_server_can_be_imported_from_it(installed):
    program = (
        "import blrcs.app, blrcs_native.calls.call, buf.validate.validate_pb2 as validate\n"
        "for module in (blrcs.app, blrcs_native.calls.call, validate): print(module.__file__)"
    )
    files = [Path(line) for line in installed("-c", program).splitlines()]
    assert len(files) == 3
    assert [file for file in files if not file.is_relative_to(installed.target)] == []


def test_it_compiles_the_protos_of_users(installed):
    source = installed.folder / "proto/shop/v1/shop.proto"
    source.parent.mkdir(parents=True)
    source.write_text(PROTO)
    installed("-m", "blrcs", "generate", "--python", "made")
    installed("-c", "import sys; sys.path.append('made'); import shop.v1.shop_pb2_grpc")


def test_it_brings_the_template_of_new_projects(installed):
    installed("-m", "blrcs", "new", "shelf")
    assert list((installed.folder / "shelf").rglob("*.proto"))
