"""What was revoked before it expired: sessions, single tokens, older tokens of a subject, keys.

Ids are those of an issuer: two issuers may use the same id for different things. A revocation is
in force when the call that made it returns, for every verifier that holds this object, and where
processes share a log for every one of theirs. One thread at a time may change or read it, which the
GIL ensures.
"""

import heapq
import time

cimport cython
from libc.stdint cimport int64_t

from blrcs_native.tokens.claims cimport MAX_LEEWAY_S, NS_PER_S, Claims
from blrcs_native.tokens.revocation_log cimport LogEntry, RevocationLog

cdef enum LogKind:
    RELOAD = 0
    OF_SESSION = 1
    OF_TOKEN = 2
    OF_SUBJECT = 3
    OF_KEY = 4

cdef int64_t GRACE_NS = <int64_t>MAX_LEEWAY_S * NS_PER_S
cdef object INSTANT_LIMIT_NS = 2**63 - 1


@cython.final
@cython.auto_pickle(False)
cdef class Revocations:
    """Revoked ids, each kept until the tokens that it names have expired by themselves.

    `expires_at_ns` is the latest `exp` of those tokens, in nanoseconds since 1970; an entry is
    kept for the largest leeway of a verifier beyond it, and dropped by a later `revoke_…()` or
    by `prune()`. Revoking again never shortens an entry. `generation` grows with every
    revocation, so that one comparison tells whether anything was revoked since. `clock` gives
    nanoseconds since 1970. Memory is one entry for each revoked id that has not expired.

    With a `log`, what any process revokes that uses the log is revoked here from its next look on.
    `on_lapse` gives what is called where the log is not enough: it restores all that is stored, and
    what it raises is raised by the look. What was restored is told to nobody.

    Raises ValueError for an instant outside 0 to 2**63 - 1 ns.
    """

    def __cinit__(self, *, clock=time.time_ns, RevocationLog log=None):
        self._clock = clock
        self._sessions = {}
        self._tokens = {}
        self._subjects = {}
        self._keys = {}
        self._expiries = []
        self._log = log
        self._read = 0 if log is None else log.published()

    @property
    def generation(self):
        return self.current()

    def on_lapse(self, reload not None):
        self._reload = reload

    def restore_session(self, str issuer not None, str session_id not None, *, expires_at_ns):
        """As revoke_session, for what is stored and known to all."""
        self._add(self._sessions, (issuer, session_id), 0, expires_at_ns)

    def restore_token(self, str issuer not None, str token_id not None, *, expires_at_ns):
        """As revoke_token, for what is stored and known to all."""
        self._add(self._tokens, (issuer, token_id), 0, expires_at_ns)

    def restore_subject(
        self, str issuer not None, str subject not None, *, issued_before_ns, expires_at_ns
    ):
        """As revoke_subject, for what is stored and known to all."""
        check_instant(issued_before_ns)
        self._add(self._subjects, (issuer, subject), issued_before_ns, expires_at_ns)

    def restore_key(self, str issuer not None, str kid not None, *, expires_at_ns):
        """As revoke_key, for what is stored and known to all."""
        self._add(self._keys, (issuer, kid), 0, expires_at_ns)

    def __len__(self):
        return (
            len(self._sessions) + len(self._tokens) + len(self._subjects) + len(self._keys)
        )

    def revoke_session(self, str issuer not None, str session_id not None, *, expires_at_ns):
        """Revokes every token whose `sid` is this, or whose `asid` has it."""
        self._add(self._sessions, (issuer, session_id), 0, expires_at_ns)
        self._tell(OF_SESSION, issuer, session_id, 0, expires_at_ns)

    def revoke_token(self, str issuer not None, str token_id not None, *, expires_at_ns):
        """Revokes the token whose `jti` is this."""
        self._add(self._tokens, (issuer, token_id), 0, expires_at_ns)
        self._tell(OF_TOKEN, issuer, token_id, 0, expires_at_ns)

    def revoke_subject(
        self, str issuer not None, str subject not None, *, issued_before_ns, expires_at_ns
    ):
        """Revokes the subject's tokens whose `iat` is before an instant, or which have none.

        This server's own tokens also name the part of the second (`iat_ns`). The `iat` of another
        issuer is cut down to whole seconds, so a token that it issues in the same second after the
        revocation may be refused as well.
        """
        check_instant(issued_before_ns)
        self._add(self._subjects, (issuer, subject), issued_before_ns, expires_at_ns)
        self._tell(OF_SUBJECT, issuer, subject, issued_before_ns, expires_at_ns)

    def revoke_key(self, str issuer not None, str kid not None, *, expires_at_ns):
        """Revokes every token that the issuer's key of this name has signed, or will."""
        self._add(self._keys, (issuer, kid), 0, expires_at_ns)
        self._tell(OF_KEY, issuer, kid, 0, expires_at_ns)

    def is_revoked(self, Claims claims not None):
        """Whether a token with these claims is revoked."""
        self.current()
        return self.is_revoked_c(claims)

    def prune(self):
        """Drops what has expired, and returns how many entries that were."""
        before = len(self)
        self._prune()
        return before - len(self)

    cdef bint is_revoked_c(self, Claims claims) except -1:
        if self._sessions and claims.session_id is not None:
            if (claims.issuer, claims.session_id) in self._sessions:
                return True
        if self._sessions and claims.actor_sessions:
            for session in claims.actor_sessions:
                if (claims.issuer, session) in self._sessions:
                    return True
        if self._keys and (claims.issuer, claims.kid) in self._keys:
            return True
        if self._tokens and claims.token_id is not None:
            if (claims.issuer, claims.token_id) in self._tokens:
                return True
        if not self._subjects:
            return False
        entry = self._subjects.get((claims.issuer, claims.subject))
        return entry is not None and claims.issue_ns < entry[0]

    cdef int _catch_up(self) except -1:
        """Takes in what others have told; all that is stored, where that is not all."""
        cdef uint64_t published = self._log.published()
        cdef uint64_t sequence = self._read
        cdef bint lapsed = published - sequence > self._log.capacity
        cdef LogEntry entry
        if lapsed:
            sequence = published - self._log.capacity
        while sequence != published:
            sequence += 1
            if self._log.read(sequence, &entry) and entry.kind != RELOAD:
                self._take_in(&entry)
            else:
                lapsed = True
        if lapsed:
            if self._reload is None:
                raise RuntimeError("revocations were missed, and nothing restores them")
            self._reload()
        self._read = published
        return 0

    cdef object _take_in(self, LogEntry* entry):
        cdef str issuer = entry.text[:entry.issuer_bytes].decode()
        cdef bytes text = entry.text[entry.issuer_bytes:entry.issuer_bytes + entry.id_bytes]
        cdef tuple name = (issuer, text.decode())
        if entry.kind == OF_SESSION:
            self._add(self._sessions, name, 0, entry.expires_at_ns)
        elif entry.kind == OF_TOKEN:
            self._add(self._tokens, name, 0, entry.expires_at_ns)
        elif entry.kind == OF_KEY:
            self._add(self._keys, name, 0, entry.expires_at_ns)
        else:
            self._add(self._subjects, name, entry.instant_ns, entry.expires_at_ns)

    cdef object _tell(self, uint64_t kind, str issuer, str name, instant_ns, expires_at_ns):
        cdef bytes issuer_text, text
        if self._log is None:
            return
        issuer_text = issuer.encode()
        text = name.encode()
        self._log.append(
            kind, issuer_text, len(issuer_text), text, len(text), instant_ns, expires_at_ns
        )

    cdef object _add(self, dict entries, tuple name, object instant_ns, object expires_at_ns):
        """Adds or lengthens one entry: the instant it is about, and when it may be dropped."""
        cdef object expiry_ns = check_instant(expires_at_ns) + GRACE_NS
        self._prune()
        known = entries.get(name, (0, 0))
        entries[name] = (max(known[0], instant_ns), max(known[1], expiry_ns))
        self.generation_c += 1
        if expiry_ns > known[1]:
            # The generation is unique, so that no comparison reaches the dicts.
            heapq.heappush(self._expiries, (expiry_ns, self.generation_c, entries, name))

    cdef object _prune(self):
        """Drops the entries whose time is over, except those that were lengthened."""
        cdef object now_ns = self._clock()
        while self._expiries and self._expiries[0][0] <= now_ns:
            _, _, entries, name = heapq.heappop(self._expiries)
            known = (<dict>entries).get(name)
            if known is not None and known[1] <= now_ns:
                del (<dict>entries)[name]


cdef object check_instant(object instant_ns):
    """The instant itself, or ValueError outside 0 to 2**63 - 1 ns."""
    if type(instant_ns) is not int or not 0 <= instant_ns <= INSTANT_LIMIT_NS:
        raise ValueError(f"{instant_ns!r} is no instant in nanoseconds since 1970")
    return instant_ns
