"""CredentialService: second factors, and the way back for those who cannot sign in."""

from blrcs.api.credential_use_cases import CredentialUseCases
from blrcs.domain.identity_name import user_id_in
from blrcs.v1 import credential_pb2, credential_pb2_grpc
from blrcs_native.call import Call


class CredentialService(credential_pb2_grpc.CredentialServiceServicer):
    """Serves blrcs.v1.CredentialService; the contract of each method is in credential.proto."""

    def __init__(self, use_cases: CredentialUseCases) -> None:
        self._use_cases = use_cases

    async def UnlockUser(  # noqa: D102
        self, request: credential_pb2.UnlockUserRequest, _: Call
    ) -> credential_pb2.UnlockUserResponse:
        await self._use_cases.unlock_user(user_id_in(request.name))
        return credential_pb2.UnlockUserResponse()
