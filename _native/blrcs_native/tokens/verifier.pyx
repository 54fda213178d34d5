"""Tokens verified by strict rules, and remembered only as long as they stay valid.

JWTs (RFC 7519) as compact JWS (RFC 7515), by the practices of RFC 8725 and 9068. Checks run from
cheap to dear, and claims are read only once the signature is known to be good:

size, form, header, `crit` and `b64`, `typ`, `kid`, `alg`, what the caller's address may still fail,
signature, claims, `iss`, `aud`, life, principal, `exp`, `nbf`, `iat`, revocation.

The first that fails decides the refusal. That all parts are base64url belongs to the form, but the
header is looked at before the others are; `jwk`, `jku`, `x5u` and `x5c` never are read. Integer arithmetic
in nanoseconds throughout: a token is valid while `nbf - leeway <= now < exp + leeway` and
`iat - leeway <= now`.
"""

import time
from asyncio import isfuture

cimport cython
from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_CheckExact
from libc.stdint cimport int64_t, uint64_t
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

from blrcs_native.encoding.strict_json cimport read_strict_object
from blrcs_native.tokens cimport refusal
from blrcs_native.tokens.claims cimport NS_PER_S, Claims, read_claims
from blrcs_native.tokens.failed_verifications cimport AttemptC, FailedVerifications
from blrcs_native.tokens.issuer cimport issuer_in
from blrcs_native.tokens.jws cimport CompactParts, is_base64url, read_base64url, split_compact
from blrcs_native.tokens.keys cimport Keyset, VerificationKey
from blrcs_native.tokens.known_headers cimport KnownHeaders
from blrcs_native.tokens.refusal cimport TokenRefusal
from blrcs_native.tokens.revocations cimport Revocations
from blrcs_native.tokens.rules cimport TokenRules
from blrcs_native.tokens.unfit_tokens cimport UnfitTokens

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    void* PyUnicode_DATA(object text)

cdef enum:
    DEFAULT_MAX_BYTES = 8192
    DEFAULT_CACHE_ENTRIES = 8192
    MAX_REFUSED = 1024


