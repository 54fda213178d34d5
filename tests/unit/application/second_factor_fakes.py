"""The store of second factors, kept in memory."""

from dataclasses import replace

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

from blrcs.domain.second_factor import SecondFactors
from blrcs.security.totp import STEP_NS


class FakeSecondFactors:
    """``totps`` by user, ``codes`` as pairs of user and hash, and the ids of ``spent``.

    ``asked`` counts how often a code was to be used up.
    """

    def __init__(self, sessions):
        self.totps = {}
        self.codes = set()
        self.passkeys = {}
        self.spent = set()
        self.asked = 0
        self._sessions = sessions

    async def of_user(self, user_id):
        left = sum(owner == user_id for owner, _ in self.codes)
        return SecondFactors(
            totp=self.totps.get(user_id), recovery_codes_left=left, passkeys=self._passkeys(user_id)
        )

    def _passkeys(self, user_id):
        return tuple(each for each in self.passkeys.values() if each.user_id == user_id)

    async def add_passkey(self, passkey, *, recovery_hashes, challenge):
        if passkey.credential_id in self.passkeys or not self._spend(challenge):
            return False
        self.passkeys[passkey.credential_id] = passkey
        if recovery_hashes:
            await self.replace_recovery_codes(passkey.user_id, recovery_hashes)
        return True

    async def find_passkey(self, credential_id):
        return self.passkeys.get(credential_id)

    async def use_passkey(self, passkey, challenge):
        stored = self.passkeys[passkey.credential_id]
        if stored.sign_count >= (passkey.sign_count or 1) or not self._spend(challenge):
            return False
        self.passkeys[passkey.credential_id] = passkey
        return True

    async def remove_passkey(self, user_id, passkey_id):
        for each in self._passkeys(user_id):
            if each.id == passkey_id:
                del self.passkeys[each.credential_id]
                if not (await self.of_user(user_id)).are_asked_for:
                    self._drop_codes(user_id)
                return True
        return False

    async def enrol_totp(self, secret, *, recovery_hashes, challenge):
        if not self._spend(challenge):
            return False
        self.totps[secret.user_id] = secret
        await self.replace_recovery_codes(secret.user_id, recovery_hashes)
        return True

    async def use_totp(self, secret, step, challenge):
        self.asked += 1
        stored = self.totps.get(secret.user_id)
        if stored is None or stored.last_step >= step or not self._spend(challenge):
            return False
        self.totps[secret.user_id] = replace(stored, last_step=step)
        return True

    async def use_recovery_code(self, user_id, code_hash, challenge):
        self.asked += 1
        if (user_id, code_hash) not in self.codes or not self._spend(challenge):
            return False
        self.codes.remove((user_id, code_hash))
        return True

    async def replace_recovery_codes(self, user_id, hashes):
        self._drop_codes(user_id)
        self.codes |= {(user_id, each) for each in hashes}

    async def remove_totp(self, user_id):
        if self.totps.pop(user_id, None) is None:
            return False
        if not (await self.of_user(user_id)).are_asked_for:
            self._drop_codes(user_id)
        return True

    async def reset(self, user_id):
        for each in self._passkeys(user_id):
            await self.remove_passkey(user_id, each.id)
        await self.remove_totp(user_id)
        self._sessions.end_all(user_id)

    async def purge(self, now_ns):
        self.spent.clear()

    def _drop_codes(self, user_id):
        self.codes = {each for each in self.codes if each[0] != user_id}

    def _spend(self, challenge):
        if challenge is None:
            return True
        if challenge.id in self.spent:
            return False
        self.spent.add(challenge.id)
        return True


def code_at(secret, now_ns, *, beside=0):
    """What an authenticator shows, some steps before or after a time."""
    codes = HOTP(secret, 6, SHA1(), enforce_key_length=False)
    return codes.generate(now_ns // STEP_NS + beside).decode()
