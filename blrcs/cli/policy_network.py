"""What the rules about addresses decide about a call, and why."""

from blrcs.cli.policy_verdict import Verdict
from blrcs.config.network import AddressLists, Network
from blrcs.domain.policy import Addresses, MethodPolicy
from blrcs_native.addresses.address_set import AddressRules

STAGE = "network"


def network_verdict(policy: MethodPolicy, network: Network, address: str | None) -> Verdict:
    """What the server's rules and the method's own decide.

    Args:
        policy: The method's.
        network: The server's rules.
        address: Where the call comes from, as limits count it; None where that is not said.
    """
    rules = [("the server", network), ("the method", policy.addresses)]
    stated = [(whose, each) for whose, each in rules if each and (each.allow or each.deny)]
    if not stated:
        return Verdict(STAGE, "nothing to decide", ("every address is served",))
    if address is None:
        reasons = tuple(f"{whose} serves {addresses_text(each)}" for whose, each in stated)
        return Verdict(STAGE, "depends", reasons)
    for whose, each in stated:
        if not AddressRules(each.allow, each.deny).admits(address):
            reason = f"{whose} serves {addresses_text(each)}, and the call comes from {address}"
            return Verdict(STAGE, "rejects", (reason,), "PERMISSION_DENIED")
    return Verdict(STAGE, "admits", (f"{address} is served",))


def addresses_text(addresses: Addresses | AddressLists) -> str:
    """From where, such as ``10.0.0.0/8, not 10.1.0.0/16``."""
    allowed = ", ".join(addresses.allow) or "all"
    return f"{allowed}, not {', '.join(addresses.deny)}" if addresses.deny else allowed
