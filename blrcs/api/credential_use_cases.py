"""The use cases that CredentialService serves."""

from dataclasses import dataclass

from blrcs.application.credentials.unlock_user import UnlockUser


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialUseCases:
    """The use cases about what users prove their identity with."""

    unlock_user: UnlockUser
