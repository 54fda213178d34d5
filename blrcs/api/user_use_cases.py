"""The use cases that UserService serves, by what they are about."""

from dataclasses import dataclass

from blrcs.application.api_keys.create_api_key import CreateApiKey
from blrcs.application.api_keys.delete_api_key import DeleteApiKey
from blrcs.application.api_keys.get_api_key import GetApiKey
from blrcs.application.api_keys.list_api_keys import ListApiKeys
from blrcs.application.api_keys.update_api_key import UpdateApiKey
from blrcs.application.service_accounts.create_service_account import CreateServiceAccount
from blrcs.application.service_accounts.delete_service_account import DeleteServiceAccount
from blrcs.application.service_accounts.get_service_account import GetServiceAccount
from blrcs.application.service_accounts.list_service_accounts import ListServiceAccounts
from blrcs.application.service_accounts.update_service_account import UpdateServiceAccount
from blrcs.application.users.change_password import ChangePassword
from blrcs.application.users.create_user import CreateUser
from blrcs.application.users.delete_user import DeleteUser
from blrcs.application.users.get_user import GetUser
from blrcs.application.users.list_users import ListUsers
from blrcs.application.users.reset_password import ResetPassword
from blrcs.application.users.update_user import UpdateUser


@dataclass(frozen=True, slots=True, kw_only=True)
class UserUseCases:
    """The use cases about users."""

    create_user: CreateUser
    get_user: GetUser
    list_users: ListUsers
    update_user: UpdateUser
    delete_user: DeleteUser
    change_password: ChangePassword
    reset_password: ResetPassword


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccountUseCases:
    """The use cases about service accounts."""

    create_service_account: CreateServiceAccount
    get_service_account: GetServiceAccount
    list_service_accounts: ListServiceAccounts
    update_service_account: UpdateServiceAccount
    delete_service_account: DeleteServiceAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyUseCases:
    """The use cases about API keys."""

    create_api_key: CreateApiKey
    get_api_key: GetApiKey
    list_api_keys: ListApiKeys
    update_api_key: UpdateApiKey
    delete_api_key: DeleteApiKey
