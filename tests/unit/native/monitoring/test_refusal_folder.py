"""Refusals that are alike become one, and none is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.transport.in_process import InProcessStream
from blrcs_native.access.resource_template import ResourceTemplate
from blrcs_native.calls.call import Call, Principal
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.guard import Guard
from blrcs_native.monitoring.refusal_folder import RefusalFolder, RefusalHook
from tests.unit.interceptors.calls import Reply, Request, method_of


class Refusing(Guard):
    """Refuses for the reason that it is told."""

    def __init__(self, stage="authentication", *, shadow=False) -> None:
        super().__init__(stage, shadow=shadow)
        self.rejection = Rejection(16, stage, "R", "no")

    def check(self, call):
        return self.rejection


def folder_of(capacity=100):
    woken = []
    return RefusalFolder(lambda: woken.append(True), capacity=capacity), woken


def refuse(hook, *, address="192.0.2.1", principal=None, guards=None, body_guards=(), name="x"):
    method = method_of()

    async def handler(request, call):
        return Reply()

    pipeline = Pipeline(
        method,
        handler,
        guards=[Refusing()] if guards is None else guards,
        body_guards=body_guards,
    )
    call = Call(method, InProcessStream(None), (), address)
    call.principal = principal
    with pytest.raises(StopIteration):
        pipeline.serve(call, Request(name=name).SerializeToString()).send(None)
    hook(call)


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=60), st.integers(1, 8))
def test_no_refusal_is_lost_however_many_kinds_there_are(refusals, capacity):
    folder, woken = folder_of(capacity)
    hook = RefusalHook(folder, lambda call: {})
    taken, times_taken = [], 0
    for address, take in refusals:
        refuse(hook, address=f"192.0.2.{address}")
        assert len(folder) <= capacity + 1
        if take:
            taken += folder.take()
            times_taken += 1
            assert len(folder) == 0
    taken += folder.take()
    assert sum(each.count for each in taken) == len(refusals)
    assert len(woken) >= times_taken
    for each in taken:
        assert each.first_ns <= each.last_ns


def test_whoever_waits_is_woken_by_the_first_alone():
    folder, woken = folder_of()
    hook = RefusalHook(folder, lambda call: {})
    for number in range(5):
        refuse(hook, address=str(number))
    assert woken == [True]
    folder.take()
    refuse(hook)
    assert woken == [True, True]


def test_what_is_told_is_told_of_the_first_of_a_kind():
    folder, _ = folder_of()
    told = []
    hook = RefusalHook(folder, lambda call: told.append(call) or {"number": len(told)})
    for principal in ("users/a", "users/a", "users/b"):
        refuse(hook, principal=Principal(principal, session="s"))
    assert [(each.kind[1], each.count, each.told) for each in folder.take()] == [
        ("users/a", 2, {"number": 1}),
        ("users/b", 1, {"number": 2}),
    ]


def test_a_refusal_of_which_nothing_can_be_told_is_counted_all_the_same():
    folder, _ = folder_of()

    def tell(call):
        raise ZeroDivisionError

    hook = RefusalHook(folder, tell)
    with pytest.raises(ZeroDivisionError):
        refuse(hook)
    ((folded),) = folder.take()
    assert (folded.count, folded.told) == (1, None)


@pytest.mark.parametrize(
    ("stage", "every"),
    [
        ("authentication", False),
        ("authorization", False),
        ("network", False),
        ("rate_limit", True),
    ],
)
def test_which_are_taken(stage, every):
    folder, _ = folder_of()
    refuse(RefusalHook(folder, lambda call: {}, every=every), guards=[Refusing(stage)])
    assert sum(each.count for each in folder.take()) == 1


def test_what_is_admitted_is_not_taken_but_what_shadow_let_pass_is():
    folder, _ = folder_of()
    hook = RefusalHook(folder, lambda call: {})
    refuse(hook, guards=[])
    refuse(hook, guards=[Refusing("rate_limit", shadow=True)])
    assert folder.take() == []
    refuse(hook, guards=[Refusing("authorization", shadow=True)])
    (folded,) = folder.take()
    assert folded.kind[5:] == (0, "authorization", "R", True)


def test_the_resource_is_read_of_requests_that_were_parsed():
    folder, _ = folder_of()
    hook = RefusalHook(folder, lambda call: {}, template=ResourceTemplate("{name=**}"))
    refuse(hook)
    refuse(hook, guards=[], body_guards=[Refusing()], name="users/alice")
    refuse(hook, guards=[], body_guards=[Refusing()], name="//")
    assert [(each.kind[4], each.count) for each in folder.take()] == [("", 2), ("users/alice", 1)]


def test_there_is_room_for_one_at_least():
    with pytest.raises(ValueError, match="one kind"):
        RefusalFolder(lambda: None, capacity=0)
