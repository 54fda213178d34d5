"""The ports of the identity use cases, kept in memory."""

import itertools
from dataclasses import replace

from blrcs.application.ports.credentials import AccessToken, PasswordVerdict
from blrcs.domain.errors import (
    AlreadyExistsError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
)
from blrcs.domain.etag import require_etag
from blrcs.domain.identity_name import api_key_name, service_account_name, user_name
from blrcs.domain.password import check_password
from blrcs.domain.token_limits import NO_LIMITS
from blrcs.domain.user import User

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
NOW_NS = 1_700_000_000 * SECOND_NS


class FakeClock:
    def __init__(self, now_ns=NOW_NS):
        self.now_ns = now_ns

    def __call__(self):
        return self.now_ns

    def advance(self, span_ns):
        self.now_ns += span_ns


def counting_random():
    numbers = itertools.count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


class FakeHasher:
    """Hashes are readable; ``verified`` holds what was compared, ``meanwhile`` runs during it."""

    def __init__(self):
        self.verified = []
        self.busy = False
        self.outdated = False
        self.meanwhile = lambda: None

    async def hash(self, password):
        self._work()
        return f"new:{password}"

    async def verify(self, password_hash, password):
        self._work()
        self.verified.append(password_hash)
        self.meanwhile()
        matches = password_hash is not None and password_hash.partition(":")[2] == password
        return PasswordVerdict(matches=matches, needs_rehash=matches and self.outdated)

    def _work(self):
        if self.busy:
            raise ResourceExhaustedError("PASSWORD_HASHING_BUSY", "busy")


class FakeRules:
    """Refuses what is too short or the user's id, and what is in ``known``."""

    def __init__(self):
        self.known = {"password1"}

    async def check(self, password, *, user_id, field):
        check_password(password, user_id=user_id, field=field)
        if password in self.known:
            raise InvalidArgumentError(field, "is known", reason="PASSWORD_GUESSABLE")


class FakeThrottle:
    """Counts by account, and apart from that by account and familiar address."""

    def __init__(self, failures=3):
        self.failures = failures
        self.taken = {}

    async def allow(self, user_id, address, *, familiar=False):
        key = (user_id, address) if familiar else user_id
        if self.taken.get(key, 0) >= self.failures:
            return MINUTE_NS
        self.taken[key] = self.taken.get(key, 0) + 1
        return None

    async def refund(self, user_id, address, *, familiar=False):
        self.taken[(user_id, address) if familiar else user_id] -= 1

    async def forgive(self, user_id, addresses=()):
        for key in (user_id, *((user_id, address) for address in addresses)):
            self.taken.pop(key, None)


class FakeIssuer:
    """Remembers what it was asked for in ``issued``."""

    def __init__(self):
        self.issued = []

    def issue(self, principal, session_id, *, limits=NO_LIMITS, **details):
        if limits != NO_LIMITS:
            details["limits"] = limits
        self.issued.append((principal, session_id, details))
        return AccessToken(f"token-{len(self.issued)}", 15 * MINUTE_NS)


class FakeUsers:
    def __init__(self, sessions):
        self.rows = {}
        self._sessions = sessions

    async def get(self, user_id):
        return self.rows.get(user_id)

    async def list_after(self, user_id, limit):
        return [self.rows[each] for each in sorted(self.rows) if each > user_id][:limit]

    async def add(self, user):
        if user.id in self.rows:
            raise AlreadyExistsError(user.name)
        self.rows[user.id] = user

    async def add_first(self, user):
        if self.rows:
            return False
        self.rows[user.id] = user
        return True

    async def is_empty(self):
        return not self.rows

    async def update(self, user_id, change):
        if user_id not in self.rows:
            raise NotFoundError(user_name(user_id))
        changed = change(self.rows[user_id])
        self.rows[user_id] = changed.user
        if changed.ends_sessions:
            self._sessions.end_all(user_id, kept=changed.kept_session_id)
        return changed.user

    async def delete(self, user_id, *, etag):
        if user_id not in self.rows:
            raise NotFoundError(user_name(user_id))
        stored = self.rows[user_id]
        require_etag(stored.name, stored=stored.etag, given=etag)
        del self.rows[user_id]
        self._sessions.end_all(user_id)


