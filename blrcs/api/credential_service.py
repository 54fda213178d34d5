"""CredentialService: second factors, and the way back for those who cannot sign in."""

from google.protobuf.empty_pb2 import Empty

from blrcs.api.caller import caller_level, caller_name
from blrcs.api.credential_use_cases import CredentialUseCases
from blrcs.api.times import to_duration, to_optional_timestamp, to_timestamp
from blrcs.domain.identity_name import CREDENTIALS, passkey_ids_in, user_id_in
from blrcs.domain.second_factor import Passkey, SecondFactors
from blrcs.v1 import credential_pb2, credential_pb2_grpc
from blrcs_native.calls.call import Call


class CredentialService(credential_pb2_grpc.CredentialServiceServicer):
    """Serves blrcs.v1.CredentialService; the contract of each method is in credential.proto."""

    def __init__(self, use_cases: CredentialUseCases) -> None:
        self._use_cases = use_cases

    async def GetCredentials(  # noqa: D102
        self, request: credential_pb2.GetCredentialsRequest, _: Call
    ) -> credential_pb2.Credentials:
        user_id = user_id_in(request.name.removesuffix(f"/{CREDENTIALS}"))
        return _message(request.name, await self._use_cases.get_credentials(user_id))

    async def BeginTotp(  # noqa: D102
        self, _: credential_pb2.BeginTotpRequest, call: Call
    ) -> credential_pb2.BeginTotpResponse:
        begun = await self._use_cases.begin_totp(caller_name(call), caller_level(call))
        return credential_pb2.BeginTotpResponse(
            secret=begun.secret,
            otpauth_uri=begun.uri,
            enrolment_token=begun.challenge,
            expires_in=to_duration(begun.ttl_ns),
        )

    async def ConfirmTotp(  # noqa: D102
        self, request: credential_pb2.ConfirmTotpRequest, call: Call
    ) -> credential_pb2.RecoveryCodes:
        codes = await self._use_cases.confirm_totp(
            caller_name(call),
            caller_level(call),
            challenge=request.enrolment_token,
            code=request.code,
        )
        return credential_pb2.RecoveryCodes(codes=codes)

    async def DisableTotp(  # noqa: D102
        self, _: credential_pb2.DisableTotpRequest, call: Call
    ) -> credential_pb2.DisableTotpResponse:
        await self._use_cases.disable_totp(caller_name(call))
        return credential_pb2.DisableTotpResponse()

    async def BeginPasskey(  # noqa: D102
        self, _: credential_pb2.BeginPasskeyRequest, call: Call
    ) -> credential_pb2.BeginPasskeyResponse:
        begun = await self._use_cases.begin_passkey(caller_name(call), caller_level(call))
        return credential_pb2.BeginPasskeyResponse(
            options=begun.options,
            registration_token=begun.challenge,
            expires_in=to_duration(begun.ttl_ns),
        )

    async def FinishPasskey(  # noqa: D102
        self, request: credential_pb2.FinishPasskeyRequest, call: Call
    ) -> credential_pb2.FinishPasskeyResponse:
        registered = await self._use_cases.finish_passkey(
            caller_name(call),
            caller_level(call),
            challenge=request.registration_token,
            credential=request.credential,
            display_name=request.display_name,
        )
        return credential_pb2.FinishPasskeyResponse(
            passkey=_passkey_message(registered.passkey),
            recovery_codes=registered.recovery_codes,
        )

    async def DeletePasskey(  # noqa: D102
        self, request: credential_pb2.DeletePasskeyRequest, _: Call
    ) -> Empty:
        await self._use_cases.delete_passkey(*passkey_ids_in(request.name))
        return Empty()

    async def RegenerateRecoveryCodes(  # noqa: D102
        self, _: credential_pb2.RegenerateRecoveryCodesRequest, call: Call
    ) -> credential_pb2.RecoveryCodes:
        codes = await self._use_cases.regenerate_recovery_codes(caller_name(call))
        return credential_pb2.RecoveryCodes(codes=codes)

    async def ResetCredentials(  # noqa: D102
        self, request: credential_pb2.ResetCredentialsRequest, call: Call
    ) -> credential_pb2.ResetCredentialsResponse:
        await self._use_cases.reset_credentials(user_id_in(request.name), actor=caller_name(call))
        return credential_pb2.ResetCredentialsResponse()

    async def UnlockUser(  # noqa: D102
        self, request: credential_pb2.UnlockUserRequest, _: Call
    ) -> credential_pb2.UnlockUserResponse:
        await self._use_cases.unlock_user(user_id_in(request.name))
        return credential_pb2.UnlockUserResponse()


def _message(name: str, factors: SecondFactors) -> credential_pb2.Credentials:
    message = credential_pb2.Credentials(
        name=name,
        recovery_codes_left=factors.recovery_codes_left,
        passkeys=map(_passkey_message, factors.passkeys),
    )
    if factors.totp is not None:
        message.totp_create_time.CopyFrom(to_timestamp(factors.totp.create_time_ns))
    return message


def _passkey_message(passkey: Passkey) -> credential_pb2.Passkey:
    return credential_pb2.Passkey(
        name=passkey.name,
        display_name=passkey.display_name,
        backed_up=passkey.backed_up,
        create_time=to_timestamp(passkey.create_time_ns),
        use_time=to_optional_timestamp(passkey.use_time_ns),
    )
