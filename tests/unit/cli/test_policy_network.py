"""What rules about addresses decide about a call."""

import pytest

from blrcs.cli.policy_network import network_verdict
from blrcs.config.network import Network
from blrcs.domain.policy import PUBLIC, Addresses, MethodPolicy

OWN = MethodPolicy("public", addresses=Addresses(allow=("10.0.0.0/8", "unix")))
SERVER = Network(deny=("10.1.0.0/16",))


def test_without_rules_there_is_nothing_to_decide() -> None:
    assert network_verdict(PUBLIC, Network(), "1.2.3.4").decision == "nothing to decide"


def test_without_an_address_both_rules_are_told() -> None:
    verdict = network_verdict(OWN, SERVER, None)
    assert verdict.decision == "depends"
    assert verdict.reasons == (
        "the server serves all, not 10.1.0.0/16",
        "the method serves 10.0.0.0/8, unix",
    )


@pytest.mark.parametrize(
    ("address", "whose"),
    [("10.0.0.1", ""), ("unix", ""), ("10.1.0.1", "the server"), ("1.2.3.4", "the method")],
)
def test_an_address_is_admitted_by_both_or_refused_by_one(address: str, whose: str) -> None:
    verdict = network_verdict(OWN, SERVER, address)
    assert verdict.code == ("PERMISSION_DENIED" if whose else "")
    assert verdict.reasons[0].startswith(whose or address)
