"""By whom a good token may be used."""

from collections.abc import Callable, Collection, Mapping
from typing import Final, final

from blrcs_native.calls.call import Call
from blrcs_native.calls.rejection import Rejection

BINDINGS: Final[tuple[str, ...]]
PROOF_ALGORITHMS: Final[tuple[str, ...]]
"""The names (RFC 7518) of those that proofs may be signed by."""
CERTIFICATE: Final[str]
PROOF_MISSING: Final[str]
PROOF_INVALID: Final[str]
UNBOUND: Final[str]

@final
class BindingRules:
    """One method's rules.

    ``rejections`` holds one for each of the constants above. Of the ``demanded`` bindings, some of
    ``BINDINGS``, a token must have one; none demands nothing.

    ``certificate_of`` tells the thumbprint of the certificate that the caller has shown (RFC 8705,
    section 3.1), or None; ``check_proof`` whether a call carries a good proof of the key with a
    thumbprint for a token (RFC 9449). Without them, tokens that are so bound are refused.
    """

    def __init__(
        self,
        rejections: Mapping[str, Rejection],
        *,
        demanded: Collection[str] = (),
        certificate_of: Callable[[Call], str | None] | None = None,
        check_proof: Callable[[Call, str, str], bool] | None = None,
    ) -> None: ...
