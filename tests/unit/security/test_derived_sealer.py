import pytest

from blrcs.domain.errors import FailedPreconditionError
from blrcs.security.derived_sealer import DerivedSealer


def make_sealer(master=bytes(32), purpose="tests"):
    async def give():
        return master

    return DerivedSealer(give, purpose=purpose)


async def test_what_is_sealed_opens_at_its_place():
    sealer = make_sealer()

    sealed = await sealer.seal(("totp", "alice"), b"secret")

    assert b"secret" not in sealed
    assert await sealer.open(("totp", "alice"), sealed) == b"secret"
    assert await make_sealer().open(("totp", "alice"), sealed) == b"secret"
    assert await sealer.seal(("totp", "alice"), b"secret") != sealed


async def test_it_opens_nowhere_else():
    sealed = await make_sealer().seal(("totp", "alice"), b"secret")

    for sealer, context in (
        (make_sealer(), ("totp", "bob")),
        (make_sealer(), ("totpa", "lice")),
        (make_sealer(bytes(31) + b"\1"), ("totp", "alice")),
        (make_sealer(purpose="others"), ("totp", "alice")),
    ):
        with pytest.raises(FailedPreconditionError):
            await sealer.open(context, sealed)


async def test_what_was_altered_does_not_open():
    sealer = make_sealer()
    sealed = await sealer.seal((), b"secret")

    for index in range(len(sealed)):
        altered = bytearray(sealed)
        altered[index] ^= 1
        with pytest.raises(FailedPreconditionError):
            await sealer.open((), bytes(altered))
    for short in (b"", sealed[:1], sealed[:-1]):
        with pytest.raises(FailedPreconditionError):
            await sealer.open((), short)
