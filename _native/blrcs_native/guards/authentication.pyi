"""The guard that finds out who calls, by a bearer token."""

from collections.abc import Mapping
from typing import Final, final

from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.guard import Guard
from blrcs_native.tokens.binding import BindingRules
from blrcs_native.tokens.verifier import TokenVerifier

PASSWORD_CHANGE_CLAIM: Final[str]
MISSING: Final[str]
AMBIGUOUS: Final[str]
SCHEME: Final[str]
PASSWORD_CHANGE: Final[str]

@final
class AuthenticationGuard(Guard):
    """Sets ``call.principal`` from ``authorization: Bearer TOKEN`` (RFC 6750), or rejects.

    ``DPoP TOKEN`` (RFC 9449) is taken likewise, for tokens that are bound to a key. ``rejections``
    holds one for each reason: those of ``blrcs_native.tokens.verifier.REFUSALS``, the constants
    above and those of ``blrcs_native.tokens.binding``; ``binding`` says by whom a token may be
    used here.
    Where a token names a key that is not known, and keys are on their way (see
    ``TokenVerifier.look_for_keys``), it waits for them, for five seconds at most.
    A token whose principal must change its password first (the ``pwc`` claim) is rejected unless
    ``allow_password_change_required``.
    """

    def __init__(
        self,
        verifier: TokenVerifier,
        rejections: Mapping[str, Rejection],
        *,
        allow_password_change_required: bool = False,
        binding: BindingRules | None = None,
        shadow: bool = False,
    ) -> None: ...
