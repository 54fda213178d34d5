import pytest

from blrcs.api.caller_bindings import UNBOUND, CallerBindings
from blrcs.domain.token_limits import TokenBinding

CERTIFICATE = TokenBinding("certificate", "c")
PROOF = TokenBinding("proof", "k")


@pytest.mark.parametrize(
    ("certificate", "key", "binds", "chosen", "shown"),
    [
        (None, None, True, None, []),
        ("c", None, False, None, [CERTIFICATE]),
        ("c", None, True, CERTIFICATE, [CERTIFICATE]),
        (None, "k", False, PROOF, [PROOF]),
        ("c", "k", True, PROOF, [PROOF, CERTIFICATE]),
    ],
)
async def test_tokens_are_bound_to_what_the_caller_asks_for_by_showing_it(
    certificate, key, binds, chosen, shown
):
    async def proven_key(_):
        return key

    bindings = CallerBindings(
        certificate_of=lambda _: certificate,
        proven_key_of=proven_key,
        binds_to_certificates=binds,
    )
    assert await bindings.chosen(None) == chosen
    assert list(await bindings.shown(None)) == shown
    assert await UNBOUND.chosen(None) is None
