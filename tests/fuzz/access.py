"""Who may do what from where, as targets of fuzzing: conditions, bindings, and addresses."""

import ipaddress
import re
import unicodedata
from collections.abc import Hashable

from blrcs.domain.errors import InvalidArgumentError
from blrcs.security.condition_compiler import compile_condition
from blrcs.transport.in_process import InProcessStream
from blrcs.v1 import access_pb2
from blrcs_native.access.table import AccessSpecError, AccessTable, BindingSpec, GroupSpec, RoleSpec
from blrcs_native.addresses.address_set import UNIX, AddressSet
from blrcs_native.calls.call import Call, Principal
from tests.unit.interceptors.calls import method_of
from tests.unit.native.access.access_model import AccessModel
from tests.unit.native.addresses.test_address_set import holds

NOW_NS = 1_800_000_000_987_000_000
GROUPS = ("groups/devs", "groups/all")
CLAIMS = {
    "acr": "2",
    "amr": ["pwd", "otp"],
    "level": 3,
    "share": 0.5,
    "none": None,
    "address": {"country": "DE", "floors": [1, 2]},
}
MESSAGES = (
    access_pb2.Binding(),
    access_pb2.Binding(
        name="bindings/b",
        members=["users/a", "users/b"],
        expire_time={"seconds": 1_800_000_000},
        effect=2,
        condition={"title": "office"},
    ),
)


def judged(text: str, call: Call | None, *, to_come: bool = False, groups: bool = True) -> str:
    return compile_condition(text).evaluate(
        principal="users/a",
        resource="tenants/a/x",
        groups=GROUPS if groups else (),
        now_ns=NOW_NS,
        call=call,
        message_to_come=to_come,
    )


def condition(data: bytes) -> Hashable:
    """What may be a condition: it is refused, or answers, and what is to come changes no answer."""
    try:
        text = data.decode()
        compiled = compile_condition(text)
    except (UnicodeDecodeError, InvalidArgumentError) as error:
        return type(error).__name__
    call = Call(method_of(), InProcessStream(None), (), "192.0.2.1")
    call.principal = Principal("users/a", claims=CLAIMS)
    early = judged(text, call, to_come=True)
    assert compiled.reads_message or early != "unknown"
    answers = []
    for message in MESSAGES:
        call.request = message
        answers.append(judged(text, call))
        assert answers[-1] == (answers[-1] if early == "unknown" else early)
        assert compiled.reads_groups or judged(text, call, groups=False) == answers[-1]
    assert "unknown" not in answers
    assert judged(text, None) != "unknown"
    return early, *answers, compiled.reads_message, compiled.reads_groups


PERMISSION = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
ROLES = [RoleSpec("reader", ["orders.read", "carts.*"]), RoleSpec("all", ["*"], ["reader"])]
TEAMS = [GroupSpec("groups/devs", ["users/alice"]), GroupSpec("groups/all", ["groups/devs"])]
BINDINGS = [
    BindingSpec("near", "reader", ["groups/all"], "tenants/a"),
    BindingSpec("root", "all", ["users/admin"], ""),
    BindingSpec("denied", "all", ["groups/devs"], "tenants/a/hidden", None, True),
]


def is_resource(name: str) -> bool:
    """Whether it is a name, or the root."""
    parts = name.split("/")
    return name == "" or (
        len(name.encode()) <= 1024
        and len(parts) <= 16
        and {"", ".", ".."}.isdisjoint(parts)
        and all(unicodedata.category(each) != "Cc" for each in name)
    )


def access(data: bytes) -> Hashable:
    """A member and a resource to bind, a principal, a permission and a resource, between lines."""
    try:
        texts = data.decode().split("\n")
    except UnicodeDecodeError:
        return None
    member, bound, principal, permission, resource = (texts + [""] * 5)[:5]
    bindings = [*BINDINGS, BindingSpec("new", "reader", [member], bound)]
    names_somebody = member in {"allUsers", "allAuthenticated"} or "/" in member
    try:
        table = AccessTable(ROLES, TEAMS, bindings, clock=lambda: NOW_NS)
    except AccessSpecError:
        assert not (names_somebody and is_resource(member) and is_resource(bound))
        return "refused"
    assert names_somebody
    assert is_resource(member)
    assert is_resource(bound)
    allowed = table.check(principal, permission, resource)
    known = (
        is_resource(resource)
        and len(permission) <= 256
        and PERMISSION.fullmatch(permission) is not None
    )
    model = AccessModel(ROLES, TEAMS, bindings)
    assert allowed == (known and model.check(principal, permission, resource, NOW_NS))
    return allowed, known, bound == "", resource.count("/")


def addresses(data: bytes) -> Hashable:
    """Networks, one a line, and an address behind them, asked for twice."""
    *among, asked = data.decode("latin-1").split("\n")
    try:
        networks = [ipaddress.ip_network(text) for text in among if text != UNIX]
    except ValueError:
        networks = None
    try:
        made = AddressSet(among)
    except ValueError:
        assert networks is None
        return "refused"
    assert networks is not None
    try:
        address = ipaddress.ip_address(asked.partition("%")[0])
    except ValueError:
        expected = UNIX in among
    else:
        expected = any(holds(network, address) for network in networks)
    assert (asked in made) is expected
    assert (asked in made) is expected
    return expected, len(networks), UNIX in among


ACCESS_TARGETS = {"condition": condition, "access": access, "addresses": addresses}


def access_inputs() -> dict[str, dict[str, bytes]]:
    """What fuzzing them begins with."""
    conditions = {
        "claims": "has(principal.claims.acr) && principal.claims.address.floors[1] in [1, 2]",
        "message": "request.message.members[0].startsWith('users/') || size(principal.groups) > 1",
        "time": "now.getHours('Asia/Tokyo') >= 8 && now < timestamp('2026-03-01T08:59:58+09:00')",
        "span": "request.message.expire_time + duration('-1h1.5s') > now ? 1 == 1.0 : 'a' != 'b'",
        "sums": "-(1 + 2 * 3 - 4 / 2 % 2) == 0x7 || !('\\u00e9' + \"b\").contains('b')",
        "names": "request.method.endsWith('/Get') && source.address == resource.name",
    }
    return {
        "condition": {name: text.encode() for name, text in conditions.items()},
        "access": {
            "group": b"users/bob\ntenants/b\nusers/alice\norders.read\ntenants/a/x",
            "denied": b"allUsers\n\nusers/alice\ncarts.add\ntenants/a/hidden/y",
            "bound": "users/é\ntenants/é/1\nusers/é\ncarts.a.b\ntenants/é/1/2".encode(),
        },
        "addresses": {
            "ipv4": b"10.0.0.0/8\n192.0.2.0/255.255.255.0\n10.1.2.3",
            "ipv6": b"2001:db8::/32\n::ffff:10.0.0.0/104\nunix\n::ffff:10.1.2.3",
            "mapped": b"::/0\n::ffff:10.1.2.3",
            "zone": b"fe80::/10\n::/0\nfe80::1%eth0",
            "unix": b"unix\nunix",
        },
    }
