"""Puts the issuers of others together with the verifier of calls."""

from functools import partial

from blrcs.application.ports.clock import Clock
from blrcs.assembly.housekeeping import Housekeeping
from blrcs.config.auth import Auth
from blrcs.config.issuers import TrustedIssuer
from blrcs.domain.claim_mapping import ClaimMapping
from blrcs.monitoring.issuer_metrics import IssuerMetrics
from blrcs.security.issuers.egress import Egress
from blrcs.security.issuers.follower import IssuerFollower
from blrcs.security.issuers.key_set import KeySource
from blrcs_native.tokens.keys import Keyset
from blrcs_native.tokens.revocations import Revocations
from blrcs_native.tokens.verifier import TokenVerifier

NS_PER_S = 1_000_000_000
NO_KEYS = Keyset((), may_be_empty=True)


class TrustedIssuers:
    """The verifiers of other issuers; of those whose keys are not known, all tokens are refused.

    Args:
        verifier: Leaves their tokens to them.
        metrics: Told how they stand.
    """

    def __init__(
        self,
        settings: Auth,
        verifier: TokenVerifier,
        revocations: Revocations,
        clock: Clock,
        metrics: IssuerMetrics,
    ) -> None:
        self._settings = settings
        self._verifier = verifier
        self._revocations = revocations
        self._clock = clock
        self._metrics = metrics
        verifiers = {each.issuer: self._new_verifier(each) for each in settings.issuers}
        self._followers = [self._follow(each, verifiers[each.issuer]) for each in settings.issuers]
        verifier.delegate(verifiers)

    @property
    def longest_ns(self) -> dict[str, int]:
        """For how long a token of each may be accepted."""
        leeway_ns = self._settings.leeway.ns
        return {each.issuer: each.max_token_ttl.ns + leeway_ns for each in self._settings.issuers}

    def keep_house(self, house: Housekeeping) -> None:
        """Begins to fetch their keys; each worker does so for itself."""
        for follower in self._followers:
            house.run(follower.run())

    def _follow(self, issuer: TrustedIssuer, verifier: TokenVerifier) -> IssuerFollower:
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
        follower = IssuerFollower(
            source,
            trust=partial(self._trust, issuer.issuer, verifier),
            asked=partial(self._metrics.asked, issuer.issuer),
            stale_ns=issuer.stale_keys_for.ns,
            clock=self._clock,
        )
        verifier.look_for_keys(follower.want)
        self._metrics.trusted(issuer.issuer, has_keys=False)
        return follower

    def _trust(self, issuer: str, verifier: TokenVerifier, keyset: Keyset | None) -> None:
        verifier.replace_keyset(NO_KEYS if keyset is None else keyset)
        self._metrics.trusted(issuer, has_keys=keyset is not None)

    def _new_verifier(self, issuer: TrustedIssuer) -> TokenVerifier:
        mapping = ClaimMapping(
            principal=issuer.principal,
            groups_claim=issuer.groups_claim,
            groups=issuer.groups,
            required=issuer.required_claims,
        )
        return TokenVerifier(
            NO_KEYS,
            issuers=[issuer.issuer],
            audiences=issuer.audiences,
            types=issuer.types,
            leeway_s=self._settings.leeway.ns // NS_PER_S,
            max_ttl_s=issuer.max_token_ttl.ns // NS_PER_S,
            cache_entries=self._settings.token_cache_entries,
            clock=self._clock,
            revocations=self._revocations,
            scope_narrows=issuer.enforce_scope,
            failures=self._verifier.failures,
            identify=mapping.identify,
        )
