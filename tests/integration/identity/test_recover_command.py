"""``blrcs admin recover`` beside a running server, on each database."""

import asyncio
import re

import pytest
from typer.testing import CliRunner

from blrcs.cli import app
from blrcs.domain.binding import Binding, Effect
from blrcs.domain.builtin_roles import ADMINISTRATOR
from blrcs.domain.errors import UnauthenticatedError
from blrcs.domain.group import Group
from blrcs.domain.policy_change import PolicyChange
from blrcs.domain.user import User
from blrcs.v1 import user_pb2
from tests.integration.identity.identity import PASSWORD, call_of
from tests.unit.application.enrolment import enrol
from tests.unit.application.identity_fakes import NOW_NS

BOUND = Binding(
    name="bindings/administrator",
    role=ADMINISTRATOR,
    members=("users/admin",),
    create_time_ns=1,
    update_time_ns=1,
)
DENIED = Binding(
    name="bindings/denied",
    role=ADMINISTRATOR,
    members=("groups/staff",),
    effect=Effect.DENY,
    create_time_ns=1,
    update_time_ns=1,
)
STAFF = Group(name="groups/staff", members=("users/admin",), create_time_ns=1, update_time_ns=1)


@pytest.fixture
def recover(request, store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "audit").mkdir()
    url = {
        "sqlite": lambda: None,
        "postgresql": lambda: request.getfixturevalue("postgresql_services"),
        "mariadb": lambda: request.getfixturevalue("mariadb_server").url(),
    }[request.node.callspec.params["store"]]()
    variables = {"BLRCS_AUTH__PASSWORD__HASH_TIME": "0s"}
    if url is not None:
        variables["BLRCS_DATABASE__URL"] = url

    async def run(*arguments, code=0):
        command = ["admin", "recover", "--data", str(tmp_path), *arguments]
        done = await asyncio.to_thread(CliRunner(env=variables).invoke, app, command)
        assert done.exit_code == code, done.output
        return done.output

    return run


def password_in(output):
    return re.search(r"shown only now:\n\n    (\S+)\n", output)[1]


async def put(identity, **change):
    await identity.access.change(
        lambda policy: policy.changed(PolicyChange(**change), now_ns=NOW_NS)
    )


async def administers(identity, user):
    """As a server decides that looks for what others have stored."""
    await identity.access.follow()
    return identity.access.current.table.check(user, "blrcs.bindings.create", "bindings")


async def test_who_was_deleted_and_bound_to_nothing_is_there_again(identity, recover, tmp_path):
    output = await recover()

    assert "Created the user 'admin'.\n" in output
    assert "by bindings/administrator.\n" in output
    signed_in = await identity.sign_in("admin", password_in(output))
    assert signed_in.password_change_required
    assert await administers(identity, "users/admin")
    audit = await asyncio.to_thread(
        CliRunner().invoke, app, ["audit", "list", "--data", str(tmp_path)]
    )
    assert "blrcs admin recover" in audit.output
    assert "users/admin" in audit.output


async def test_a_disabled_one_signs_in_by_the_new_password_alone(identity, recover):
    await identity.add_user("admin")
    before = await identity.sign_in("admin")
    parts = identity.parts
    await enrol(
        parts.second_factors, parts.codes, parts.sealer, parts.secrets, identity.clock, "admin"
    )
    await identity.user.UpdateUser(
        user_pb2.UpdateUserRequest(
            user={"name": "users/admin", "disabled": True}, update_mask={"paths": ["disabled"]}
        ),
        call_of("users/manager"),
    )
    await put(identity, bindings=(BOUND,))
    epoch = identity.access.policy.epoch

    output = await recover()

    assert "Enabled the user 'admin'.\n" in output
    assert "Bound" not in output
    await identity.stored_revocations.catch_up()
    assert await identity.active(before.tokens.access_token) == [False]
    assert (await identity.sign_in("admin", password_in(output))).tokens.access_token
    with pytest.raises(UnauthenticatedError):
        await identity.sign_in("admin", PASSWORD)
    assert await administers(identity, "users/admin")
    assert identity.access.policy.epoch == epoch


async def test_the_sessions_of_one_who_could_sign_in_end_too(identity, recover):
    await identity.add_user("alice")
    before = await identity.sign_in("alice")

    await recover("--user", "alice")

    await identity.stored_revocations.catch_up()
    assert await identity.active(before.tokens.access_token) == [False]
    assert await administers(identity, "users/alice")


