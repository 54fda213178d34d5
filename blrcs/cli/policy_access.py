"""``blrcs policy who-can`` and ``dry-run``: asks the access policy that is stored."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from blrcs.cli.config import ConfigDirectory, ConfigFile, EnvironmentName, load_or_exit
from blrcs.cli.exit import fail
from blrcs.cli.policy_output import print_json, print_table
from blrcs.monitoring.log_values import escape

if TYPE_CHECKING:
    from collections.abc import Callable

    from blrcs.cli.stored_policy import Candidate
    from blrcs.config.settings import Settings
    from blrcs.domain.decision import Change
    from blrcs.domain.policy_change import PolicyChange
    from blrcs.domain.who_can import Holder

T = TypeVar("T")

MAX_CANDIDATE_BYTES = 16 << 20

DataDirectory = Annotated[
    Path | None, typer.Option("--data", help="Whose roles and bindings count.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def who_can(
    permission: Annotated[str, typer.Argument(help="Such as orders.read.")],
    resource: Annotated[str, typer.Option(help="Such as tenants/acme; by default the root.")] = "",
    data_directory: DataDirectory = None,
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    *,
    as_json: Json = False,
) -> None:
    """List who holds a permission on a resource, and by which bindings."""
    from blrcs.cli.stored_policy import read_policy  # noqa: PLC0415 - see the package
    from blrcs.domain import who_can as domain  # noqa: PLC0415

    policy = _stored(read_policy, data_directory, config_directory, config_file, environment)
    found = domain.who_can(policy, permission, resource, time.time_ns())
    if as_json:
        print_json([_holder_values(each) for each in found])
    else:
        print_table(("who", "by", "when"), [_holder_cells(each) for each in found])


def dry_run(
    candidate: Annotated[
        Path, typer.Argument(help="A DryRunRequest as JSON: what would be different.")
    ],
    data_directory: DataDirectory = None,
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    *,
    as_json: Json = False,
) -> None:
    """Say which of the recorded decisions would be others under another policy.

    It is refused as the change itself would be, by the users of now too. Not known here are the
    groups that an issuer puts a caller in, and who makes the change: it may not be allowed to. What
    conditions decide by the call is listed as "by the call".
    """
    from blrcs.application.access.dry_run import MAX_EXAMINED, changes, proposed  # noqa: PLC0415
    from blrcs.cli.stored_policy import read_candidate  # noqa: PLC0415
    from blrcs.domain.errors import DomainError  # noqa: PLC0415
    from blrcs.security.access_store import TableDecisions  # noqa: PLC0415
    from blrcs.security.compiled_policy import compile_policy  # noqa: PLC0415

    wanted, parent = _candidate(candidate)
    now_ns = time.time_ns()

    def read(settings: "Settings") -> "Candidate":
        return read_candidate(
            settings,
            lambda old: proposed(old, wanted, parent=parent, now_ns=now_ns),
            now_ns=now_ns,
            decisions=MAX_EXAMINED,
        )

    stored = _stored(read, data_directory, config_directory, config_file, environment)
    if stored.policy is None:
        fail(escape(stored.refusal))
    try:
        table = compile_policy(stored.policy, time.time_ns).table
    except DomainError as error:
        fail(escape(error.message))
    found = changes(stored.decisions, TableDecisions(table, tuple))
    if as_json:
        print_json([_change_values(each) for each in found])
        return
    titles = ("who", "permission", "on", "was", "would be", "times")
    print_table(titles, [_change_cells(each) for each in found])
    typer.echo(f"\n{len(found)} of {len(stored.decisions)} recorded decisions would change.")
    typer.echo("Groups of issuers are not known here, nor whether who makes the change may.")


def _stored(
    read: "Callable[[Settings], T]",
    data_directory: Path | None,
    config_directory: Path | None,
    config_file: Path | None,
    environment: str | None,
) -> T:
    from blrcs.database.errors import DatabaseOpenError  # noqa: PLC0415 - see the package

    flags = {
        "environment": environment,
        "data_directory": None if data_directory is None else str(data_directory),
    }
    settings = load_or_exit(config_directory, config_file, flags).settings
    try:
        return read(settings)
    except DatabaseOpenError as error:
        fail(escape(str(error)))


def _candidate(path: Path) -> tuple["PolicyChange", str]:
    """The change, and what is administered by who would make it."""
    from google.protobuf import json_format  # noqa: PLC0415 - see the package

    from blrcs.api.dry_run_messages import candidate  # noqa: PLC0415
    from blrcs.domain.errors import DomainError  # noqa: PLC0415
    from blrcs.interceptors.validation import judge  # noqa: PLC0415
    from blrcs.v1 import access_pb2  # noqa: PLC0415

    try:
        if path.stat().st_size > MAX_CANDIDATE_BYTES:
            fail(f"{escape(str(path))} is larger than {MAX_CANDIDATE_BYTES} bytes")
        values = json.loads(path.read_bytes())
        if not isinstance(values, dict):
            fail(f"{escape(str(path))} is no candidate: it is no object")
        request = json_format.ParseDict(values, access_pb2.DryRunRequest())
        rejection = judge(request)
        if rejection is not None:
            fail(f"{escape(str(path))} breaks a rule: {escape(rejection.message)}")
        return candidate(request), request.parent
    except (OSError, json_format.ParseError, RecursionError, ValueError) as error:
        fail(f"{escape(str(path))} is no candidate: {escape(str(error))}")
    except DomainError as error:
        fail(escape(error.message))


def _holder_cells(holder: "Holder") -> tuple[str, str, str]:
    by = [
        f"{each.binding.name}: {each.binding.role} to {each.member}"
        f" on {each.binding.resource or 'the root'}"
        + (", under a condition" if each.binding.condition is not None else "")
        for each in holder.held_by
    ]
    when = "depends on the call" if holder.conditional else "always"
    if holder.excepted:
        when += f"; not {', '.join(holder.excepted)}"
    return holder.principal, "\n".join(by), when


def _holder_values(holder: "Holder") -> dict[str, Any]:
    return {
        "principal": holder.principal,
        "conditional": holder.conditional,
        "excepted": holder.excepted,
        "bindings": [
            {
                "name": each.binding.name,
                "role": each.binding.role,
                "member": each.member,
                "resource": each.binding.resource,
                "conditional": each.binding.condition is not None,
            }
            for each in holder.held_by
        ],
    }


def _change_cells(change: "Change") -> tuple[str, ...]:
    decision = change.decision
    return (
        decision.principal or "nobody",
        decision.permission,
        decision.resource or "the root",
        _word(allowed=decision.allowed),
        "by the call" if change.conditional else _word(allowed=change.would_be_allowed),
        str(decision.count),
    )


def _word(*, allowed: bool) -> str:
    return "allowed" if allowed else "denied"


def _change_values(change: "Change") -> dict[str, Any]:
    return {
        "principal": change.decision.principal,
        "permission": change.decision.permission,
        "resource": change.decision.resource,
        "allowed": change.decision.allowed,
        "would_be_allowed": change.would_be_allowed,
        "conditional": change.conditional,
        "count": change.decision.count,
    }
