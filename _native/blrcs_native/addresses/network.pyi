"""Which addresses are served, as it is now."""

from typing import final

from blrcs_native.addresses.address_set import AddressRules, AddressSet
from blrcs_native.addresses.client_addresses import ClientAddresses

@final
class CurrentNetwork:
    """What transports and guards go by; all parts are replaced as one, at run time.

    Args:
        rules: Which addresses are served.
        clients: Where calls come from that proxies pass on; None where no proxy is
            trusted about it.
        proxies: Who may say by the PROXY protocol where a connection comes from; None for nobody.
    """

    def __init__(
        self,
        rules: AddressRules,
        clients: ClientAddresses | None = None,
        proxies: AddressSet | None = None,
    ) -> None: ...
    @property
    def rules(self) -> AddressRules: ...
    @property
    def clients(self) -> ClientAddresses | None: ...
    @property
    def proxies(self) -> AddressSet: ...
    def replace(
        self,
        rules: AddressRules,
        clients: ClientAddresses | None,
        proxies: AddressSet | None = None,
    ) -> None: ...