async def test_done_again_it_changes_the_password_alone(identity, recover):
    first = password_in(await recover("--user", "root"))
    epoch = (await identity.access.follow(), identity.access.policy.epoch)[1]
    again = await recover("--user", "root")

    assert "Bound" not in again
    assert "Created" not in again
    assert "Enabled" not in again
    await identity.access.follow()
    assert identity.access.policy.epoch == epoch
    with pytest.raises(UnauthenticatedError):
        await identity.sign_in("root", first)
    assert (await identity.sign_in("root", password_in(again))).tokens.access_token


async def test_one_who_is_denied_what_mends_bindings_is_told_by_which(identity, recover):
    other = Binding(
        name="bindings/administrator",
        role="roles/viewer",
        members=("users/bob",),
        create_time_ns=1,
        update_time_ns=1,
    )
    await put(identity, groups=(STAFF,), bindings=(DENIED, other))

    refused = await recover(code=1)

    assert refused == (
        "blrcs: nothing was done: users/admin is denied what mends bindings by bindings/denied;"
        " --remove-denials deletes them\n"
    )
    assert not await administers(identity, "users/admin")
    assert await identity.users.get("admin") is None

    output = await recover("--remove-denials")

    assert "Deleted bindings/denied, which" in output
    assert await administers(identity, "users/admin")
    bindings = dict(identity.access.policy.bindings)
    assert bindings.pop("bindings/administrator") == other
    (made,) = bindings.values()
    assert f"by {made.name}.\n" in output
    assert made.members == ("users/admin",)


@pytest.mark.parametrize("member", ["allUsers", "allAuthenticated"])
async def test_what_denies_it_to_everybody_is_in_the_way_too(identity, recover, member):
    denied = Binding(
        name="bindings/denied",
        role=ADMINISTRATOR,
        members=(member,),
        effect=Effect.DENY,
        create_time_ns=1,
        update_time_ns=1,
    )
    await put(identity, bindings=(denied,))

    assert "by bindings/denied;" in await recover(code=1)
    await recover("--remove-denials")

    assert await administers(identity, "users/admin")


async def test_what_grants_for_a_while_is_not_counted_on(identity, recover):
    for_a_while = Binding(
        name="bindings/administrator",
        role=ADMINISTRATOR,
        members=("users/admin",),
        expire_time_ns=2 * NOW_NS,
        create_time_ns=1,
        update_time_ns=1,
    )
    await identity.users.add(
        User(
            id="admin",
            password_hash="",
            password_time_ns=1,
            password_change_required=False,
            create_time_ns=1,
            update_time_ns=1,
        )
    )
    await put(identity, bindings=(for_a_while,))

    assert "Bound roles/administrator on the root to users/admin" in await recover()

    await identity.access.follow()
    assert identity.access.policy.bindings["bindings/administrator"] == for_a_while
    assert len(identity.access.policy.bindings) == 2


@pytest.fixture
def blrcs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        return CliRunner().invoke(app, ["admin", "recover", "--data", str(tmp_path), *arguments])

    return run


def test_where_no_database_is_one_line_says_so_and_none_is_made(blrcs, tmp_path):
    done = blrcs()

    assert done.exit_code == 1
    assert done.output == (
        f"blrcs: {tmp_path}/blrcs.db: there is no database; name its folder by --data\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_another_version_is_left_alone(blrcs, tmp_path):
    arguments = ["--data", str(tmp_path)]
    assert CliRunner().invoke(app, ["db", "upgrade", *arguments]).exit_code == 0
    downgraded = CliRunner().invoke(app, ["db", "downgrade", *arguments, "--yes", "0007"])
    assert downgraded.exit_code == 0, downgraded.output

    done = blrcs()

    assert done.exit_code == 1
    assert done.output.count("\n") == 1
    assert "run `blrcs db upgrade`" in done.output


@pytest.mark.parametrize("user", ["users/admin", "Admin", "", "-a", "a/b"])
def test_what_is_no_id_of_a_user_is_refused(blrcs, user):
    done = blrcs(f"--user={user}")

    assert done.exit_code == 2
    assert "is the id of a user" in done.output
