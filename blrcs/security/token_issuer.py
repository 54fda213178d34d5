"""Access tokens: JWTs after RFC 9068, signed with Ed25519."""

import base64
from collections.abc import Callable

import jwt

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import AccessToken
from blrcs.domain.authentication import Authentication
from blrcs.domain.proven_subject import note_subject
from blrcs.domain.token_limits import NO_LIMITS, TokenLimits
from blrcs.security.signing_keys import ALGORITHM, SigningKeys

NS_PER_S = 1_000_000_000
DEFAULT_TTL_NS = 15 * 60 * NS_PER_S
TYPE = "at+jwt"
TOKEN_ID_BYTES = 16

_CONFIRMATIONS = {"certificate": "x5t#S256", "proof": "jkt"}


class JwtIssuer:
    """Implements the TokenIssuer port.

    Besides the registered claims a token carries ``sid``, by which it can be revoked; ``iat_ns``,
    the nanoseconds after ``iat``, so that one issued after a revocation is told from one before,
    in the same second; ``pwc``,
    true where only a password change is allowed; ``akid``, the API key that it was got with; of a
    user's proof of identity ``acr``, ``amr`` and ``auth_time`` (RFC 9068, section 2.2.1); and
    where it is limited ``scope`` (RFC 6749), ``act`` (RFC 8693) with ``asid``, the sessions of
    those who act, and ``cnf`` (RFC 7800).

    Args:
        issuer: The ``iss`` of every token.
        audience: The ``aud`` of every token that is for no other audience.
        ttl_ns: The life of a token, at least a second.
        random: Gives as many unpredictable bytes as it is asked for.
    """

    def __init__(
        self,
        keys: SigningKeys,
        *,
        issuer: str,
        audience: str,
        clock: Clock,
        random: Callable[[int], bytes],
        ttl_ns: int = DEFAULT_TTL_NS,
    ) -> None:
        if ttl_ns < NS_PER_S:
            raise ValueError("an access token lives for a second at least")
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._random = random
        self._ttl_ns = ttl_ns

    def issue(
        self,
        principal: str,
        session_id: str,
        *,
        not_after_ns: int | None,
        password_change_required: bool = False,
        api_key_id: str = "",
        authentication: Authentication | None = None,
        limits: TokenLimits = NO_LIMITS,
    ) -> AccessToken:
        """See the port. The expiry is cut down to whole seconds."""
        now_ns = self._clock()
        expire_ns = now_ns + self._ttl_ns
        if not_after_ns is not None:
            expire_ns = min(expire_ns, not_after_ns)
        expire_s = expire_ns // NS_PER_S
        issue_s, issue_ns = divmod(now_ns, NS_PER_S)
        claims: dict[str, object] = {
            "iss": self._issuer,
            "aud": limits.audience or self._audience,
            "sub": principal,
            "sid": session_id,
            "jti": self._token_id(),
            "iat": issue_s,
            "iat_ns": issue_ns,
            "nbf": issue_s,
            "exp": expire_s,
        }
        if password_change_required:
            claims["pwc"] = True
        if api_key_id:
            claims["akid"] = api_key_id
        if authentication is not None:
            claims["acr"] = authentication.acr
            claims["amr"] = list(authentication.methods)
            claims["auth_time"] = authentication.time_ns // NS_PER_S
        claims |= _limiting_claims(limits)
        key = self._keys.signer()
        text = jwt.encode(
            claims,
            key.private_key,
            algorithm=ALGORITHM,
            headers={"typ": TYPE, "kid": key.kid},
        )
        note_subject(principal, session_id)
        return AccessToken(text, max(expire_s * NS_PER_S - now_ns, 0))

    def _token_id(self) -> str:
        octets = self._random(TOKEN_ID_BYTES)
        return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _limiting_claims(limits: TokenLimits) -> dict[str, object]:
    claims: dict[str, object] = {}
    if limits.scope is not None:
        claims["scope"] = " ".join(limits.scope)
    actor: dict[str, object] = {}
    for name in reversed(limits.actors):
        actor = {"sub": name, "act": actor} if actor else {"sub": name}
    if actor:
        claims["act"] = actor
    if limits.actor_sessions:
        claims["asid"] = list(limits.actor_sessions)
    if limits.binding is not None:
        claims["cnf"] = {_CONFIRMATIONS[limits.binding.kind]: limits.binding.thumbprint}
    return claims
