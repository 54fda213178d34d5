"""Keeping the door open: no change may take away the last administrator."""

from collections.abc import Iterator
from contextlib import contextmanager

from blrcs.application.ports.access import AccessTransaction
from blrcs.domain.administrators import has_administrator
from blrcs.domain.errors import FailedPreconditionError


@contextmanager
def keep_administrator(access: AccessTransaction) -> Iterator[None]:
    """Raises FailedPreconditionError if what is done in the context leaves no administrator."""
    had_one = _has_one(access)
    yield
    if had_one and not _has_one(access):
        raise FailedPreconditionError(
            "LAST_ADMINISTRATOR", "no user would be an administrator for good any more"
        )


def _has_one(access: AccessTransaction) -> bool:
    return has_administrator(access.bindings.all(), access.groups.all())
