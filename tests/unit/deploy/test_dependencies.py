"""What is installed is locked, and told of."""

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]
LOCKS = ROOT / "deploy/requirements"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS = PYPROJECT["dependency-groups"]
DECLARED = {
    "build": PYPROJECT["build-system"]["requires"],
    "run": PYPROJECT["project"]["dependencies"],
    "test": [*GROUPS["test"], *GROUPS["check"]],
    "bench": GROUPS["bench"],
}
ADVISORY = {"id": "GHSA-x", "fix_versions": ["1.1", "2.0"]}
UNMENDED = {"id": "GHSA-y", "fix_versions": []}


def locked(name):
    """The requirements of a lock, each with its hashes."""
    text = (LOCKS / f"{name}.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(Requirement(line.split("--hash")[0]), line.count("--hash=sha256:")) for line in lines]


def versions(name):
    """By package, those that this Python gets."""
    return {
        requirement.name: next(iter(requirement.specifier)).version
        for requirement, _ in locked(name)
        if requirement.marker is None or requirement.marker.evaluate(default_environment())
    }


@pytest.mark.parametrize("name", DECLARED)
def test_everything_declared_is_locked_at_a_version_that_will_do(name):
    found = {re.sub(r"[-_.]+", "-", each).lower(): at for each, at in versions(name).items()}
    for text in DECLARED[name]:
        requirement = Requirement(text)
        version = found.get(re.sub(r"[-_.]+", "-", requirement.name).lower())
        assert version, f"{text} is not locked: make lock"
        assert version in requirement.specifier, f"{text} is locked at {version}: make lock"


@pytest.mark.parametrize("name", DECLARED)
def test_every_package_has_one_version_and_hashes(name):
    for requirement, hashes in locked(name):
        assert [each.operator for each in requirement.specifier] == ["=="], str(requirement)
        assert hashes, str(requirement)


def test_what_runs_is_tested_and_measured_in_the_same_versions():
    assert versions("run").items() <= versions("test").items() <= versions("bench").items()
    assert versions("build").items() <= versions("test").items()


def test_the_bill_of_materials_names_every_package_with_its_hashes(tmp_path):
    file = tmp_path / "blrcs.cdx.json"
    program = (sys.executable, "-m", "cyclonedx_py", "requirements", LOCKS / "run.txt")
    subprocess.run(
        (*program, "--pyproject", ROOT / "pyproject.toml", "--of", "JSON", "--output-file", file),
        check=True,
        capture_output=True,
    )
    bill = json.loads(file.read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "blrcs"
    named = {each["name"]: each for each in bill["components"]}
    for requirement, hashes in locked("run"):
        component = named[requirement.name]
        assert component["version"] == next(iter(requirement.specifier)).version
        references = component["externalReferences"]
        assert sum(len(each.get("hashes", ())) for each in references) == hashes


def audit():
    loader = SourceFileLoader("audit_dependencies", str(ROOT / "deploy/audit-dependencies"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def test_a_known_vulnerability_is_told():
    report = {
        "dependencies": [
            {"name": "fine", "version": "1.0", "vulns": []},
            {"name": "skipped", "skip_reason": "is not there"},
            {"name": "bad", "version": "1.0", "vulns": [ADVISORY, UNMENDED]},
        ]
    }
    assert audit().vulnerabilities(report) == [
        "bad 1.0: GHSA-x, mended in 1.1, 2.0",
        "bad 1.0: GHSA-y, mended in no version yet",
    ]


def test_without_its_database_the_audit_says_so_and_does_not_fail(tmp_path):
    result = subprocess.run(
        [sys.executable, ROOT / "deploy/audit-dependencies", LOCKS / "build.txt"],
        # Nothing listens on the port of nobody.
        env={"PATH": "", "HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "nothing was audited" in result.stdout
