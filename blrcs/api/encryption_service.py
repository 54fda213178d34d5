"""EncryptionService: the keys of tenants."""

from blrcs.application.encryption.shred_tenant import ShredTenant
from blrcs.v1 import encryption_pb2, encryption_pb2_grpc
from blrcs_native.calls.call import Call


class EncryptionService(encryption_pb2_grpc.EncryptionServiceServicer):
    """Serves blrcs.v1.EncryptionService; the contract of each method is in encryption.proto."""

    def __init__(self, *, shred_tenant: ShredTenant) -> None:
        self._shred_tenant = shred_tenant

    async def ShredTenant(  # noqa: D102
        self, request: encryption_pb2.ShredTenantRequest, _: Call
    ) -> encryption_pb2.ShredTenantResponse:
        count = await self._shred_tenant(
            request.name, confirm_name=request.confirm_name, allow_missing=request.allow_missing
        )
        return encryption_pb2.ShredTenantResponse(destroyed_keys=count)
