"""Which addresses are served, as it is now."""

from typing import final

from blrcs_native.address_set import AddressRules
from blrcs_native.client_addresses import ClientAddresses

@final
class CurrentNetwork:
    """What transports and guards go by; both parts are replaced as one, at run time.

    Args:
        rules: Which addresses are served.
        clients: Where calls come from that proxies pass on; None where no proxy is trusted.
    """

    def __init__(self, rules: AddressRules, clients: ClientAddresses | None = None) -> None: ...
    @property
    def rules(self) -> AddressRules: ...
    @property
    def clients(self) -> ClientAddresses | None: ...
    def replace(self, rules: AddressRules, clients: ClientAddresses | None) -> None: ...
    def admits_connection(self, peer: str) -> bool:
        """Whether a connection is accepted: from an address that is served, or from a proxy, whose
        calls are then judged one by one."""
