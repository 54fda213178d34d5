"""What a user has beside a password."""

from dataclasses import dataclass, field

from blrcs.domain.identity_name import passkey_name

RECOVERY_CODES = 10
MAX_PASSKEYS = 20


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
class Passkey:
    """The public half of a key pair that an authenticator keeps (WebAuthn), as stored.

    Attributes:
        credential_id: By which the authenticator finds it.
        public_key: In COSE's form.
        sign_count: How often the authenticator says it was used; 0 where it does not count.
        backed_up: The authenticator keeps copies of it elsewhere.
        use_time_ns: When it was used last; None before that.
    """

    id: str
    user_id: str
    credential_id: bytes
    public_key: bytes = field(repr=False)
    sign_count: int
    display_name: str = ""
    backed_up: bool = False
    create_time_ns: int
    use_time_ns: int | None = None

    @property
    def name(self) -> str:
        """``users/{user}/passkeys/{passkey}``."""
        return passkey_name(self.user_id, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactors:
    """All that a user has."""

    totp: TotpSecret | None = None
    recovery_codes_left: int = 0
    passkeys: tuple[Passkey, ...] = ()

    @property
    def are_asked_for(self) -> bool:
        """A password alone does not sign the user in."""
        return self.totp is not None or bool(self.passkeys)


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
    passkey: str = field(default="", repr=False)

    @property
    def is_empty(self) -> bool:
        """There is none."""
        return self == FactorProof()
