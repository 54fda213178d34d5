"""``blrcs policy``: prints the policies in effect, and explains what they do about a call."""

import difflib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blrcs.cli.config import (
    ConfigDirectory,
    ConfigFile,
    EnvironmentName,
    load_or_exit,
)
from blrcs.cli.exit import fail
from blrcs.cli.outdated import warn_of_outdated
from blrcs.cli.policy_access import dry_run, who_can
from blrcs.cli.policy_output import print_json, print_table
from blrcs.config.settings import Settings
from blrcs.monitoring.log_values import escape

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from blrcs.cli.policy_verdict import Verdict
    from blrcs.cli.served_methods import ServedMethod

MAX_SUGGESTED = 3

app = typer.Typer(help="Show and explain the policies of methods. No server need run.")

Service = Annotated[
    list[str] | None,
    typer.Option(metavar="MODULE:FUNCTION", help="A service to look at; may be repeated."),
]
Builtin = Annotated[bool, typer.Option(help="Look at BLRCS's own services too.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    service: Service = None,
    *,
    builtin: Builtin = True,
    as_json: Json = False,
) -> None:
    """Print the policy in effect for every method."""
    if context.invoked_subcommand is not None:
        return
    from blrcs.cli.policy_text import COLUMNS, cells, json_values  # noqa: PLC0415 - see the package

    flags = _flags(environment, service, builtin=builtin)
    methods = _methods(load_or_exit(config_directory, config_file, flags).settings)
    if as_json:
        print_json([json_values(method) for method in methods])
    else:
        print_table(COLUMNS, [cells(method) for method in methods])


@app.command("explain")
def explain_call(
    method: Annotated[str, typer.Argument(help="Such as orders.v1.OrderService/GetOrder.")],
    principal: Annotated[
        str, typer.Option("--as", help="Who calls, such as users/alice; by default nobody.")
    ] = "",
    resource: Annotated[
        str | None, typer.Option(help="The resource that the request would name.")
    ] = None,
    request: Annotated[str | None, typer.Option(help="The request, as JSON.")] = None,
    address: Annotated[
        str | None, typer.Option("--from", help="Where the call comes from, such as 10.1.2.3.")
    ] = None,
    data_directory: Annotated[
        Path | None, typer.Option("--data", help="Whose roles and bindings count.")
    ] = None,
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    service: Service = None,
    *,
    builtin: Builtin = True,
    as_json: Json = False,
) -> None:
    """Say what each stage would decide about a call, and why.

    Roles, bindings and groups are read from the data directory, also while a server runs on it.
    """
    if resource is not None and request is not None:
        raise typer.BadParameter("--resource and --request exclude each other")
    from blrcs.cli import policy_explanation as explanation  # noqa: PLC0415 - see the package

    flags = _flags(environment, service, builtin=builtin)
    flags["data_directory"] = None if data_directory is None else str(data_directory)
    settings = load_or_exit(config_directory, config_file, flags).settings
    found = _find(method, _methods(settings))
    if found.policy is None:
        fail(f"{found.name} is disabled by the configuration: it answers UNIMPLEMENTED")
    message = None if request is None else _message(found, request)
    caller = _caller(settings, principal)
    question = explanation.Question(
        caller=caller,
        request=message,
        resource=resource,
        network=settings.network,
        address=address,
    )
    verdicts = explanation.explain(found, found.policy, question)
    outcome = explanation.outcome(verdicts)
    if as_json:
        stages = [_verdict_values(verdict) for verdict in verdicts]
        print_json({"method": found.name, "principal": principal, "stages": stages}, outcome)
        return
    typer.echo(f"{found.name} as {escape(principal) or 'nobody'}\n")
    print_table(("stage", "decision", "why"), [_verdict_cells(verdict) for verdict in verdicts])
    typer.echo(f"\nThe call is {outcome}.")


def _flags(environment: str | None, service: list[str] | None, *, builtin: bool) -> dict[str, Any]:
    return {
        "environment": environment,
        "services.extra": service or None,
        "services.builtin": None if builtin else False,
    }


def _methods(settings: Settings) -> "list[ServedMethod]":
    from blrcs.assembly.services import ServiceLoadError  # noqa: PLC0415 - see the package
    from blrcs.cli.served_methods import served_methods  # noqa: PLC0415
    from blrcs.interceptors.proto_policy import PolicyError  # noqa: PLC0415

    warn_of_outdated(settings)
    try:
        return served_methods(settings)
    except (PolicyError, ServiceLoadError) as error:
        fail(escape(str(error)))


def _find(wanted: str, methods: "list[ServedMethod]") -> "ServedMethod":
    """The method of ``/package.Service/Method``, also without the slash or with a dot for it."""
    by_name = {method.name[1:].replace("/", "."): method for method in methods}
    name = wanted.removeprefix("/").replace("/", ".")
    if name not in by_name:
        near = difflib.get_close_matches(name, by_name, n=MAX_SUGGESTED)
        near += [each for each in by_name if each.endswith(f".{name.rpartition('.')[2]}")]
        names = ", ".join(by_name[each].name for each in list(dict.fromkeys(near))[:MAX_SUGGESTED])
        hint = f"; is one of these meant: {names}?" if names else ""
        fail(f"there is no method {escape(wanted)!r}{hint}")
    return by_name[name]


def _message(method: "ServedMethod", text: str) -> "Message":
    from google.protobuf import json_format  # noqa: PLC0415 - see the package
    from google.protobuf.message_factory import GetMessageClass  # noqa: PLC0415

    descriptor = method.registration.descriptor
    if descriptor is None:
        fail(f"{method.name} is described by no proto, so that no request can be read for it")
    message = GetMessageClass(descriptor.input_type)()
    wrong = f"--request is no {descriptor.input_type.full_name}"
    try:
        values = json.loads(text)
        if not isinstance(values, dict):
            fail(f"{wrong}: it is no object")
        return json_format.ParseDict(values, message)
    except (json_format.ParseError, RecursionError, ValueError) as error:
        fail(f"{wrong}: {escape(str(error))}")


def _caller(settings: Settings, principal: str) -> Any:
    from blrcs.cli.policy_explanation import Caller  # noqa: PLC0415 - see the package
    from blrcs.cli.stored_access import read_access  # noqa: PLC0415
    from blrcs.database.errors import DatabaseOpenError  # noqa: PLC0415

    if not principal:
        return Caller()
    try:
        return Caller(
            principal=principal,
            stored=read_access(settings, principal),
            templates=tuple(each.principal for each in settings.auth.issuers),
        )
    except DatabaseOpenError as error:
        fail(escape(str(error)))


def _verdict_cells(verdict: "Verdict") -> tuple[str, str, str]:
    decision = f"{verdict.decision} {verdict.code}".rstrip()
    if verdict.shadow:
        decision += " (in shadow: lets pass)"
    return verdict.stage, decision, "\n".join(verdict.reasons)


def _verdict_values(verdict: "Verdict") -> dict[str, Any]:
    return {
        "stage": verdict.stage,
        "decision": verdict.decision,
        "code": verdict.code,
        "shadow": verdict.shadow,
        "reasons": verdict.reasons,
    }


app.command("who-can")(who_can)
app.command("dry-run")(dry_run)
