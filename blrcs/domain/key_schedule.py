"""When signing keys sign and verify: a matter of their times alone, alike on every machine.

A key is published before it signs, signs until the next one does, and verifies until the last token
that it signed has expired. One that is retired is good for nothing from then on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from blrcs.domain.errors import FailedPreconditionError, NotFoundError


class KeyState(StrEnum):
    """What a key is good for at an instant."""

    NEXT = "next"
    """It is published, and does not sign yet."""
    ACTIVE = "active"
    """It signs."""
    RETIRING = "retiring"
    """Another one signs; tokens that it signed may be valid still."""
    EXPIRED = "expired"
    """Another one signs, and no token that it signed is valid any more."""
    RETIRED = "retired"
    """It was withdrawn: no token that it signed is accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledKey:
    """A key and its times, in nanoseconds since the Unix epoch."""

    kid: str
    create_time_ns: int
    sign_time_ns: int
    retire_time_ns: int | None = None

    @property
    def is_retired(self) -> bool:
        """Whether it was withdrawn."""
        return self.retire_time_ns is not None


@dataclass(frozen=True, slots=True)
class KeySchedule:
    """The keys of one issuer.

    Attributes:
        keys: In the order in which they were made; those that were retired among them.
        overlap_ns: For how long a token may be valid, with the leeway of clocks.
    """

    keys: Sequence[ScheduledKey]
    overlap_ns: int

    def signer(self, now_ns: int) -> ScheduledKey:
        """The key that signs now. Where a clock is behind all of them, the first one."""
        live = self._live
        begun = [key for key in live if key.sign_time_ns <= now_ns]
        return max(begun, key=_sign_time) if begun else min(live, key=_sign_time)

    def end_time_ns(self, key: ScheduledKey) -> int | None:
        """When a key verifies no longer; None where no other is to take its place."""
        if key.retire_time_ns is not None:
            return key.retire_time_ns
        later = [each.sign_time_ns for each in self._live if _sign_time(each) > _sign_time(key)]
        return min(later) + self.overlap_ns if later else None

    def state(self, key: ScheduledKey, now_ns: int) -> KeyState:
        """What a key is good for now."""
        if key.is_retired:
            return KeyState.RETIRED
        if key == self.signer(now_ns):
            return KeyState.ACTIVE
        if key.sign_time_ns > now_ns:
            return KeyState.NEXT
        end_ns = self.end_time_ns(key)
        return KeyState.EXPIRED if end_ns is not None and end_ns <= now_ns else KeyState.RETIRING

    def published(self, now_ns: int) -> list[ScheduledKey]:
        """The keys that verify now, and those that are to sign."""
        ended = (KeyState.EXPIRED, KeyState.RETIRED)
        return [key for key in self.keys if self.state(key, now_ns) not in ended]

    def next(self, now_ns: int) -> ScheduledKey | None:
        """The key that is to sign after the present one, if there is one."""
        waiting = [key for key in self._live if self.state(key, now_ns) is KeyState.NEXT]
        return min(waiting, key=_sign_time) if waiting else None

    def find(self, kid: str) -> ScheduledKey:
        """The key of that id; NotFoundError where there is none."""
        for key in self.keys:
            if key.kid == kid:
                return key
        raise NotFoundError(f"keys/{kid}")

    def with_key(self, key: ScheduledKey, now_ns: int) -> "KeySchedule":
        """With a further key, without those that have expired.

        Raises:
            FailedPreconditionError: Another one waits to sign: only one does at a time.
        """
        waiting = self.next(now_ns)
        if waiting is not None:
            raise FailedPreconditionError(
                "KEY_WAITS", f"the key {waiting.kid} is published and has not come to sign yet"
            )
        kept = [each for each in self.keys if self.state(each, now_ns) is not KeyState.EXPIRED]
        return replace(self, keys=(*kept, key))

    def without(
        self, kid: str, now_ns: int, *, successor: ScheduledKey, force: bool = False
    ) -> "KeySchedule":
        """With a key retired. Where it signs, the next one begins to, or else the successor.

        Raises:
            NotFoundError: There is no such key.
            FailedPreconditionError: It signs, and this is not forced.
        """
        retired = self.find(kid)
        if retired.is_retired:
            return self
        signs = self.state(retired, now_ns) is KeyState.ACTIVE
        if signs and not force:
            raise FailedPreconditionError(
                "KEY_SIGNS", f"the key {kid} signs: rotate first, or all its tokens are refused"
            )
        heir = self.next(now_ns)
        keys = [
            replace(key, retire_time_ns=now_ns)
            if key is retired
            else replace(key, sign_time_ns=now_ns)
            if signs and key is heir
            else key
            for key in self.keys
        ]
        return replace(self, keys=(*keys, successor) if signs and heir is None else tuple(keys))

    def merged(self, other: "KeySchedule", now_ns: int) -> "KeySchedule":
        """With the keys of both, without those that have expired.

        It does not matter which is merged into which. Of a key that both have the earlier times
        count: nobody takes back that it was retired, or that it signs sooner.
        """
        found: dict[str, ScheduledKey] = {}
        for key in (*self.keys, *other.keys):
            known = found.get(key.kid)
            found[key.kid] = key if known is None else _earlier(known, key)
        keys = sorted(found.values(), key=lambda key: (key.create_time_ns, key.kid))
        whole = replace(self, keys=tuple(keys))
        if not whole.has_live_keys:
            return whole
        kept = [key for key in keys if whole.state(key, now_ns) is not KeyState.EXPIRED]
        return replace(self, keys=tuple(kept))

    @property
    def has_live_keys(self) -> bool:
        """Whether there is one that was not retired."""
        return bool(self._live)

    @property
    def _live(self) -> list[ScheduledKey]:
        return [key for key in self.keys if not key.is_retired]


def _earlier(one: ScheduledKey, other: ScheduledKey) -> ScheduledKey:
    retired = [key.retire_time_ns for key in (one, other) if key.retire_time_ns is not None]
    return replace(
        one,
        create_time_ns=min(one.create_time_ns, other.create_time_ns),
        sign_time_ns=min(one.sign_time_ns, other.sign_time_ns),
        retire_time_ns=min(retired, default=None),
    )


def _sign_time(key: ScheduledKey) -> tuple[int, str]:
    return key.sign_time_ns, key.kid
