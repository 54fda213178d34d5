"""What a user has beside a password."""

from dataclasses import dataclass, field

RECOVERY_CODES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpSecret:
    """What an authenticator and the server share (RFC 6238), as stored.

    Attributes:
        sealed: The secret, encrypted and bound to its user.
        last_step: The time step of the code that was accepted last; no other up to it ever is.
        create_time_ns: When it was enrolled; nanoseconds since the Unix epoch.
    """

    user_id: str
    sealed: bytes = field(repr=False)
    last_step: int
    create_time_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactors:
    """All that a user has."""

    totp: TotpSecret | None = None
    recovery_codes_left: int = 0

    @property
    def are_asked_for(self) -> bool:
        """A password alone does not sign the user in."""
        return self.totp is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What was asked of somebody, who brings it back with the answer.

    Attributes:
        purpose: What it may be used for, and nothing else.
        id: Nobody can guess it, and it can be used up once.
        user_id: Whom it was put to; empty where that is not known yet.
        password_time_ns: When the password was chosen that was proven before.
        display_name: What the session is to be shown as.
        secret: What is kept with it, unreadable for whoever carries it.
    """

    purpose: str
    id: bytes
    expire_time_ns: int
    user_id: str = ""
    password_time_ns: int = 0
    display_name: str = ""
    secret: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorProof:
    """An answer by a second factor; exactly one is not empty."""

    totp_code: str = field(default="", repr=False)
    recovery_code: str = field(default="", repr=False)

    @property
    def is_empty(self) -> bool:
        """There is none."""
        return self == FactorProof()
