"""Every method of every service, called by the administrator of every tenant, and by others.

What a method does for whom is listed below: a method that is not listed fails, so that none can be
added without saying what it may do in whose tenant.
"""

import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

import blrcs.v1
from blrcs.v1 import policy_pb2
from blrcs_native.access.resource_template import ResourceTemplate
from tests.attacks.world import ATTACKER, TEXT, VICTIM, World
from tests.e2e.workers import Metadata

TENANT = "tenants/{tenant}"
COLLECTION = f"{TENANT}/collections/notes"
RECORD = f"{COLLECTION}/records/n1"
BINDING = "bindings/{tenant}"
ROLE = f"{TENANT}/roles/own"
GROUP = f"{TENANT}/groups/own"

OPEN = {
    "AuthService": {
        "SignIn",
        "CompleteSignIn",
        "BeginPasskeySignIn",
        "StepUp",
        "Refresh",
        "GetJwks",
        "IssueServiceToken",
        "SignOut",
    },
    "CredentialService": {
        "BeginTotp",
        "ConfirmTotp",
        "DisableTotp",
        "BeginPasskey",
        "FinishPasskey",
        "RegenerateRecoveryCodes",
    },
}
"""Asks for no permission: public, or about the caller's own token alone."""

OF_TENANTS: dict[str, dict[str, dict[str, str]]] = {
    "AccessService": {
        "WhoCan": {"resource": TENANT},
        "CreateBinding": {"parent": TENANT},
        "ListBindings": {"parent": TENANT},
        "GetBinding": {"parent": TENANT, "name": BINDING},
        "UpdateBinding": {"parent": TENANT, "binding.name": BINDING},
        "DeleteBinding": {"parent": TENANT, "name": "bindings/none"},
        "CreateRole": {"parent": TENANT},
        "GetRole": {"name": ROLE},
        "ListRoles": {"parent": TENANT},
        "UpdateRole": {"role.name": ROLE},
        "DeleteRole": {"name": f"{TENANT}/roles/none"},
        "CreateGroup": {"parent": TENANT},
        "GetGroup": {"name": GROUP},
        "ListGroups": {"parent": TENANT},
        "UpdateGroup": {"group.name": GROUP},
        "DeleteGroup": {"name": f"{TENANT}/groups/none"},
    },
    "AuditService": {"ListEvents": {"parent": TENANT}, "FollowEvents": {"parent": TENANT}},
    "EncryptionService": {"ShredTenant": {"name": TENANT}},
    "RecordService": {
        "CreateCollection": {"parent": TENANT},
        "GetCollection": {"name": COLLECTION},
        "ListCollections": {"parent": TENANT},
        "UpdateCollection": {"collection.name": COLLECTION},
        "DeleteCollection": {"name": f"{TENANT}/collections/none"},
        "CreateRecord": {"parent": COLLECTION},
        "GetRecord": {"name": RECORD},
        "ListRecords": {"parent": COLLECTION},
        "CountRecords": {"parent": COLLECTION},
        "UpdateRecord": {"record.name": RECORD},
        "DeleteRecord": {"name": f"{COLLECTION}/records/none"},
        "BatchGetRecords": {"parent": COLLECTION},
        "BatchWriteRecords": {"parent": COLLECTION},
        "WatchRecords": {"parent": COLLECTION},
    },
}
"""What belongs to a tenant, and how a request names it."""

