"""The claims of a verified token: RFC 7519 section 4.1 and RFC 9068, types checked.

`iss`, `sub`, `aud` and `exp` must be there; every other claim read here may be absent, but never
null or of another type. Instants are NumericDates, finite numbers from 0 to 9,223,000,000,
and kept as whole nanoseconds. `cnf` (RFC 7800) must name a thumbprint that is known here: what a
token is bound to is never passed over.
"""

from types import MappingProxyType

cimport cython
from cpython.dict cimport PyDict_GetItemWithError
from cpython.long cimport PyLong_AsLongLongAndOverflow
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint64_t

# Late enough for any token; with the largest leeway its nanoseconds still fit into 64 bits.
cdef int64_t MAX_NUMERIC_DATE_S = 9_223_000_000

cdef enum:
    ABSENT = -1
    INVALID = -2

cdef object MADE_HERE = object()
cdef uint64_t LAST_SERIAL = 0

PASSWORD_CHANGE_CLAIM = "pwc"
ISSUE_NS_CLAIM = "iat_ns"


cdef uint64_t new_serial() noexcept:
    global LAST_SERIAL
    LAST_SERIAL += 1
    return LAST_SERIAL


@cython.final
@cython.auto_pickle(False)
cdef class Claims:
    """What a verified token says; made by a verifier alone, and shared by all who present it.

    Claims that the token lacks are None; `scopes` is then empty, `not_before_ns` and
    `issued_at_ns` are 0. `kid` is that of the key which verified the token, also where the token
    names none. `actor` is who acts for the subject (`act`, RFC 8693), `actor_sessions` (`asid`) the
    sessions by which it and those before it do. `members` is all claims as they were sent, a read-only view; do not change
    the lists and objects within it.

    `principal` is the subject's name here, `groups` those that the issuer says it is in, and
    `permitted` the permissions and patterns of some that the token may be used for, None where that
    is not narrowed.
    """

    def __cinit__(self, maker=None):
        if maker is not MADE_HERE:
            raise TypeError("claims are made by a TokenVerifier")
        self.serial = new_serial()

    @property
    def members(self):
        return MappingProxyType(self._members)

    def __repr__(self):
        return f"<Claims of {self.subject!r} by {self.issuer!r}>"


cdef Claims read_claims(dict members, str kid):
    """The claims that `members` hold, or None where a type or a required claim is wrong."""
    cdef Claims claims = Claims(MADE_HERE)
    claims.subject = string_of(members, "sub")
    claims.issuer = string_of(members, "iss")
    claims.audiences = audiences_of(members)
    if claims.subject is None or claims.issuer is None or claims.audiences is None:
        return None
    claims.session_id = string_of(members, "sid")
    claims.token_id = string_of(members, "jti")
    claims.client_id = string_of(members, "client_id")
    if (
        (claims.session_id is None and "sid" in members)
        or (claims.token_id is None and "jti" in members)
        or (claims.client_id is None and "client_id" in members)
    ):
        return None
    if not read_confirmation(members, claims) or not read_actor(members, claims):
        return None
    claims.scopes = scopes_of(members)
    claims.expires_at_ns = instant_of(members, "exp")
    claims.not_before_ns = instant_of(members, "nbf")
    claims.issued_at_ns = instant_of(members, "iat")
    if claims.scopes is None or claims.expires_at_ns < 0:
        return None
    if claims.not_before_ns == INVALID or claims.issued_at_ns == INVALID:
        return None
    claims.not_before_ns = max(claims.not_before_ns, 0)
    claims.issued_at_ns = max(claims.issued_at_ns, 0)
    claims.issue_ns = claims.issued_at_ns + part_of_second(members)
    claims.kid = kid
    claims.principal = claims.subject
    claims.groups = ()
    claims._members = members
    claims.demands_password = PASSWORD_CHANGE_CLAIM in members
    return claims


cdef str string_of(dict members, str name):
    """A string that is not empty, or None."""
    cdef PyObject* found = PyDict_GetItemWithError(members, name)
    if found == NULL or type(<object>found) is not str or not <str>found:
        return None
    return <str>found


cdef bint read_confirmation(dict members, Claims claims) except -1:
    """What the token is bound to; False where that cannot be told."""
    if "cnf" not in members:
        return True
    confirmation = members["cnf"]
    if type(confirmation) is not dict:
        return False
    claims.certificate_thumbprint = string_of(<dict>confirmation, "x5t#S256")
    claims.key_thumbprint = string_of(<dict>confirmation, "jkt")
    known = (claims.certificate_thumbprint is not None) + (claims.key_thumbprint is not None)
    return known != 0 and known == len(<dict>confirmation)


cdef bint read_actor(dict members, Claims claims) except -1:
    """Who acts for the subject; False where that cannot be told."""
    if "act" in members:
        actor = members["act"]
        if type(actor) is not dict:
            return False
        claims.actor = string_of(<dict>actor, "sub")
        if claims.actor is None:
            return False
    claims.actor_sessions = ()
    if "asid" in members:
        sessions = members["asid"]
        if type(sessions) is not list:
            return False
        for session in <list>sessions:
            if type(session) is not str or not session:
                return False
        claims.actor_sessions = tuple(<list>sessions)
    return True


cdef tuple audiences_of(dict members):
    """The audiences as a tuple, or None where they are no string and no list of strings."""
    cdef PyObject* found = PyDict_GetItemWithError(members, "aud")
    if found == NULL:
        return None
    if type(<object>found) is str:
        return (<object>found,)
    if type(<object>found) is not list:
        return None
    for audience in <list>found:
        if type(audience) is not str:
            return None
    return tuple(<list>found)


cdef tuple scopes_of(dict members):
    """The scopes, RFC 6749 section 3.3, or None where the claim is neither a string nor a list of some.

    RFC 9068 has one string; some issuers write a list.
    """
    cdef PyObject* found = PyDict_GetItemWithError(members, "scope")
    if found == NULL:
        return ()
    if type(<object>found) is list:
        for scope in <list>found:
            if type(scope) is not str:
                return None
        return tuple(<list>found)
    if type(<object>found) is not str:
        return None
    return tuple([scope for scope in (<str>found).split(" ") if scope])


cdef int64_t part_of_second(dict members) except -1:
    """The nanoseconds after `iat` that a token names, 0 for all that is no part of a second."""
    cdef PyObject* found = PyDict_GetItemWithError(members, ISSUE_NS_CLAIM)
    cdef int64_t part_ns
    cdef int overflow = 0
    if found == NULL or type(<object>found) is not int:
        return 0
    part_ns = PyLong_AsLongLongAndOverflow(<object>found, &overflow)
    return part_ns if not overflow and 0 <= part_ns < NS_PER_S else 0


cdef int64_t instant_of(dict members, str name) except? -1:
    """A NumericDate in nanoseconds, ABSENT, or INVALID for what is no such number."""
    cdef PyObject* found = PyDict_GetItemWithError(members, name)
    if found == NULL:
        return ABSENT
    cdef int64_t seconds
    cdef int overflow = 0
    cdef double fractional
    # bool is a kind of int, hence the exact types.
    if type(<object>found) is int:
        seconds = PyLong_AsLongLongAndOverflow(<object>found, &overflow)
        if overflow or not 0 <= seconds <= MAX_NUMERIC_DATE_S:
            return INVALID
        return seconds * NS_PER_S
    if type(<object>found) is float:
        fractional = <object>found
        # False for NaN as well.
        if not (0 <= fractional <= MAX_NUMERIC_DATE_S):
            return INVALID
        return <int64_t>(fractional * NS_PER_S)
    return INVALID
