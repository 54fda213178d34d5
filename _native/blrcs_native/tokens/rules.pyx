"""What tokens have to be, whatever the time is: whose, for whom, of which type, by which key.

The rules are those of RFC 8725 and 9068; `token` says in which order they are asked.
"""

cimport cython
from libc.stdint cimport int64_t

from blrcs_native.tokens cimport refusal
from blrcs_native.tokens.claims cimport MAX_LEEWAY_S, NS_PER_S, Claims
from blrcs_native.tokens.keys cimport Keyset, VerificationKey
from blrcs_native.tokens.refusal cimport TokenRefusal

from blrcs_native.tokens.key_rules import algorithm_named

cdef int64_t MAX_TTL_S = 9_223_000_000


@cython.final
@cython.auto_pickle(False)
cdef class TokenRules:
    """The rules of one verifier, see there. Raises ValueError for empty or unfit settings."""

    def __cinit__(
        self,
        *,
        issuers,
        audiences,
        types,
        leeway_s,
        max_ttl_s,
        bint allow_missing_kid,
        bint scope_narrows,
        identify,
    ):
        if type(leeway_s) is not int or not 0 <= leeway_s <= MAX_LEEWAY_S:
            raise ValueError(f"leeway_s is 0 to {MAX_LEEWAY_S} whole seconds, not {leeway_s!r}")
        self.issuers = names_of("issuers", issuers)
        self._audiences = names_of("audiences", audiences)
        self._types = frozenset([media_type(name) for name in names_of("types", types)])
        if max_ttl_s is not None and (type(max_ttl_s) is not int or not 0 < max_ttl_s <= MAX_TTL_S):
            raise ValueError(f"max_ttl_s is 1 to {MAX_TTL_S} whole seconds, not {max_ttl_s!r}")
        self.leeway_ns = <int64_t>leeway_s * NS_PER_S
        self._max_ttl_ns = <int64_t>(0 if max_ttl_s is None else max_ttl_s) * NS_PER_S
        self.allow_missing_kid = allow_missing_kid
        self._scope_narrows = scope_narrows
        self._identify = identify

    cdef object choose_key(self, dict header, Keyset keyset):
        cdef VerificationKey key
        if "crit" in header:
            return refusal.CRITICAL_UNSUPPORTED
        if "b64" in header and header["b64"] is not True:
            return refusal.CRITICAL_UNSUPPORTED
        token_type = header.get("typ")
        algorithm = header.get("alg")
        if type(algorithm) is not str:
            return refusal.HEADER_INVALID
        if type(token_type) is not str or media_type(token_type) not in self._types:
            return refusal.TYPE_UNACCEPTED
        if "kid" in header:
            kid = header["kid"]
            if type(kid) is not str:
                return refusal.HEADER_INVALID
            key = keyset.find(kid)
        else:
            key = keyset.only() if self.allow_missing_kid else None
        if key is None:
            return refusal.KEY_UNKNOWN
        if key.algorithm != algorithm_named(algorithm):
            return refusal.ALGORITHM_MISMATCH
        return key

    cdef TokenRefusal judge(self, Claims claims):
        if claims.issuer not in self.issuers:
            return refusal.ISSUER_UNTRUSTED
        if self._audiences.isdisjoint(claims.audiences):
            return refusal.AUDIENCE_MISMATCH
        if self._max_ttl_ns > 0 and (
            claims.issued_at_ns == 0
            or claims.expires_at_ns - claims.issued_at_ns > self._max_ttl_ns
        ):
            # Revocations are kept for as long as a token may live from its issue on.
            return refusal.LIVES_TOO_LONG
        if self._identify is not None and not self._find_out_who(claims):
            return refusal.PRINCIPAL_UNKNOWN
        if self._scope_narrows and "scope" in claims._members:
            claims.permitted = frozenset(claims.scopes)
        claims.is_bound = (
            claims.certificate_thumbprint is not None or claims.key_thumbprint is not None
        )
        claims.valid_until_ns = claims.expires_at_ns + self.leeway_ns
        claims.valid_from_ns = max(claims.not_before_ns, claims.issued_at_ns) - self.leeway_ns
        return None

    cdef bint _find_out_who(self, Claims claims) except -1:
        """Sets who the issuer's subject is here; False where that is nobody."""
        found = self._identify(claims.members)
        if found is None:
            return False
        principal, groups = found
        claims.principal = principal
        claims.groups = tuple(groups)
        claims.is_foreign = True
        claims.issue_ns = claims.issued_at_ns
        # What only tokens of this server say.
        claims.actor = None
        claims.actor_sessions = ()
        claims.demands_password = False
        return True


cdef frozenset names_of(str what, object names):
    """The names as a set; ValueError where there are none, or where one is no name."""
    if isinstance(names, (str, bytes)):
        raise ValueError(f"{what} is a collection of strings, not one string")
    cdef frozenset chosen = frozenset(names)
    if not chosen or not all(type(name) is str and name for name in chosen):
        raise ValueError(f"{what} is at least one string, and none is empty")
    return chosen


cdef str media_type(str name):
    """A `typ` in one form, RFC 7515 section 4.1.9."""
    # Some characters beyond ASCII are ASCII in lower case.
    return name.lower().removeprefix("application/") if name.isascii() else name