OF_ALL: dict[str, dict[str, dict[str, str]]] = {
    "AccessService": {
        "Check": {"principal": "users/other"},
        "BatchCheck": {"principal": "users/other"},
        "Explain": {"principal": "users/other"},
        "ListPermissions": {"principal": "users/other"},
        "DryRun": {},
        "CreateRole": {},
        "GetRole": {"name": "roles/none"},
        "ListRoles": {},
        "UpdateRole": {"role.name": "roles/none"},
        "DeleteRole": {"name": "roles/none"},
        "CreateGroup": {},
        "GetGroup": {"name": "groups/none"},
        "ListGroups": {},
        "UpdateGroup": {"group.name": "groups/none"},
        "DeleteGroup": {"name": "groups/none"},
    },
    "AuditService": {"Verify": {}},
    "AuthService": {
        "ExchangeToken": {"subject": "users/other"},
        "RevokeTokens": {},
        "Introspect": {},
        "ListSessions": {"parent": "users/other"},
        "RevokeSession": {"name": "users/other/sessions/none"},
    },
    "CacheService": {
        method: {"namespace": "none"}
        for method in (
            "Get", "BatchGet", "Set", "Delete", "Increment", "Touch", "Stats", "Flush", "Watch"
        )
    },
    "CredentialService": {
        "GetCredentials": {"name": "users/other"},
        "DeletePasskey": {"name": "users/other/passkeys/none"},
        "ResetCredentials": {"name": "users/other"},
        "UnlockUser": {"name": "users/other"},
    },
    "LimitService": {
        **{method: {"domain": "none"} for method in ("Consume", "Refund", "Peek", "Reset")},
        "CreateLimitRule": {},
        "GetLimitRule": {"name": "limitRules/none"},
        "ListLimitRules": {},
        "UpdateLimitRule": {"limit_rule.name": "limitRules/none"},
        "DeleteLimitRule": {"name": "limitRules/none"},
    },
    "UserService": {
        "CreateUser": {},
        "GetUser": {"name": "users/other"},
        "ListUsers": {},
        "UpdateUser": {"user.name": "users/other"},
        "DeleteUser": {"name": "users/other"},
        "ChangePassword": {"name": "users/other"},
        "ResetPassword": {"name": "users/other"},
        "CreateServiceAccount": {},
        "GetServiceAccount": {"name": "serviceAccounts/other"},
        "ListServiceAccounts": {},
        "UpdateServiceAccount": {"service_account.name": "serviceAccounts/other"},
        "DeleteServiceAccount": {"name": "serviceAccounts/other"},
        "CreateApiKey": {"parent": "serviceAccounts/other"},
        "GetApiKey": {"name": "serviceAccounts/other/apiKeys/none"},
        "ListApiKeys": {"parent": "serviceAccounts/other"},
        "UpdateApiKey": {"api_key.name": "serviceAccounts/other/apiKeys/none"},
        "DeleteApiKey": {"name": "serviceAccounts/other/apiKeys/none"},
    },
}  # fmt: skip
"""What belongs to no tenant: no administrator of one may."""


@dataclass(frozen=True)
class Case:
    """A method, and how its request names what it is about."""

    method: MethodDescriptor
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"/{self.method.containing_service.full_name}/{self.method.name}"

    @property
    def asks_for_step_up(self) -> bool:
        """Nobody here has signed in as strongly as it may ask for, which is asked first."""
        policy: Any = self.method.GetOptions().Extensions[policy_pb2.policy]
        return bool(policy.HasField("step_up"))

    def request(self, tenant: str) -> Any:
        made = GetMessageClass(self.method.input_type)()
        for path, value in self.fields.items():
            *parents, last = path.split(".")
            message = made
            for parent in parents:
                message = getattr(message, parent)
            setattr(message, last, value.format(tenant=tenant))
        return made


def methods() -> Iterator[MethodDescriptor]:
    """All that the protos of BLRCS describe."""
    for module in pkgutil.iter_modules(blrcs.v1.__path__):
        if module.name.endswith("_pb2"):
            file = import_module(f"blrcs.v1.{module.name}").DESCRIPTOR
            for service in file.services_by_name.values():
                yield from service.methods


OF_EITHER = {
    ("AccessService", f"{verb}{kind}")
    for kind, verbs in {
        "Role": ("Create", "Get", "Update", "Delete"),
        "Roles": ("List",),
        "Group": ("Create", "Get", "Update", "Delete"),
        "Groups": ("List",),
    }.items()
    for verb in verbs
}
"""Listed twice: a tenant has its own, and those that belong to none are nobody's."""


def cases(listed: dict[str, dict[str, dict[str, str]]]) -> list[Any]:
    return [
        pytest.param(
            Case(method, listed[method.containing_service.name][method.name]),
            id=f"{method.containing_service.name}.{method.name}",
        )
        for method in methods()
        if method.name in listed.get(method.containing_service.name, ())
    ]