class FakeSessions:
    """``tokens`` maps a refresh token's hash to its session's id and whether it was spent."""

    def __init__(self):
        self.rows = {}
        self.tokens = {}
        self.users = FakeUsers(self)

    async def open(self, session, *, refresh_hash, user, password_hash):
        stored = self.users.rows.get(user.id)
        if stored is None or stored.disabled or stored.password_time_ns != user.password_time_ns:
            return False
        self.users.rows[user.id] = replace(stored, password_hash=password_hash)
        self.rows[session.id] = session
        self.tokens[refresh_hash] = (session.id, False)
        return True

    async def rotate(self, spent_hash, *, renewed_hash, lifetime, bindings, now_ns):
        session_id, spent = self.tokens.get(spent_hash, ("", False))
        bound = self.rows.get(session_id)
        if bound is not None and bound.binding is not None and bound.binding not in bindings:
            return None
        if spent:
            self.rows.pop(session_id, None)
        session = self.rows.get(session_id)
        if session is None or session.expire_time_ns <= now_ns:
            return None
        user = self.users.rows[session.user_id]
        until_ns = lifetime.extend(session.end_time_ns, now_ns=now_ns)
        extended = replace(session, refresh_time_ns=now_ns, expire_time_ns=until_ns)
        self.rows[session_id] = extended
        self.tokens[spent_hash] = (session_id, True)
        self.tokens[renewed_hash] = (session_id, False)
        return None if user.disabled else (extended, user)

    async def authenticate(self, user_id, session_id, authentication):
        session = self.rows.get(session_id)
        if session is None or session.user_id != user_id:
            return None
        if authentication.level < session.authentication.level:
            return None
        self.rows[session_id] = replace(session, authentication=authentication)
        return self.rows[session_id]

    async def list_before(self, user_id, *, before, limit, now_ns):
        found = [
            each
            for each in self.rows.values()
            if each.user_id == user_id
            and each.expire_time_ns > now_ns
            and (before is None or (each.create_time_ns, each.id) < before)
        ]
        found.sort(key=lambda each: (each.create_time_ns, each.id), reverse=True)
        return found[:limit]

    async def addresses(self, user_id, *, now_ns):
        found = await self.list_before(user_id, before=None, limit=None, now_ns=now_ns)
        return {each.address for each in found}

    async def end(self, user_id, session_id):
        session = self.rows.get(session_id)
        if session is None or session.user_id != user_id:
            return False
        del self.rows[session_id]
        return True

    async def purge(self, now_ns):
        expired = [each.id for each in self.rows.values() if each.expire_time_ns <= now_ns]
        for session_id in expired:
            del self.rows[session_id]
        return len(expired)

    def end_all(self, user_id, kept=""):
        for session in list(self.rows.values()):
            if session.user_id == user_id and session.id != kept:
                del self.rows[session.id]


class FakeServiceAccounts:
    def __init__(self):
        self.rows = {}

    async def get(self, account_id):
        return self.rows.get(account_id)

    async def list_after(self, account_id, limit):
        return [self.rows[each] for each in sorted(self.rows) if each > account_id][:limit]

    async def add(self, account):
        if account.id in self.rows:
            raise AlreadyExistsError(account.name)
        self.rows[account.id] = account

    async def update(self, account_id, change):
        if account_id not in self.rows:
            raise NotFoundError(service_account_name(account_id))
        self.rows[account_id] = change(self.rows[account_id])
        return self.rows[account_id]

    async def delete(self, account_id, *, etag):
        if account_id not in self.rows:
            raise NotFoundError(service_account_name(account_id))
        stored = self.rows[account_id]
        require_etag(stored.name, stored=stored.etag, given=etag)
        del self.rows[account_id]


class FakeApiKeys:
    def __init__(self, accounts):
        self.rows = {}
        self.noted = []
        self._accounts = accounts

    async def get(self, account_id, key_id):
        return self.rows.get((account_id, key_id))

    async def find(self, secret_hash):
        for key in self.rows.values():
            if key.secret_hash == secret_hash:
                return key, self._accounts.rows[key.service_account_id]
        return None

    async def list_after(self, account_id, key_id, limit):
        ids = sorted(name for name in self.rows if name[0] == account_id and name[1] > key_id)
        return [self.rows[name] for name in ids][:limit]

    async def add(self, key):
        if key.service_account_id not in self._accounts.rows:
            raise NotFoundError(service_account_name(key.service_account_id))
        if (key.service_account_id, key.id) in self.rows:
            raise AlreadyExistsError(key.name)
        self.rows[key.service_account_id, key.id] = key

    async def update(self, account_id, key_id, change):
        if (account_id, key_id) not in self.rows:
            raise NotFoundError(api_key_name(account_id, key_id))
        changed = change(self.rows[account_id, key_id])
        self.rows[account_id, key_id] = changed
        return changed

    async def delete(self, account_id, key_id, *, etag):
        if (account_id, key_id) not in self.rows:
            raise NotFoundError(api_key_name(account_id, key_id))
        stored = self.rows[account_id, key_id]
        require_etag(stored.name, stored=stored.etag, given=etag)
        del self.rows[account_id, key_id]

    def note_use(self, key, now_ns):
        self.noted.append((key.id, now_ns))
        stored = self.rows[key.service_account_id, key.id]
        self.rows[key.service_account_id, key.id] = replace(stored, use_time_ns=now_ns)


def make_user(user_id="alice", **values):
    defaults = {
        "password_hash": "new:correct horse",
        "password_time_ns": NOW_NS,
        "password_change_required": False,
        "create_time_ns": NOW_NS,
        "update_time_ns": NOW_NS,
    }
    return User(id=user_id, **(defaults | values))
