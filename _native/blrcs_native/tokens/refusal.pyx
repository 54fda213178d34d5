"""Why a token is refused: one preallocated value for each reason.

Refusing allocates nothing and raises nothing, so it stays cheap under attack. A reason is stable
and fit for google.rpc.ErrorInfo, logs and metric labels; a description is fit to be shown to the
caller and holds nothing of the token. A refusal is UNAUTHENTICATED to a gRPC client, but for
`NOT_VERIFIED`, which says nothing against the token.
"""

from types import MappingProxyType

cimport cython

cdef object MADE_HERE = object()


@cython.final
@cython.auto_pickle(False)
cdef class TokenRefusal:
    """One reason, made by this module alone, so that refusals may be compared by identity."""

    def __cinit__(self, str reason, str description, maker=None):
        if maker is not MADE_HERE:
            raise TypeError("refusals are preallocated: look into REFUSALS")
        self.reason = reason
        self.description = description

    def __repr__(self):
        return f"<TokenRefusal {self.reason}>"


cdef dict refusals = {}


cdef TokenRefusal make(str reason, str description):
    cdef TokenRefusal refusal = TokenRefusal(reason, description, MADE_HERE)
    refusals[reason] = refusal
    return refusal


TOO_LARGE = make("TOKEN_TOO_LARGE", "The token is longer than this server reads.")
MALFORMED = make("TOKEN_MALFORMED", "The token is not a signed JWT in compact form.")
HEADER_INVALID = make("TOKEN_HEADER_INVALID", "The token's header is not valid.")
CRITICAL_UNSUPPORTED = make(
    "TOKEN_CRITICAL_UNSUPPORTED", "The token asks for an extension that is not supported."
)
TYPE_UNACCEPTED = make("TOKEN_TYPE_UNACCEPTED", "The token is of a type not accepted here.")
# As the one above, for the log: a token of that type whose issuer, unverified, nobody trusts.
ISSUER_UNKNOWN = make("TOKEN_ISSUER_UNKNOWN", TYPE_UNACCEPTED.description)
KEY_UNKNOWN = make("TOKEN_KEY_UNKNOWN", "The token names no key that is trusted here.")
ALGORITHM_MISMATCH = make(
    "TOKEN_ALGORITHM_MISMATCH", "The token's algorithm is not that of its key."
)
NOT_VERIFIED = make(
    "TOKEN_NOT_VERIFIED",
    "The token was not looked at: too many from this address were not valid. Try again later.",
)
SIGNATURE_INVALID = make("TOKEN_SIGNATURE_INVALID", "The token's signature is not valid.")
CLAIMS_INVALID = make("TOKEN_CLAIMS_INVALID", "The token's claims are not valid.")
ISSUER_UNTRUSTED = make("TOKEN_ISSUER_UNTRUSTED", "The token's issuer is not trusted here.")
AUDIENCE_MISMATCH = make("TOKEN_AUDIENCE_MISMATCH", "The token is meant for another audience.")
PRINCIPAL_UNKNOWN = make(
    "TOKEN_PRINCIPAL_UNKNOWN", "The token's subject is nobody who is known here."
)
LIVES_TOO_LONG = make(
    "TOKEN_LIVES_TOO_LONG", "The token is valid for longer than its issuer's tokens may be here."
)
EXPIRED = make("TOKEN_EXPIRED", "The token has expired.")
NOT_YET_VALID = make("TOKEN_NOT_YET_VALID", "The token is not valid yet.")
ISSUED_IN_FUTURE = make("TOKEN_ISSUED_IN_FUTURE", "The token was issued in the future.")
REVOKED = make("TOKEN_REVOKED", "The token was revoked.")

REFUSALS = MappingProxyType(refusals)
