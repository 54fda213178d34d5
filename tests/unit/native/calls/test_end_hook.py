import sys

import pytest

from blrcs_native.calls.end_hook import EndHook
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.calls.rejection import AbortError, Rejection
from blrcs_native.guards.guard import Guard
from tests.unit.native.calls.test_pipeline import echo, make_call, make_method

DENIED = Rejection(7, "authorization", "PERMISSION_DENIED", "no")


class Denying(Guard):
    def check(self, call):
        return DENIED


async def told(*codes, handler=echo, guards=(), rejections=False):
    """The codes of the ends that the hook is told of."""
    seen = []

    class Observer:
        on_end = EndHook(lambda call: seen.append(call.status_code), codes, rejections=rejections)

    pipeline = Pipeline(make_method(), handler, guards=guards, observers=[Observer()])
    await pipeline.serve(make_call(pipeline), b"hello")
    return seen


async def not_found(request, call):
    raise AbortError(Rejection(5, "handler", "", "not here"))


async def test_a_hook_is_told_of_the_codes_that_it_wants():
    assert await told(0) == [0]
    assert await told(5, 16) == []
    assert await told(0, handler=not_found) == []
    assert await told(5, 16, handler=not_found) == [5]


async def test_a_hook_may_want_every_rejection():
    assert await told(rejections=True) == []
    assert await told(handler=not_found, rejections=True) == [5]
    assert await told(guards=[Denying("authorization")], rejections=True) == [7]
    assert await told(guards=[Denying("authorization", shadow=True)], rejections=True) == [0]


def test_a_call_that_has_not_ended_is_judged_as_it_stands():
    seen = []
    call = make_call(Pipeline(make_method(), echo))
    EndHook(seen.append, [0])(call)
    EndHook(seen.append, [1])(call)
    assert seen == [call]


def test_what_is_wanted_may_change():
    seen = []
    hook = EndHook(seen.append, [16, 3])
    assert hook.codes == {3, 16}
    hook.codes = [0]
    hook(make_call(Pipeline(make_method(), echo)))
    assert (len(seen), hook.codes, hook.rejections) == (1, {0}, False)


@pytest.mark.parametrize("code", [-1, 17, 32, 64])
def test_only_status_codes_can_be_wanted(code):
    with pytest.raises(ValueError, match="is not a status code"):
        EndHook(print, [code])


async def test_what_a_hook_raises_does_not_end_the_call(monkeypatch):
    raised = []
    monkeypatch.setattr(sys, "unraisablehook", raised.append)

    class Observer:
        on_end = EndHook(lambda call: 1 // 0, [0])

    pipeline = Pipeline(make_method(), echo, observers=[Observer()])
    assert await pipeline.serve(make_call(pipeline), b"hello") == b"hello"
    assert [each.exc_type for each in raised] == [ZeroDivisionError]
