import pytest

from blrcs.domain.errors import UnavailableError
from blrcs.interceptors.shared_proofs import SharedProofGuard
from blrcs_native.calls.rejection import CODE_NAMES


def spending(outcome):
    async def spend():
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return lambda _: None if outcome is None else spend()


def test_a_call_without_a_proof_does_not_wait():
    assert SharedProofGuard(spending(None), shadow=False).check(None) is None


async def test_a_proof_that_is_new_admits():
    assert await SharedProofGuard(spending(True), shadow=False).check(None) is None


@pytest.mark.parametrize(
    ("outcome", "code", "reason"),
    [
        (False, "UNAUTHENTICATED", "TOKEN_PROOF_INVALID"),
        (UnavailableError("DATABASE_UNAVAILABLE", "away"), "UNAVAILABLE", "DATABASE_UNAVAILABLE"),
    ],
)
async def test_one_that_was_used_or_of_which_nobody_knows_is_refused(outcome, code, reason):
    guard = SharedProofGuard(spending(outcome), shadow=False)
    rejection = await guard.check(None)
    assert (CODE_NAMES[rejection.code], rejection.reason) == (code, reason)


def test_a_stream_shows_its_proof_to_others_once():
    # Guards of these stages are asked again at each message.
    guard = SharedProofGuard(spending(True), shadow=True)
    assert guard.stage not in {"authentication", "authorization"}
    assert guard.shadow
