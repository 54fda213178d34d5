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
def test_tokens_are_bound_to_what_the_caller_asks_for_by_showing_it(
    certificate, key, binds, chosen, shown
):
    bindings = CallerBindings(
        certificate_of=lambda _: certificate,
        proven_key_of=lambda _: key,
        binds_to_certificates=binds,
    )
    assert bindings.chosen(None) == chosen
    assert list(bindings.shown(None)) == shown
    assert UNBOUND.chosen(None) is None