@cython.final
@cython.auto_pickle(False)
cdef class TokenVerifier:
    """Verifies tokens of some issuers, meant for some audiences, with the keys of a set.

    - `issuers`, `audiences`: compared whole; one audience of the token must be among them. Every
      key is trusted for every issuer, so issuers with keys of their own get verifiers of their own.
    - `types`: accepted `typ`, without regard to ASCII case or a leading `application/`. A token
      without `typ` is refused.
    - `leeway_s`: 0 to 300 seconds by which the issuers' clocks may differ from this one.
    - `max_ttl_s`: a token that lives longer from its `iat` on, or has none, is refused; None for no
      bound.
    - `max_bytes`: longer tokens are refused unread.
    - `cache_entries`: how many verified tokens are remembered; 0 for none, else at least 2. When
      half of them were used since the last time, the others are forgotten. The cache may hold
      that many tokens of `max_bytes` each.
    - `clock`: nanoseconds since 1970.
    - `allow_missing_kid`: a token without kid is checked with the only key; such a verifier
      accepts no keyset with several. Otherwise such a token is refused.
    - `scope_narrows`: a token with `scope` may be used for the permissions alone that it names.
    - `identify`: for issuers that name their subjects in ways of their own. It is given the claims
      of a token, once, and returns the principal's name and its groups, or None for nobody. Such
      tokens belong to no session here, and nobody acts by them for somebody else.
    - `failures`: bounds the verifications that come to nothing, where it is told of an address.
      What is remembered costs none.

    A token is remembered by all its octets, and as accepted only once it was. Each use of the memory
    checks instants, revocations and keyset anew, so a revocation or a new keyset takes effect at
    the next call. Some that were refused are remembered too, so that whoever sends one again costs
    no verification; apart from them, and from the second time on, what was refused unverified, so
    that no number of those has one forgotten that was verified. Raises ValueError for empty or unfit settings. Safe for several threads.
    """

    def __cinit__(
        self,
        Keyset keyset not None,
        *,
        issuers,
        audiences,
        types=("at+jwt", "JWT"),
        leeway_s=0,
        max_ttl_s=None,
        Py_ssize_t max_bytes=DEFAULT_MAX_BYTES,
        Py_ssize_t cache_entries=DEFAULT_CACHE_ENTRIES,
        clock=time.time_ns,
        Revocations revocations=None,
        bint allow_missing_kid=False,
        bint scope_narrows=True,
        identify=None,
        FailedVerifications failures=None,
    ):
        if max_bytes < 1:
            raise ValueError(f"max_bytes is at least 1, not {max_bytes}")
        if cache_entries < 0 or cache_entries == 1:
            raise ValueError(f"cache_entries is 0, or at least 2, not {cache_entries}")
        self._rules = TokenRules(
            issuers=issuers,
            audiences=audiences,
            types=types,
            leeway_s=leeway_s,
            max_ttl_s=max_ttl_s,
            allow_missing_kid=allow_missing_kid,
            scope_narrows=scope_narrows,
            identify=identify,
        )
        self.max_bytes = max_bytes
        self.cache_entries = cache_entries
        # The system's own clock is read without a Python call.
        self._clock = None if clock is time.time_ns else clock
        self.revocations = Revocations(clock=clock) if revocations is None else revocations
        self.failures = failures
        self._others = {}
        self._unfit = UnfitTokens()
        self._headers = KnownHeaders()
        self.replace_keyset(keyset)

    @property
    def cached_count(self):
        """How many verified tokens are remembered now."""
        return len(self._hot) + len(self._cold)

    def verify(self, token, str address=None, *, str asker=None):
        """What the token says, or why it is refused; never an exception for what it holds.

        A failure is paid for by the address, if there is one, and by the asker, who sends the token
        in a request instead of calling by it. Raises TypeError for what is neither bytes nor str.
        """
        return self.verify_token(token, address, asker)

    def replace_keyset(self, Keyset keyset not None):
        """Trusts the keys of another set from now on, and forgets every verified token.

        Where the set has all the keys of the one before, the same objects, no token is forgotten.
        """
        if self._rules.allow_missing_kid and keyset.only() is None:
            raise ValueError("tokens without kid need a keyset of exactly one key")
        if self.keyset is not None and keyset.has_all_of(self.keyset):
            self.keyset = keyset
            return
        cdef Keyset old = self.keyset  # lives until the generation is another: its end may run code
        self.keyset = keyset
        self.keyset_generation += 1
        self.clear_cache()

    def look_for_keys(self, look not None):
        """What to call where a token names a key that the keyset has not.

        It must not raise or wait. True says that the keyset may have been replaced by another: the
        token is then decided on by that one. A future says that it may be once that is done: guards
        wait for it, and have the token verified again. All else says that there is nothing to wait
        for.
        """
        self._look_for_key = look

    def delegate(self, verifiers):
        """Leaves the tokens of other issuers to verifiers of theirs, by `iss`."""
        cdef dict others = dict(verifiers)
        for issuer, verifier in others.items():
            if issuer in self._rules.issuers or type(verifier) is not TokenVerifier or verifier is self:
                raise ValueError(f"{issuer!r} cannot be left to another verifier")
        self._others = others
        self._delegated = {}
        self._refused = {}
        self._unfit.clear()

    def clear_cache(self):
        """Forgets every verified token."""
        self._hot = {}
        self._cold = {}
        self._refused = {}
        self._unfit.clear()
        self._bearers = {}
        self._refused_bearers = {}
        self._delegated = {}
        self._headers.clear()

    cdef object verify_bearer(self, str credentials, object caller):
        """:meth:`verify` for the token behind `Bearer `; None where another scheme stands there.

        Credentials whose token is remembered are so as they are: a text that transports give again
        has been hashed, where a token cut out of it would be hashed at each call.
        """
        cdef PyObject* found = PyDict_GetItemWithError(self._bearers, credentials)
        cdef str token
        if found == NULL:
            found = PyDict_GetItemWithError(self._refused_bearers, credentials)
        if found != NULL:
            # Its own reference: a keyset that is replaced meanwhile clears what it was found in.
            token = <str>found
            return self.verify_token(token, caller)
        if not credentials.startswith("Bearer ") and credentials[:7].lower() != "bearer ":
            return None
        token = credentials[7:]
        verdict = self.verify_token(token, caller)
        if type(verdict) is Claims:
            if self.cache_entries:
                if len(self._bearers) >= self.cache_entries:
                    self._bearers.clear()
                self._bearers[credentials] = token
        elif verdict is not refusal.NOT_VERIFIED and (
            token in self._refused or self._unfit.find(token) is not None
        ):
            if len(self._refused_bearers) >= MAX_REFUSED:
                self._refused_bearers.clear()
            self._refused_bearers[credentials] = token
        return verdict

    cdef object verify_token(self, object token, object caller=None, str asker=None):
        """:meth:`verify` for callers in Cython, who may give a Call instead of its address."""
        cdef PyObject* found
        cdef Claims known
        cdef TokenRefusal unfit
        cdef Py_ssize_t size
        cdef bint is_hot
        if PyUnicode_CheckExact(token):
            size = PyUnicode_GET_LENGTH(token)
        elif PyBytes_CheckExact(token):
            size = PyBytes_GET_SIZE(token)
        else:
            raise TypeError(f"a token is bytes or str, not {type(token).__name__}")
        if size > self.max_bytes:
            return refusal.TOO_LARGE
        found = PyDict_GetItemWithError(self._hot, token)
        is_hot = found != NULL
        if not is_hot:
            found = PyDict_GetItemWithError(self._cold, token)
        if found != NULL:
            known = <Claims>found
            # A clock in Python, or another thread, may have replaced the keyset after the check
            # began that ended in these claims.
            if known.keyset_generation == self.keyset_generation:
                return self._recheck(token, known, is_hot)
        found = PyDict_GetItemWithError(self._refused, token)
        if found != NULL:
            refused = <object>found
            return self._refuse_again(token, refused)
        if self._others:
            found = PyDict_GetItemWithError(self._delegated, token)
            if found != NULL:
                return self._left_to(<TokenVerifier>found, token, caller, asker)
        unfit = self._unfit.find(token)
        if unfit is not None:
            return unfit
        if PyBytes_CheckExact(token):
            return self._verify_text(
                token, <const unsigned char*>PyBytes_AS_STRING(token), size, caller, asker
            )
        if not PyUnicode_IS_ASCII(token):
            return refusal.MALFORMED
        return self._verify_text(
            token, <const unsigned char*>PyUnicode_DATA(token), size, caller, asker
        )

    cdef object _verify_text(
        self, object token, const unsigned char* text, Py_ssize_t size, object caller, str asker
    ):
        """Verifies a token that is not remembered."""
        cdef CompactParts parts
        cdef uint64_t generation = self.keyset_generation
        cdef AttemptC attempt
        cdef object answer
        cdef bint is_paid = self.failures is not None and caller is not None
        if not split_compact(text, size, &parts):
            return self._refuse_unfit(token, refusal.MALFORMED, generation)
        if self._others:
            answer = self._ask_other(token, text, &parts, caller, asker)
            if answer is not None:
                return answer
        answer = self._choose_key(text, parts.header_size)
        if answer is refusal.KEY_UNKNOWN:
            self.coming = None if self._look_for_key is None else self._look_for_key()
            if self.coming is True:
                generation = self.keyset_generation
                answer = self._choose_key(text, parts.header_size)
            if not isfuture(self.coming) or self.coming.done():
                self.coming = None
        if answer is refusal.KEY_UNKNOWN:  # which may be known later
            return answer
        if answer is refusal.TYPE_UNACCEPTED and self._names_stranger(text, &parts):
            answer = refusal.ISSUER_UNKNOWN
        if type(answer) is TokenRefusal:
            return self._refuse_unfit(token, answer, generation)
        cdef VerificationKey key = <VerificationKey>answer
        if not (
            is_base64url(text + parts.signature_start, parts.signature_size)
            and is_base64url(text + parts.payload_start, parts.payload_size)
        ):
            return self._refuse_unfit(token, refusal.MALFORMED, generation)
        if is_paid and not self.failures.begin(caller, asker, &attempt):
            return refusal.NOT_VERIFIED
        answer = self._check_signed(token, key, text, &parts, generation)
        # Who asks about a token that was issued has made nobody verify a forged one, whatever is
        # wrong with it by now.
        if is_paid and (
            type(answer) is Claims
            or (asker is not None and answer is not refusal.SIGNATURE_INVALID)
        ):
            self.failures.succeed(&attempt)
        return answer

    cdef object _choose_key(self, const unsigned char* text, Py_ssize_t size):
        """The key that a header is checked with by the keyset of now, or a refusal."""
        # Before the keyset: of a newer one it is only known for less long.
        cdef uint64_t generation = self.keyset_generation
        cdef VerificationKey known = self._headers.find(text, size, generation)
        cdef bytes encoded
        cdef dict header
        if known is not None:
            return known
        encoded = read_base64url(text, size)
        if encoded is None:
            return refusal.MALFORMED
        header = read_strict_object(encoded)
        if header is None:
            return refusal.HEADER_INVALID
        answer = self._rules.choose_key(header, self.keyset)
        if type(answer) is VerificationKey:
            self._headers.note(text, size, answer, generation)
        return answer

    cdef object _check_signed(
        self, object token, VerificationKey key, const unsigned char* text, CompactParts* parts,
        uint64_t generation
    ):
        """Decides on a token by its signature and what it says; all that is dear is done here."""
        cdef bytes signature = read_base64url(text + parts.signature_start, parts.signature_size)
        cdef bytes message = PyBytes_FromStringAndSize(<const char*>text, parts.signature_start - 1)
        cdef bytes payload
        cdef dict members
        cdef Claims claims
        if not key.verify_c(message, signature):
            return self._remember_refused(token, refusal.SIGNATURE_INVALID, generation)
        payload = read_base64url(text + parts.payload_start, parts.payload_size)
        members = read_strict_object(payload)
        claims = None if members is None else read_claims(members, key.kid)
        if claims is None:
            return self._remember_refused(token, refusal.CLAIMS_INVALID, generation)
        return self._admit(token, claims, generation)

    cdef object _ask_other(
        self, object token, const unsigned char* text, CompactParts* parts, object caller, str asker
    ):
        """What the verifier of another issuer says; None where the token names no such issuer.

        Nothing is believed of what is read here: that verifier reads it again, and checks it.
        """
        cdef str issuer = issuer_in(text, parts)
        cdef PyObject* found
        cdef TokenVerifier other
        if issuer is None:
            return None
        found = PyDict_GetItemWithError(self._others, issuer)
        if found == NULL:
            return None
        other = <TokenVerifier>found
        verdict = self._left_to(other, token, caller, asker)
        if type(verdict) is Claims and self.cache_entries:
            if len(self._delegated) >= self.cache_entries:
                self._delegated.clear()
            self._delegated[token] = other
        return verdict

    cdef bint _names_stranger(self, const unsigned char* text, CompactParts* parts) except -1:
        """Whether a token that is left to no other verifier names an issuer, and not one of these."""
        cdef str issuer = issuer_in(text, parts)
        return issuer is not None and issuer not in self._rules.issuers

    cdef object _left_to(self, TokenVerifier other, object token, object caller, str asker):
        verdict = other.verify_token(token, caller, asker)
        if verdict is refusal.KEY_UNKNOWN:
            self.coming = other.coming
        return verdict

    cdef object _admit(self, object token, Claims claims, uint64_t generation):
        """Decides on claims whose signature is good, and remembers what is accepted."""
        cdef TokenRefusal refused = self._rules.judge(claims)
        if refused is refusal.PRINCIPAL_UNKNOWN:
            # Whoever is nobody here may be somebody later.
            return refused
        if refused is not None:
            return self._remember_refused(token, refused, generation)
        claims.keyset_generation = generation
        refused = self._check_now(claims)
        if refused is not None:
            self._remember_refused(token, claims, generation)
            return refused
        self._remember(token, claims)
        return claims

    cdef object _recheck(self, object token, Claims claims, bint is_hot):
        """Decides on a token that was accepted before."""
        cdef TokenRefusal refused = self._check_now(claims)
        if refused is not None:
            self._hot.pop(token, None)
            self._cold.pop(token, None)
            self._remember_refused(token, claims, claims.keyset_generation)
            return refused
        if not is_hot:
            self._cold.pop(token, None)
            self._remember(token, claims)
        return claims

    cdef object _refuse_again(self, object token, object known):
        """Decides on a token that was refused before; one that was so for its time may be good now."""
        cdef TokenRefusal refused
        if type(known) is TokenRefusal:
            return known
        refused = self._check_now(<Claims>known)
        if refused is not None:
            return refused
        self._refused.pop(token, None)
        self._remember(token, <Claims>known)
        return known

    cdef TokenRefusal _check_now(self, Claims claims):
        """Why the claims are not good at this moment, or None."""
        cdef int64_t now_ns = self._now_ns()
        if now_ns >= claims.valid_until_ns:
            return refusal.EXPIRED
        if now_ns < claims.valid_from_ns:
            if now_ns < claims.not_before_ns - self._rules.leeway_ns:
                return refusal.NOT_YET_VALID
            return refusal.ISSUED_IN_FUTURE
        cdef uint64_t generation = self.revocations.current()
        # New claims stand at generation 0, when nothing was revoked yet.
        if claims.revocation_generation != generation:
            if self.revocations.is_revoked_c(claims):
                return refusal.REVOKED
            claims.revocation_generation = generation
        return None

    cdef object _remember(self, object token, Claims claims):
        """Puts a token into the hot half; when full, that turns cold, and the cold one goes."""
        if not self.cache_entries:
            return
        if len(self._hot) >= self.cache_entries // 2:
            self._cold = self._hot
            self._hot = {}
        self._hot[token] = claims

    cdef object _remember_refused(self, object token, object what, uint64_t generation):
        """Puts a token among those that need not be verified again to be refused; gives `what`."""
        # A clock in Python, or another thread, may have replaced the keyset meanwhile.
        if self.cache_entries and generation == self.keyset_generation:
            if len(self._refused) >= MAX_REFUSED:
                self._refused.clear()
            self._refused[token] = what
        return what

    cdef TokenRefusal _refuse_unfit(self, object token, TokenRefusal why, uint64_t generation):
        """Gives `why`, which holds as long as the keyset has the same keys."""
        # Another thread may have replaced the keyset meanwhile.
        if self.cache_entries and generation == self.keyset_generation:
            self._unfit.note(token, why)
        return why

    cdef int64_t _now_ns(self) except? -1:
        cdef timespec now
        if self._clock is not None:
            return self._clock()
        clock_gettime(CLOCK_REALTIME, &now)
        return <int64_t>now.tv_sec * NS_PER_S + now.tv_nsec
