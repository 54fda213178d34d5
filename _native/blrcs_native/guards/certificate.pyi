"""The guard that finds out who calls by a client's certificate, where there is no token."""

from collections.abc import Callable
from typing import final

from blrcs_native.calls.call import Call, Principal
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.guard import Guard

@final
class CertificatePrincipals:
    """Who the clients are, by their certificates; each certificate is read once.

    The transport has verified them: others are not in a call's ``auth_context``.

    Args:
        read: Takes a certificate as PEM; gives the principal's name, None for nobody, and the Unix
            time in nanoseconds until which the certificate is valid.
        clock: Unix time in nanoseconds.
    """

    def __init__(
        self, read: Callable[[bytes], tuple[str | None, int]], clock: Callable[[], int]
    ) -> None: ...
    def principal(self, call: Call) -> Principal | None:
        """None without a certificate, for one of nobody, and once it has expired."""

@final
class CertificateGuard(Guard):
    """Takes the principal of the certificate for calls without a token, and has others' judged.

    Args:
        principals: Who the clients are.
        tokens: The guard that judges tokens.
        nobody: Refuses callers whose certificate is nobody's, those with a token too. None has
            them judged by their tokens.
        only_tokens: No certificate takes the place of a token.
    """

    def __init__(
        self,
        principals: CertificatePrincipals,
        tokens: Guard,
        nobody: Rejection | None,
        *,
        only_tokens: bool = False,
    ) -> None: ...
