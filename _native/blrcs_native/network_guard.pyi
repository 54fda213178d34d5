"""The guard that asks where a call comes from."""

from collections.abc import Mapping
from typing import Final, final

from blrcs_native.address_set import AddressRules
from blrcs_native.guard import Guard
from blrcs_native.network import CurrentNetwork
from blrcs_native.rejection import Rejection

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
