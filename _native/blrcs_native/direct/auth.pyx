"""AuthService.Introspect, answered in one step."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_AsUTF8AndSize

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.direct.handler cimport DirectHandler
from blrcs_native.encoding.protobuf_wire cimport (
    Span,
    bytes_size,
    instant_size,
    number_size,
    put_instant,
    put_length,
    put_number,
    put_text,
    read_sole_text,
    span_of,
    text_of,
    text_size,
)
from blrcs_native.tokens cimport refusal
from blrcs_native.tokens.claims cimport Claims
from blrcs_native.tokens.verifier cimport TokenVerifier

cdef enum:
    MAX_TOKEN_LENGTH = 8192

cdef str USERS = "users/"
cdef bytes INACTIVE = b""


cdef inline Span utf8_of(str text) except *:
    """The text's UTF-8, which lives as long as it; nothing of None."""
    cdef Py_ssize_t size = 0
    cdef const char* data
    if text is None:
        return span_of(NULL, 0)
    data = PyUnicode_AsUTF8AndSize(text, &size)
    return span_of(data, size)


cdef bytes active_reply(Claims claims, str session):
    """What a valid token says, as an IntrospectResponse."""
    cdef Span principal = utf8_of(claims.principal)
    cdef Span session_name = utf8_of(session)
    cdef Span token_id = utf8_of(claims.token_id)
    cdef Span issuer = utf8_of(claims.issuer)
    cdef Span audience
    cdef Py_ssize_t size = (
        number_size(True)
        + text_size(principal.size)
        + text_size(session_name.size)
        + text_size(token_id.size)
        + text_size(issuer.size)
        + instant_size(claims.issued_at_ns)
        + instant_size(claims.expires_at_ns)
    )
    for each in claims.audiences:
        size += bytes_size(utf8_of(each).size)
    cdef tuple scope = () if claims.permitted is None else claims.scopes
    cdef Span actor = utf8_of(claims.actor)
    size += text_size(actor.size)
    for each in scope:
        size += bytes_size(utf8_of(each).size)
    cdef bytes reply = PyBytes_FromStringAndSize(NULL, size)
    cdef unsigned char* at = put_number(<unsigned char*>PyBytes_AS_STRING(reply), 1, True)
    at = put_text(at, 2, principal)
    at = put_text(at, 3, session_name)
    at = put_text(at, 4, token_id)
    at = put_text(at, 5, issuer)
    for each in claims.audiences:
        audience = utf8_of(each)
        at = put_text(at, 6, audience) if audience.size else put_length(at, 6, 0)
    at = put_instant(at, 7, claims.issued_at_ns)
    at = put_instant(at, 8, claims.expires_at_ns)
    for each in scope:
        at = put_text(at, 9, utf8_of(each))
    put_text(at, 10, actor)
    return reply


@cython.final
cdef class DirectIntrospect(DirectHandler):
    cdef TokenVerifier verifier
    cdef Rejection misnamed
    cdef Rejection not_verified

    def __init__(
        self,
        TokenVerifier verifier not None,
        Rejection misnamed not None,
        Rejection not_verified not None,
        guards=(),
    ):
        DirectHandler.__init__(self, guards, ("token",))
        self.verifier = verifier
        self.misnamed = misnamed
        self.not_verified = not_verified

    cdef object answer(self, Call call, const unsigned char* body, Py_ssize_t size):
        cdef Span span
        cdef Py_ssize_t length = 0
        cdef Rejection rejection
        cdef Claims claims
        if not read_sole_text(body, size, &span, &length):
            return None
        if not 0 < length <= MAX_TOKEN_LENGTH:
            return None
        cdef str token = text_of(span)
        if self.guards:
            rejection = self.admit_texts(call, (token,))
            if rejection is not None:
                return rejection
        verdict = self.verifier.verify_token(
            token, call, "" if call.principal is None else call.principal.name
        )
        if type(verdict) is not Claims:
            return self.not_verified if verdict is refusal.NOT_VERIFIED else INACTIVE
        claims = <Claims>verdict
        cdef str session = None
        if (
            claims.session_id is not None
            and not claims.is_foreign
            and claims.principal.startswith(USERS)
        ):
            user_id = claims.principal[len(USERS):]
            if not user_id or "/" in user_id:
                return self.misnamed
            session = f"{claims.principal}/sessions/{claims.session_id}"
        return active_reply(claims, session)
