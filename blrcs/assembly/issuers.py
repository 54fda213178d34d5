"""Puts the issuers of others together with the verifier of calls."""

from functools import partial

from blrcs.application.ports.clock import Clock
from blrcs.assembly.housekeeping import Housekeeping
from blrcs.config.auth import Auth
from blrcs.config.issuers import TrustedIssuer
from blrcs.domain.claim_mapping import ClaimMapping
from blrcs.security.issuers.egress import Egress
from blrcs.security.issuers.follower import IssuerFollower
from blrcs.security.issuers.key_set import KeySource
from blrcs_native.tokens.keys import Keyset
from blrcs_native.tokens.revocations import Revocations
from blrcs_native.tokens.verifier import TokenVerifier

NS_PER_S = 1_000_000_000


class TrustedIssuers:
    """The verifiers of other issuers, as far as their keys are known.

    Args:
        verifier: Leaves their tokens to them.
    """

    def __init__(
        self, settings: Auth, verifier: TokenVerifier, revocations: Revocations, clock: Clock
    ) -> None:
        self._settings = settings
        self._verifier = verifier
        self._revocations = revocations
        self._clock = clock
        self._verifiers: dict[str, TokenVerifier] = {}
        self._followers = {each.issuer: self._follow(each) for each in settings.issuers}

    @property
    def longest_ns(self) -> dict[str, int]:
        """For how long a token of each may be accepted."""
        leeway_ns = self._settings.leeway.ns
        return {each.issuer: each.max_token_ttl.ns + leeway_ns for each in self._settings.issuers}

    def keep_house(self, house: Housekeeping) -> None:
        """Begins to fetch their keys; each worker does so for itself."""
        for follower in self._followers.values():
            house.run(follower.run())

    def _follow(self, issuer: TrustedIssuer) -> IssuerFollower:
        source = KeySource(
            issuer=issuer.issuer,
            jwks_uri=issuer.jwks_uri or "",
            algorithms=issuer.algorithms,
            egress=Egress(
                hosts=issuer.hosts,
                ca_file=issuer.ca_file,
                allow_private=issuer.allow_private_addresses,
            ),
        )
        return IssuerFollower(
            source,
            trust=partial(self._trust, issuer),
            stale_ns=issuer.stale_keys_for.ns,
            clock=self._clock,
        )

    def _trust(self, issuer: TrustedIssuer, keyset: Keyset | None) -> None:
        known = self._verifiers.get(issuer.issuer)
        if keyset is None:
            self._verifiers.pop(issuer.issuer, None)
        elif known is not None:
            known.replace_keyset(keyset)
            return
        else:
            self._verifiers[issuer.issuer] = self._new_verifier(issuer, keyset)
        self._verifier.delegate(self._verifiers)

    def _new_verifier(self, issuer: TrustedIssuer, keyset: Keyset) -> TokenVerifier:
        mapping = ClaimMapping(
            principal=issuer.principal,
            groups_claim=issuer.groups_claim,
            groups=issuer.groups,
            required=issuer.required_claims,
            max_ttl_ns=issuer.max_token_ttl.ns,
        )
        verifier = TokenVerifier(
            keyset,
            issuers=[issuer.issuer],
            audiences=issuer.audiences,
            types=issuer.types,
            leeway_s=self._settings.leeway.ns // NS_PER_S,
            cache_entries=self._settings.token_cache_entries,
            clock=self._clock,
            revocations=self._revocations,
            scope_narrows=issuer.enforce_scope,
            failures=self._verifier.failures,
            identify=lambda claims: mapping.identify(claims, now_ns=self._clock()),
        )
        verifier.look_for_keys(self._followers[issuer.issuer].want)
        return verifier
