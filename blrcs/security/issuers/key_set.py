"""The keys that an issuer publishes, found by its discovery document (OpenID Connect Discovery)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blrcs.security.issuers.egress import Document, Egress, EgressError
from blrcs_native.tokens.key_rules import InvalidKeyError, algorithm_named
from blrcs_native.tokens.keys import Keyset, VerificationKey

DISCOVERY_PATH = "/.well-known/openid-configuration"
MAX_KEYS = 64
MAX_TOLD = 4
"""Of so many keys that are passed over it is told why."""
MAX_NAME = 40
"""Characters that are shown of what an issuer calls a key."""

_CURVES = {"Ed25519": "EdDSA", "P-256": "ES256", "P-384": "ES384"}


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """Keys, and for how long they may be kept; None where that is not said.

    Attributes:
        passed_over: Why others that are published are of no use here, a line for each of some.
    """

    keyset: Keyset
    max_age_s: int | None
    passed_over: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySource:
    """Where an issuer's keys are.

    Attributes:
        issuer: Its name, which is a URL.
        jwks_uri: Where its keys are; empty where its discovery document says so.
        algorithms: Those that its tokens may be signed with.
    """

    issuer: str
    jwks_uri: str
    algorithms: Collection[str]
    egress: Egress

    def fetch(self, known: Keyset | None = None) -> PublishedKeys:
        """Reads them; of those that are known and have not changed, the same objects. Blocks.

        Raises:
            EgressError: They cannot be had, or none of them is of use.
        """
        document = self.egress.fetch(self.jwks_uri or self._discover())
        listed = document.members.get("keys")
        if not isinstance(listed, list) or len(listed) > MAX_KEYS:
            raise EgressError(f"{self.issuer} publishes no list of up to {MAX_KEYS} keys")
        return self._usable(listed, document, known)

    def _discover(self) -> str:
        found = self.egress.fetch(self.issuer.rstrip("/") + DISCOVERY_PATH).members
        # Whoever could answer for another issuer could have its tokens verified by own keys.
        if found.get("issuer") != self.issuer:
            described = repr(found.get("issuer"))[:200]
            raise EgressError(f"{self.issuer} is described as another issuer, {described}")
        where = found.get("jwks_uri")
        if not isinstance(where, str):
            raise EgressError(f"{self.issuer} does not say where its keys are")
        return where

    def _usable(self, listed: list[Any], document: Document, known: Keyset | None) -> PublishedKeys:
        kept = {} if known is None else {key.kid: key for key in known}
        keys: dict[str, VerificationKey] = {}
        passed_over: list[str] = []
        for jwk in listed:
            key = self._key(jwk)
            if isinstance(key, str):
                passed_over.append(f"{_name_of(jwk)} {key}")
                continue
            if key.kid in keys:
                raise EgressError(f"{self.issuer} publishes the kid {key.kid[:80]!r} twice")
            before = kept.get(key.kid)
            same = before is not None and before.to_jwk() == key.to_jwk()
            keys[key.kid] = before if before is not None and same else key
        told = tuple(passed_over[:MAX_TOLD])
        if not keys:
            why = "".join(f"; {each}" for each in told)
            raise EgressError(f"{self.issuer} publishes no key that can be used{why}")
        return PublishedKeys(Keyset(keys.values()), document.max_age_s, told)

    def _key(self, jwk: object) -> VerificationKey | str:
        """The key, or why it is passed over: issuers publish those of other uses as well."""
        if not isinstance(jwk, Mapping):
            return "is no object"
        if "kid" not in jwk:
            return "has no kid"
        if jwk.get("use", "sig") != "sig":
            return "is for another use than sig"
        algorithm = algorithm_named(jwk.get("alg")) or self._algorithm_of(jwk)
        if not isinstance(algorithm, str) or algorithm not in self.algorithms:
            named = ascii(str(algorithm)[:MAX_NAME])
            return "says no alg" if algorithm is None else f"is for {named}, not in algorithms"
        try:
            return VerificationKey.from_jwk(jwk, algorithm=algorithm)
        except InvalidKeyError as error:
            return f"is refused: {error}"

    def _algorithm_of(self, jwk: Mapping[str, Any]) -> str | None:
        if jwk.get("kty") == "RSA":
            fitting = [each for each in ("RS256", "PS256") if each in self.algorithms]
            # Each key is for one algorithm; which one, somebody has to say.
            return fitting[0] if len(fitting) == 1 else None
        return _CURVES.get(str(jwk.get("crv")))


def _name_of(jwk: object) -> str:
    """What an issuer calls a key, fit to be shown."""
    kid = jwk.get("kid") if isinstance(jwk, Mapping) else None
    return ascii(kid[:MAX_NAME]) if isinstance(kid, str) else "one"
