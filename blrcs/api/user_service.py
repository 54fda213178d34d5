"""UserService: users, service accounts and API keys."""

from google.protobuf.empty_pb2 import Empty

from blrcs.api.caller import caller_name, caller_session
from blrcs.api.user_messages import (
    api_key_fields,
    api_key_message,
    service_account_fields,
    service_account_message,
    user_fields,
    user_message,
)
from blrcs.api.user_use_cases import ApiKeyUseCases, ServiceAccountUseCases, UserUseCases
from blrcs.application.page import PageRequest
from blrcs.domain.identity_name import api_key_ids_in, service_account_id_in, user_id_in
from blrcs.v1 import user_pb2, user_pb2_grpc
from blrcs_native.calls.call import Call


class UserService(user_pb2_grpc.UserServiceServicer):
    """Serves blrcs.v1.UserService; the contract of each method stands in user.proto."""

    def __init__(
        self,
        *,
        users: UserUseCases,
        service_accounts: ServiceAccountUseCases,
        api_keys: ApiKeyUseCases,
    ) -> None:
        self._users = users
        self._service_accounts = service_accounts
        self._api_keys = api_keys

    async def CreateUser(  # noqa: D102
        self, request: user_pb2.CreateUserRequest, _: Call
    ) -> user_pb2.User:
        user = await self._users.create_user(
            request.user_id, user_fields(request.user), password=request.password
        )
        return user_message(user)

    async def GetUser(  # noqa: D102
        self, request: user_pb2.GetUserRequest, _: Call
    ) -> user_pb2.User:
        return user_message(await self._users.get_user(user_id_in(request.name)))

    async def ListUsers(  # noqa: D102
        self, request: user_pb2.ListUsersRequest, _: Call
    ) -> user_pb2.ListUsersResponse:
        page = await self._users.list_users(PageRequest(request.page_size, request.page_token))
        return user_pb2.ListUsersResponse(
            users=map(user_message, page.items), next_page_token=page.next_page_token
        )

    async def UpdateUser(  # noqa: D102
        self, request: user_pb2.UpdateUserRequest, call: Call
    ) -> user_pb2.User:
        user = await self._users.update_user(
            user_id_in(request.user.name, field="user.name"),
            user_fields(request.user),
            mask=request.update_mask.paths,
            etag=request.user.etag,
            actor=caller_name(call),
        )
        return user_message(user)

    async def DeleteUser(  # noqa: D102
        self, request: user_pb2.DeleteUserRequest, call: Call
    ) -> Empty:
        await self._users.delete_user(
            user_id_in(request.name), etag=request.etag, actor=caller_name(call)
        )
        return Empty()

    async def ChangePassword(  # noqa: D102
        self, request: user_pb2.ChangePasswordRequest, call: Call
    ) -> user_pb2.ChangePasswordResponse:
        await self._users.change_password(
            user_id_in(request.name),
            old_password=request.old_password,
            new_password=request.new_password,
            actor=caller_name(call),
            session_id=caller_session(call),
            address=call.peer_address,
        )
        return user_pb2.ChangePasswordResponse()

    async def ResetPassword(  # noqa: D102
        self, request: user_pb2.ResetPasswordRequest, call: Call
    ) -> user_pb2.ResetPasswordResponse:
        await self._users.reset_password(
            user_id_in(request.name), new_password=request.new_password, actor=caller_name(call)
        )
        return user_pb2.ResetPasswordResponse()

    async def CreateServiceAccount(  # noqa: D102
        self, request: user_pb2.CreateServiceAccountRequest, _: Call
    ) -> user_pb2.ServiceAccount:
        account = await self._service_accounts.create_service_account(
            request.service_account_id, service_account_fields(request.service_account)
        )
        return service_account_message(account)

    async def GetServiceAccount(  # noqa: D102
        self, request: user_pb2.GetServiceAccountRequest, _: Call
    ) -> user_pb2.ServiceAccount:
        account = await self._service_accounts.get_service_account(
            service_account_id_in(request.name)
        )
        return service_account_message(account)

    async def ListServiceAccounts(  # noqa: D102
        self, request: user_pb2.ListServiceAccountsRequest, _: Call
    ) -> user_pb2.ListServiceAccountsResponse:
        page = await self._service_accounts.list_service_accounts(
            PageRequest(request.page_size, request.page_token)
        )
        return user_pb2.ListServiceAccountsResponse(
            service_accounts=map(service_account_message, page.items),
            next_page_token=page.next_page_token,
        )

    async def UpdateServiceAccount(  # noqa: D102
        self, request: user_pb2.UpdateServiceAccountRequest, call: Call
    ) -> user_pb2.ServiceAccount:
        account = await self._service_accounts.update_service_account(
            service_account_id_in(request.service_account.name, field="service_account.name"),
            service_account_fields(request.service_account),
            mask=request.update_mask.paths,
            etag=request.service_account.etag,
            actor=caller_name(call),
        )
        return service_account_message(account)

    async def DeleteServiceAccount(  # noqa: D102
        self, request: user_pb2.DeleteServiceAccountRequest, call: Call
    ) -> Empty:
        await self._service_accounts.delete_service_account(
            service_account_id_in(request.name), etag=request.etag, actor=caller_name(call)
        )
        return Empty()

    async def CreateApiKey(  # noqa: D102
        self, request: user_pb2.CreateApiKeyRequest, _: Call
    ) -> user_pb2.CreateApiKeyResponse:
        created = await self._api_keys.create_api_key(
            service_account_id_in(request.parent, field="parent"),
            request.api_key_id,
            api_key_fields(request.api_key),
        )
        return user_pb2.CreateApiKeyResponse(api_key=api_key_message(created.key), key=created.text)

    async def GetApiKey(  # noqa: D102
        self, request: user_pb2.GetApiKeyRequest, _: Call
    ) -> user_pb2.ApiKey:
        return api_key_message(await self._api_keys.get_api_key(*api_key_ids_in(request.name)))

    async def ListApiKeys(  # noqa: D102
        self, request: user_pb2.ListApiKeysRequest, _: Call
    ) -> user_pb2.ListApiKeysResponse:
        page = await self._api_keys.list_api_keys(
            service_account_id_in(request.parent, field="parent"),
            PageRequest(request.page_size, request.page_token),
        )
        return user_pb2.ListApiKeysResponse(
            api_keys=map(api_key_message, page.items), next_page_token=page.next_page_token
        )

    async def UpdateApiKey(  # noqa: D102
        self, request: user_pb2.UpdateApiKeyRequest, _: Call
    ) -> user_pb2.ApiKey:
        key = await self._api_keys.update_api_key(
            *api_key_ids_in(request.api_key.name, field="api_key.name"),
            api_key_fields(request.api_key),
            mask=request.update_mask.paths,
            etag=request.api_key.etag,
        )
        return api_key_message(key)

    async def DeleteApiKey(  # noqa: D102
        self, request: user_pb2.DeleteApiKeyRequest, _: Call
    ) -> Empty:
        await self._api_keys.delete_api_key(*api_key_ids_in(request.name), etag=request.etag)
        return Empty()
