"""The guard that asks where a call comes from."""

from collections.abc import Mapping
from typing import Final, final

from blrcs_native.addresses.address_set import AddressRules
from blrcs_native.addresses.network import CurrentNetwork
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.guard import Guard

DENIED: Final[str]
UNKNOWN: Final[str]

@final
class NetworkGuard(Guard):
    """Puts the client's address into the call, and admits it by the server's and own rules.

    Args:
        network: The server's; None where it has none.
        own: The method's.
        rejections: By ``DENIED`` and ``UNKNOWN``.
    """

    def __init__(
        self,
        network: CurrentNetwork | None,
        own: AddressRules | None,
        rejections: Mapping[str, Rejection],
    ) -> None: ...
