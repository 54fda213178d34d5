"""Changing a user."""

from collections.abc import Iterable
from dataclasses import replace

from blrcs.application.own_account import refuse_on_oneself
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.identity import UserChange, UserRepository
from blrcs.application.update_mask import fields_to_update
from blrcs.application.users.user_fields import UPDATABLE, UserFields
from blrcs.domain.etag import require_etag
from blrcs.domain.identity_name import user_name
from blrcs.domain.user import User


class UpdateUser:
    """Changes fields of a user. Disabling one ends its sessions."""

    def __init__(self, *, users: UserRepository, clock: Clock) -> None:
        self._users = users
        self._clock = clock

    async def __call__(
        self, user_id: str, fields: UserFields, *, mask: Iterable[str], etag: str, actor: str
    ) -> User:
        """The user after the change.

        Raises:
            InvalidArgumentError: The mask names what cannot be changed.
            FailedPreconditionError: ``actor`` would disable itself, or nobody enabled would be
                left as administrator.
            NotFoundError: There is no such user.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        chosen = fields_to_update(mask, UPDATABLE)
        if "disabled" in chosen and fields.disabled:
            refuse_on_oneself(actor, user_name(user_id), "disable")
        now_ns = self._clock()

        def change(stored: User) -> UserChange:
            require_etag(stored.name, stored=stored.etag, given=etag)
            changed = replace(
                stored,
                **{name: getattr(fields, name) for name in chosen},
                update_time_ns=now_ns,
                revision=stored.revision + 1,
            )
            return UserChange(changed, ends_sessions=changed.disabled and not stored.disabled)

        return await self._users.update(user_id, change)
