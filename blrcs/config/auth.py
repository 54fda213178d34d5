"""How principals prove who they are, and for how long."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from blrcs.config.duration import Duration, between
from blrcs.config.issuers import HttpsUrl, TrustedIssuer
from blrcs.config.mtls import Mtls
from blrcs.config.passkeys import Passkeys
from blrcs.config.password import Password
from blrcs.config.section import Secret, Section

PASSWORD_MIN_CHARS = 8
PASSWORD_MAX_CHARS = 1_024


@AfterValidator
def _password_length(password: SecretStr) -> SecretStr:
    if not PASSWORD_MIN_CHARS <= len(password.get_secret_value()) <= PASSWORD_MAX_CHARS:
        raise ValueError(f"has not {PASSWORD_MIN_CHARS} to {PASSWORD_MAX_CHARS} characters")
    return password


@AfterValidator
def _none_or_two(entries: int) -> int:
    if entries == 1:
        raise ValueError("is 0, or at least 2")
    return entries


class Auth(Section):
    """Sign-in, sessions and tokens."""

    issuer: Annotated[str, Field(min_length=1, max_length=256)] = "blrcs"
    """The `iss` of issued tokens, and the only one accepted."""
    audience: Annotated[str, Field(min_length=1, max_length=256)] = "blrcs"
    """The `aud` of issued tokens; tokens that do not name it are refused."""
    algorithm: Literal["EdDSA"] = "EdDSA"
    """What tokens are signed with."""
    keys: Literal["directory", "database"] = "directory"
    """Where signing keys lie: in the data directory, or sealed in the database as well."""
    key_prepublish: Annotated[Duration, between("1s", "30d")] = Duration.parse("10m")
    """How long a new signing key is published before it signs; clients keep keys for half of it."""
    key_rotation_interval: Annotated[Duration, between("1h", "3660d")] | None = None
    """How long a signing key signs until another takes its place. Without it, as long as wished."""
    access_token_ttl: Annotated[Duration, between("1s", "1d")] = Duration.parse("15m")
    """How long an access token is valid."""
    refresh_token_ttl: Annotated[Duration, between("1m", "366d")] = Duration.parse("7d")
    """How long a refresh token can be exchanged."""
    session_ttl: Annotated[Duration, between("1m", "366d")] = Duration.parse("30d")
    """How long a session lasts, however often it is refreshed."""
    service_token_ttl: Annotated[Duration, between("1s", "1d")] = Duration.parse("1h")
    """How long a token issued for an API key is valid."""
    exchange_audiences: tuple[Annotated[str, Field(min_length=1, max_length=256)], ...] = ()
    """Audiences for which tokens may be exchanged; none unless they are named."""
    exchange_token_ttl: Annotated[Duration, between("1s", "1h")] = Duration.parse("5m")
    """How long a token got by an exchange is valid."""
    bind_to_certificates: bool = False
    """Tokens got over mutual TLS are good only with the same client certificate (RFC 8705)."""
    proof_origins: tuple[HttpsUrl, ...] = ()
    """What clients that prove a key call this server (DPoP); without any no proof is good."""
    issuers: tuple[TrustedIssuer, ...] = ()
    """Issuers of others whose tokens are accepted too."""
    leeway: Annotated[Duration, between("0s", "5m")] = Duration.parse("30s")
    """How far the clocks of issuer and server may differ."""
    token_cache_entries: Annotated[int, Field(ge=0, le=10_000_000), _none_or_two] = 65_536
    """Verified tokens kept in memory; 0 verifies each anew."""
    failed_tokens_per_address: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    """Tokens of an address that may fail verification in ten minutes; 0 for no bound."""
    failed_tokens_per_second: Annotated[int, Field(ge=0, le=1_000_000)] = 500
    """The same for all addresses, in a second; beyond, those wait that have failed. 0 for none."""
    newcomer_tokens_per_second: Annotated[int, Field(ge=0, le=1_000)] = 20
    """Those verified beyond the bound of an address, by turns of its connections; 0 for none."""
    password: Password = Field(default_factory=Password)
    passkeys: Passkeys = Field(default_factory=Passkeys)
    initial_admin_password: Annotated[Secret, _password_length] | None = None
    """The password of `admin` at the first start. Without it one is generated and printed once."""
    mtls: Mtls = Field(default_factory=Mtls)

    @model_validator(mode="after")
    def _check_lifetimes(self) -> Self:
        if self.refresh_token_ttl > self.session_ttl:
            raise ValueError("refresh_token_ttl is longer than session_ttl")
        if self.access_token_ttl > self.refresh_token_ttl:
            raise ValueError("access_token_ttl is longer than refresh_token_ttl")
        names = [self.issuer, *(each.issuer for each in self.issuers)]
        if len(set(names)) != len(names):
            raise ValueError("issuers names an issuer twice, or the server's own")
        interval = self.key_rotation_interval
        if interval is not None and interval.ns < 2 * self.key_prepublish.ns:
            raise ValueError("key_rotation_interval is shorter than twice key_prepublish")
        return self

    @property
    def longest_token_ns(self) -> int:
        """For how long a token may be accepted from its issue on, by clocks that differ."""
        lives = (self.access_token_ttl, self.service_token_ttl, self.exchange_token_ttl)
        return max(each.ns for each in lives) + self.leeway.ns