def outcome(tenants: World, case: Case, tenant: str, metadata: Metadata) -> tuple[Any, bytes]:
    """How a call ends; one that waits for what comes is let wait, and is not refused."""
    request = case.request(tenant).SerializeToString()
    if not case.method.server_streaming:
        code, _, _, reply = tenants.call(case.name, request, metadata)
        return code, reply
    call = tenants.channel.unary_stream(case.name)(request, metadata=metadata, timeout=0.5)
    try:
        return grpc.StatusCode.OK, b"".join(call)
    except grpc.RpcError as error:
        return error.code(), b""


def test_every_method_is_listed_once() -> None:
    served = [(each.containing_service.name, each.name) for each in methods()]
    listed = [
        (service, method)
        for each in (OPEN, OF_TENANTS, OF_ALL)
        for service, names in each.items()
        for method in names
    ]
    assert {each: listed.count(each) for each in served} == {
        each: 2 if each in OF_EITHER else 1 for each in served
    }


def test_what_is_open_asks_for_no_permission() -> None:
    for method in methods():
        policy = method.GetOptions().Extensions[policy_pb2.policy]
        is_open = method.name in OPEN.get(method.containing_service.name, ())
        assert is_open is not policy.HasField("permission"), method.full_name


def test_a_request_names_all_that_its_policy_reads() -> None:
    for each in cases(OF_TENANTS) + cases(OF_ALL):
        (case,) = each.values
        policy = case.method.GetOptions().Extensions[policy_pb2.policy]
        template = ResourceTemplate(policy.permission.resource, case.method.input_type)
        assert template.render(case.request("x")) is not None, case.name


@pytest.mark.parametrize("case", cases(OF_TENANTS))
def test_a_tenant_is_its_own_administrators_alone(tenants: World, case: Case) -> None:
    state = tenants.state()
    code, reply = outcome(tenants, case, VICTIM, tenants.mallory)
    assert (code, reply) == (grpc.StatusCode.PERMISSION_DENIED, b"")
    code, reply = outcome(tenants, case, VICTIM, [])
    assert (code, reply) == (grpc.StatusCode.UNAUTHENTICATED, b"")
    assert tenants.state() == state
    for metadata in (tenants.alice, tenants.admin):
        code, _ = outcome(tenants, case, VICTIM, metadata)
        assert code not in {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED}


@pytest.mark.parametrize("case", cases(OF_ALL))
def test_what_is_no_tenants_is_no_tenants_administrators(tenants: World, case: Case) -> None:
    state = tenants.state()
    refusals = {grpc.StatusCode.PERMISSION_DENIED}
    if case.asks_for_step_up:
        refusals.add(grpc.StatusCode.UNAUTHENTICATED)
    for metadata in (tenants.alice, tenants.mallory):
        code, reply = outcome(tenants, case, VICTIM, metadata)
        assert (code, reply) in {(refusal, b"") for refusal in refusals}
    code, reply = outcome(tenants, case, VICTIM, [])
    assert (code, reply) == (grpc.StatusCode.UNAUTHENTICATED, b"")
    assert tenants.state() == state
    code, _ = outcome(tenants, case, VICTIM, tenants.admin)
    assert code is not grpc.StatusCode.PERMISSION_DENIED
    assert code in refusals or code is not grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("case", cases(OF_TENANTS))
@pytest.mark.parametrize(
    "tenant",
    [
        f"{ATTACKER}/../{VICTIM}",
        f"{ATTACKER}/..",
        f"./{VICTIM}",
        f"{VICTIM}/",
        f"/{VICTIM}",
        f"{VICTIM.upper()}",
        f"{VICTIM}\x00",
        f"{ATTACKER}{VICTIM}",
        "",
    ],
)
def test_no_spelling_leads_into_another_tenant(tenants: World, case: Case, tenant: str) -> None:
    state = tenants.state()
    code, reply = outcome(tenants, case, tenant, tenants.mallory)
    assert code in {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT}
    assert TEXT.encode() not in reply
    assert tenants.state() == state
