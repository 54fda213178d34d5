"""``blrcs policy who-can`` and ``dry-run`` on a data directory."""

import asyncio
import json
import time
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from blrcs.cli.policy import app
from blrcs.database.repositories.access import SqlAccessRepository
from blrcs.database.repositories.decision import SqlDecisionRepository
from blrcs.domain.binding import Binding
from blrcs.domain.condition.condition import Condition
from blrcs.domain.policy_change import PolicyChange
from tests.integration.access.access import AccessServer
from tests.integration.stores import FileStore
from tests.unit.application.identity_fakes import make_user

HISTORY = {"create_time_ns": 1, "update_time_ns": 1}


async def fill(folder):
    async with FileStore(folder).open() as (database, reader):
        binding = Binding(
            name="bindings/b",
            role="roles/viewer",
            members=("users/alice",),
            resource="tenants/a",
            **HISTORY,
        )
        conditional = replace(
            binding,
            name="bindings/c",
            resource="tenants/c",
            condition=Condition("now.getHours() > 8"),
        )
        change = PolicyChange(bindings=(binding, conditional))
        await SqlAccessRepository(database, reader).change(
            lambda policy: policy.changed(change, now_ns=1), lambda _: None
        )
        decision = ("users/alice", "blrcs.users.get", "tenants/a", True)
        await SqlDecisionRepository(database, most=10).add({decision: 7}, 5)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asyncio.run(fill(tmp_path))

    def run(*arguments):
        found = CliRunner().invoke(app, [*arguments, "--data", str(tmp_path)])
        return found.exit_code, found.output

    return run


def test_who_can_names_principals_and_bindings(run):
    code, output = run("who-can", "blrcs.users.get", "--resource", "tenants/a/x")
    assert code == 0
    assert "users/alice" in output
    assert "bindings/b: roles/viewer to users/alice on tenants/a" in output
    code, output = run("who-can", "blrcs.users.get", "--resource", "tenants/c")
    assert "bindings/c: roles/viewer to users/alice on tenants/c, under a condition" in output
    for resource, conditional in (("tenants/a", False), ("tenants/c", True)):
        code, output = run("who-can", "blrcs.users.get", "--resource", resource, "--json")
        (holder,) = json.loads(output)
        assert [each["conditional"] for each in holder["bindings"]] == [conditional]
    code, output = run("who-can", "blrcs.users.get", "--json")
    assert (code, json.loads(output)) == (0, [])


def test_a_dry_run_counts_what_would_change(run, tmp_path):
    candidate = tmp_path / "candidate.json"
    candidate.write_text(json.dumps({"deleted": ["bindings/b"]}))
    code, output = run("dry-run", str(candidate))
    assert code == 0
    assert "1 of 1 recorded decisions would change." in output
    code, output = run("dry-run", str(candidate), "--json")
    assert json.loads(output) == [
        {
            "principal": "users/alice",
            "permission": "blrcs.users.get",
            "resource": "tenants/a",
            "allowed": True,
            "would_be_allowed": False,
            "conditional": False,
            "count": 7,
        }
    ]


def test_a_dry_run_is_refused_as_the_change_would_be(run, tmp_path):
    candidate = tmp_path / "candidate.json"
    candidate.write_text(json.dumps({"deleted": ["roles/viewer"]}))
    code, output = run("dry-run", str(candidate))
    assert code != 0
    assert "roles/viewer is built in and cannot be changed" in output


async def administer(folder, *, with_other, disabled=False):
    """By users/admin through a binding that is to go, and users/other through one that stays."""
    async with AccessServer.open(FileStore(folder), time.time_ns) as access:
        await access.users.add(make_user("admin"))
        if with_other:
            await access.users.add(make_user("other", disabled=disabled))
        for each in ("admin", "other"):
            await access.bind(each, "roles/administrator", f"users/{each}")


@pytest.mark.parametrize(
    ("with_other", "disabled", "is_refused"),
    [(False, False, True), (True, True, True), (True, False, False)],
)
def test_a_dry_run_counts_no_administrator_who_cannot_sign_in(
    run, tmp_path, with_other, disabled, is_refused
):
    asyncio.run(administer(tmp_path, with_other=with_other, disabled=disabled))
    candidate = tmp_path / "candidate.json"
    candidate.write_text(json.dumps({"deleted": ["bindings/admin"]}))
    code, output = run("dry-run", str(candidate))
    assert (code != 0) is is_refused
    assert ("recorded decisions would change" in output) is not is_refused
    assert ("administrator" in output) is is_refused


def test_a_dry_run_says_what_it_does_not_know(run, tmp_path):
    candidate = tmp_path / "candidate.json"
    candidate.write_text("{}")
    assert "Groups of issuers are not known here" in run("dry-run", str(candidate))[1]


@pytest.mark.parametrize("text", ["{", "[]", '{"deleted": ["x"]}', '{"roles": [{}]}', '{"x": 1}'])
def test_what_is_no_candidate_is_refused(run, tmp_path, text):
    candidate = tmp_path / "candidate.json"
    candidate.write_text(text)
    code, output = run("dry-run", str(candidate))
    assert code != 0
    assert "Traceback" not in output
