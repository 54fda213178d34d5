"""How, and when, somebody has proven who it is."""

from dataclasses import dataclass
from enum import IntEnum


class AuthenticationLevel(IntEnum):
    """How well; a higher one meets what a lower one is asked for (blrcs.v1.AuthenticationLevel)."""

    UNSPECIFIED = 0
    SINGLE_FACTOR = 1
    MULTI_FACTOR = 2
    PHISHING_RESISTANT = 3


ACR = {
    AuthenticationLevel.SINGLE_FACTOR: "aal1",
    AuthenticationLevel.MULTI_FACTOR: "aal2",
    AuthenticationLevel.PHISHING_RESISTANT: "phr",
}
"""The levels as the claim ``acr`` has them: NIST SP 800-63B's, and OpenID's (EAP ACR 1.0)."""

PASSWORD = "pwd"  # noqa: S105 - RFC 8176's name of a method
ONE_TIME_PASSWORD = "otp"  # noqa: S105 - likewise
RECOVERY_CODE = "recovery"
MULTI_FACTOR = "mfa"
HARDWARE_KEY = "hwk"
SOFTWARE_KEY = "swk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """A proof of identity.

    Attributes:
        methods: By what, in the terms of RFC 8176 (the claim ``amr``).
        time_ns: When; nanoseconds since the Unix epoch.
    """

    level: AuthenticationLevel = AuthenticationLevel.SINGLE_FACTOR
    methods: tuple[str, ...] = (PASSWORD,)
    time_ns: int = 0

    @property
    def acr(self) -> str:
        """The claim ``acr``."""
        return ACR[self.level]


def by_password(time_ns: int) -> Authentication:
    """A password alone."""
    return Authentication(time_ns=time_ns)


def by_passkey(*, backed_up: bool, beside_password: bool, time_ns: int) -> Authentication:
    """A passkey whose authenticator has verified its user."""
    key = SOFTWARE_KEY if backed_up else HARDWARE_KEY
    return Authentication(
        level=AuthenticationLevel.PHISHING_RESISTANT,
        methods=(*((PASSWORD,) if beside_password else ()), key, MULTI_FACTOR),
        time_ns=time_ns,
    )


def by_second_factor(method: str, time_ns: int) -> Authentication:
    """A password, and something beside it."""
    return Authentication(
        level=AuthenticationLevel.MULTI_FACTOR,
        methods=(PASSWORD, method, MULTI_FACTOR),
        time_ns=time_ns,
    )
