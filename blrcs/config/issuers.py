"""Issuers of tokens that others run."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from blrcs.config.duration import Duration, between
from blrcs.config.section import ReadableFile, Section, Table, empty_table
from blrcs.domain.claim_mapping import check_template

Name = Annotated[str, Field(min_length=1, max_length=256)]


def _https(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc or parts.fragment:
        raise ValueError("is no https URL")
    return url


HttpsUrl = Annotated[str, Field(max_length=512), AfterValidator(_https)]
GroupName = Annotated[
    str,
    Field(pattern=r"^(tenants/[a-z0-9][a-z0-9._-]{0,63}/)?groups/[a-z0-9][a-z0-9._-]{0,63}$"),
]


class TrustedIssuer(Section):
    """An issuer whose tokens are accepted, and who its subjects are here."""

    issuer: HttpsUrl
    """The `iss` of its tokens, compared whole."""
    audiences: Annotated[tuple[Name, ...], Field(min_length=1)]
    """A token must name one of them."""
    principal: Annotated[str, Field(max_length=256), AfterValidator(check_template)]
    """The name of its subjects, such as `issuers/example/subjects/{sub}`."""
    jwks_uri: HttpsUrl | None = None
    """Where its keys are. Without it, where its discovery document says."""
    algorithms: Annotated[
        tuple[Literal["EdDSA", "ES256", "ES384", "RS256", "PS256"], ...], Field(min_length=1)
    ] = ("RS256", "ES256", "EdDSA")
    """What its tokens may be signed with."""
    types: Annotated[tuple[Name, ...], Field(min_length=1)] = ("at+jwt", "JWT")
    """The `typ` that its tokens may have."""
    required_claims: Table[str, tuple[str, ...]] = Field(default_factory=empty_table)
    """Claims that a token must have, and the values of which each must have one."""
    groups_claim: Annotated[str, Field(max_length=256)] = ""
    """The claim that lists a subject's groups."""
    groups: Table[str, GroupName] = Field(default_factory=empty_table)
    """Which groups those are here, by the issuer's names."""
    enforce_scope: bool = False
    """Whether `scope` names permissions, and a token is good for these alone."""
    max_token_ttl: Annotated[Duration, between("1m", "30d")] = Duration.parse("1d")
    """Tokens that are valid for longer are refused."""
    stale_keys_for: Annotated[Duration, between("0s", "30d")] = Duration.parse("1d")
    """How long its keys stay in use where it cannot be reached."""
    allowed_hosts: tuple[Name, ...] = ()
    """Hosts beside its own from which its keys may come."""
    ca_file: ReadableFile | None = None
    """Authorities to trust for it, instead of the system's."""
    allow_private_addresses: bool = False
    """Whether it may be at an inner address."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.groups and not self.groups_claim:
            raise ValueError("groups are given, but no groups_claim")
        if self.jwks_uri is not None and urlsplit(self.jwks_uri).hostname not in self.hosts:
            raise ValueError("jwks_uri is at a host that allowed_hosts does not name")
        return self

    @property
    def hosts(self) -> frozenset[str]:
        """All hosts that may be reached for it."""
        own = urlsplit(self.issuer).hostname or ""
        return frozenset({own, *(each.lower() for each in self.allowed_hosts)})
