"""Access checks among 10,000 bindings and 100 roles, beside pycasbin.

Both hold the same bindings of roles on resource prefixes and answer the same questions, half of
them with yes. The peer's model is as light as it can be: a permission per role, compared by
equality before the role is looked for, and what it keeps by resource is warm. Its FastEnforcer,
which looks only at the rules of the permission asked for, is shown beside the plain one.
"""

import itertools
import random

import casbin
from casbin.model import FastModel
from harness import Claim, Loop, Report, main, measure, versions

from blrcs.security.condition_compiler import compile_condition
from blrcs_native.access.table import AccessTable, BindingSpec, RoleSpec

Question = tuple[str, str, str]

ROLE_COUNT = 100
BINDING_COUNT = 10_000
USER_COUNT = 2_500
TENANT_COUNT = 200
QUESTION_COUNT = 64
DENIAL_COUNT = 1_000
CONDITION = compile_condition(
    "now > timestamp('2026-01-01T00:00:00Z') && now.getHours('Europe/Berlin') >= 0"
    " && principal.name.startsWith('users/') && resource.name.startsWith('tenants/')"
    " && !(principal.name in ['users/root', 'users/nobody'])"
)

MODEL = """
[request_definition]
r = act, sub, res
[policy_definition]
p = act, role
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.act == p.act && g(r.sub, p.role, r.res)
"""

FAST_MODEL = MODEL.replace("act,", "act, kind,")
KIND = "permission"  # FastEnforcer wants two columns to look rules up by


def permission_of(role: int) -> str:
    return f"service{role // 4}.{('read', 'write', 'list', 'delete')[role % 4]}"


def specs() -> tuple[list[RoleSpec], list[BindingSpec]]:
    """A hundred roles, and four bindings for each of the users, on tenants or on orders."""
    chance = random.Random(20)
    roles = [RoleSpec(f"role{n}", (permission_of(n),)) for n in range(ROLE_COUNT)]
    bindings = []
    for number in range(BINDING_COUNT):
        tenant = f"tenants/t{chance.randrange(TENANT_COUNT)}"
        place = tenant if number % 2 else f"{tenant}/orders/{chance.randrange(100)}"
        role = f"role{chance.randrange(ROLE_COUNT)}"
        user = f"users/u{number % USER_COUNT}"
        bindings.append(BindingSpec(f"binding{number}", role, (user,), place))
    return roles, bindings


def denials(bindings: list[BindingSpec]) -> list[BindingSpec]:
    """For as many users, each on a resource that nobody asks for."""
    return [
        each._replace(name=f"denial{number}", resource="archive", denies=True)
        for number, each in enumerate(bindings[:DENIAL_COUNT])
    ]


def questions(roles: list[RoleSpec], bindings: list[BindingSpec]) -> list[Question]:
    """By turns what a binding grants, and the same on an order of another tenant."""
    permissions = {role.name: next(iter(role.permissions)) for role in roles}
    asked = []
    for number, binding in enumerate(random.Random(21).sample(bindings, QUESTION_COUNT)):
        deeper = (
            binding.resource if "orders" in binding.resource else f"{binding.resource}/orders/7"
        )
        resource = f"tenants/t{TENANT_COUNT}/orders/7" if number % 2 else deeper
        (user,) = binding.members
        asked.append((user, permissions[binding.role], resource))
    return asked


def covers(resource: str, prefix: str) -> bool:
    return resource == prefix or resource.startswith(f"{prefix}/")


def fill(
    enforcer: casbin.Enforcer,
    roles: list[RoleSpec],
    bindings: list[BindingSpec],
    kind: tuple[str, ...] = (),
) -> casbin.Enforcer:
    enforcer.add_policies([[name, *kind, role.name] for role in roles for name in role.permissions])
    enforcer.add_grouping_policies([[*b.members, b.role, b.resource] for b in bindings])
    enforcer.add_named_domain_matching_func("g", covers)
    return enforcer


def asks_table(table: AccessTable, asked: list[Question]) -> Loop:
    def loop(count: int) -> None:
        check = table.check
        for user, permission, resource in itertools.islice(itertools.cycle(asked), count):
            check(user, permission, resource)

    return loop


def asks_anywhere(table: AccessTable, asked: list[Question]) -> Loop:
    def loop(count: int) -> None:
        holds_anywhere = table.holds_anywhere
        for user, permission, _ in itertools.islice(itertools.cycle(asked), count):
            holds_anywhere(user, permission)

    return loop


def asks_casbin(
    enforcer: casbin.Enforcer, asked: list[Question], kind: tuple[str, ...] = ()
) -> Loop:
    requests = [(name, *kind, user, resource) for user, name, resource in asked]

    def loop(count: int) -> None:
        enforce = enforcer.enforce
        for request in itertools.islice(itertools.cycle(requests), count):
            enforce(*request)

    return loop


def run(rounds: int) -> Report:
    roles, bindings = specs()
    asked = questions(roles, bindings)
    table = AccessTable(roles, [], bindings)
    conditional = AccessTable(roles, [], [each._replace(condition=CONDITION) for each in bindings])
    denying = AccessTable(roles, [], [*bindings, *denials(bindings)])
    plain = fill(casbin.Enforcer(casbin.Enforcer.new_model(text=MODEL)), roles, bindings)
    fast_model = FastModel([0, 1])
    fast_model.load_model_from_text(FAST_MODEL)
    fast = fill(casbin.FastEnforcer(fast_model, cache_key_order=[0, 1]), roles, bindings, (KIND,))

    answers = [table.check(*question) for question in asked]
    assert answers == [plain.enforce(name, user, resource) for user, name, resource in asked]
    assert answers == [fast.enforce(name, KIND, user, resource) for user, name, resource in asked]
    assert answers == [number % 2 == 0 for number in range(QUESTION_COUNT)]
    assert answers == [conditional.check(*question) for question in asked]
    assert answers == [denying.check(*question) for question in asked]
    assert all(table.holds_anywhere(user, name) for user, name, _ in asked)

    timings = measure(
        {
            "blrcs check": asks_table(table, asked),
            "blrcs check of bindings with conditions": asks_table(conditional, asked),
            "blrcs check beside 1,000 denials": asks_table(denying, asked),
            "blrcs holds_anywhere": asks_anywhere(table, asked),
            "pycasbin enforce": asks_casbin(plain, asked),
            "pycasbin FastEnforcer": asks_casbin(fast, asked, (KIND,)),
        },
        rounds=rounds,
    )
    check_ns = timings["blrcs check"].median_ns
    return Report(
        title=f"access: one check among {BINDING_COUNT:,} bindings and {ROLE_COUNT} roles",
        timings=timings,
        claims=[
            Claim(
                "pycasbin enforce / blrcs check",
                timings["pycasbin enforce"].median_ns / check_ns,
                at_least=300,
            ),
            Claim(
                "pycasbin FastEnforcer / blrcs check",
                timings["pycasbin FastEnforcer"].median_ns / check_ns,
            ),
        ],
        peers=versions("pycasbin"),
    )


if __name__ == "__main__":
    main(run)
