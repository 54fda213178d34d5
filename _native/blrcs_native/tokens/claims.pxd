"""The claims of a verified token, for guards written in Cython."""

cimport cython
from libc.stdint cimport int64_t, uint64_t


cdef enum:
    NS_PER_S = 1_000_000_000
    MAX_LEEWAY_S = 300


@cython.final
cdef class Claims:
    cdef readonly str subject
    cdef readonly str issuer
    cdef readonly tuple audiences
    cdef readonly str session_id
    cdef readonly str token_id
    cdef readonly str client_id
    cdef readonly tuple scopes
    cdef readonly int64_t expires_at_ns
    cdef readonly int64_t not_before_ns
    cdef readonly int64_t issued_at_ns
    cdef readonly str kid
    cdef readonly str actor
    cdef readonly tuple actor_sessions
    cdef readonly str certificate_thumbprint
    cdef readonly str key_thumbprint
    # Set by the verifier once the token is good.
    cdef readonly str principal
    cdef readonly tuple groups
    cdef readonly frozenset permitted
    cdef readonly bint is_foreign
    # Whether it is good only with what it is bound to: most are bound to nothing.
    cdef bint is_bound
    # Good for changing the password alone.
    cdef bint demands_password
    # Who is known by them alone has the same.
    cdef uint64_t serial
    cdef dict _members
    # When it was issued, to the nanosecond where its issuer is this server.
    cdef int64_t issue_ns
    # Set and read by the verifier that made the claims, whose cache they are an entry of.
    cdef int64_t valid_from_ns
    cdef int64_t valid_until_ns
    cdef uint64_t keyset_generation
    cdef uint64_t revocation_generation


# One that nobody else in this process has, nor has had; from 1 on.
cdef uint64_t new_serial() noexcept
cdef Claims read_claims(dict members, str kid)
