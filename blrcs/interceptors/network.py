"""Where a call comes from: the guard that stands before all others."""

from blrcs.config.network import Network
from blrcs.domain.policy import MethodPolicy
from blrcs.interceptors.proto_policy import PolicyError
from blrcs.interceptors.statuses import rejection
from blrcs_native.addresses.address_set import AddressRules, AddressSet
from blrcs_native.addresses.client_addresses import ClientAddresses
from blrcs_native.addresses.network import CurrentNetwork
from blrcs_native.calls.method import Method
from blrcs_native.guards import network as native
from blrcs_native.guards.guard import Guard

REJECTIONS = {
    native.DENIED: rejection(
        "PERMISSION_DENIED", "network", native.DENIED, "calls from this address are not served"
    ),
    native.UNKNOWN: rejection(
        "PERMISSION_DENIED",
        "network",
        native.UNKNOWN,
        "a proxy does not say by a valid address where the call comes from",
    ),
}


def current_network(settings: Network) -> CurrentNetwork:
    """What transports and guards go by, from the settings at the start."""
    return CurrentNetwork(*network_parts(settings))


def network_parts(settings: Network) -> tuple[AddressRules, ClientAddresses | None, AddressSet]:
    """What settings come to, as ``CurrentNetwork.replace`` takes it."""
    clients = None
    if settings.trusted_proxies and settings.forwarded_header != "none":
        clients = ClientAddresses(settings.trusted_proxies, settings.forwarded_header)
    rules = AddressRules(settings.allow, settings.deny)
    return rules, clients, AddressSet(settings.trusted_proxies)


def network_guards(
    method: Method, policy: MethodPolicy, network: CurrentNetwork | None
) -> tuple[Guard, ...]:
    """The guard of a method; none where neither the server nor the method has rules.

    Raises:
        PolicyError: The method's policy names what is no network.
    """
    own = None
    if policy.addresses is not None:
        try:
            own = AddressRules(policy.addresses.allow, policy.addresses.deny)
        except ValueError as error:
            raise PolicyError(f"{method.name}: {error}") from None
    if network is None and own is None:
        return ()
    return (native.NetworkGuard(network, own, REJECTIONS),)
