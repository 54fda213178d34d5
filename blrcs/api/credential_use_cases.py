"""The use cases that CredentialService serves."""

from dataclasses import dataclass

from blrcs.application.credentials.begin_passkey import BeginPasskey
from blrcs.application.credentials.begin_totp import BeginTotp
from blrcs.application.credentials.confirm_totp import ConfirmTotp
from blrcs.application.credentials.delete_passkey import DeletePasskey
from blrcs.application.credentials.disable_totp import DisableTotp
from blrcs.application.credentials.finish_passkey import FinishPasskey
from blrcs.application.credentials.get_credentials import GetCredentials
from blrcs.application.credentials.regenerate_recovery_codes import RegenerateRecoveryCodes
from blrcs.application.credentials.reset_credentials import ResetCredentials
from blrcs.application.credentials.unlock_user import UnlockUser


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialUseCases:
    """The use cases about what users prove their identity with."""

    get_credentials: GetCredentials
    begin_totp: BeginTotp
    confirm_totp: ConfirmTotp
    disable_totp: DisableTotp
    begin_passkey: BeginPasskey
    finish_passkey: FinishPasskey
    delete_passkey: DeletePasskey
    regenerate_recovery_codes: RegenerateRecoveryCodes
    reset_credentials: ResetCredentials
    unlock_user: UnlockUser
