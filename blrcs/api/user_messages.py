"""Users, service accounts and API keys, as UserService writes and reads them."""

from blrcs.api.times import from_timestamp, to_optional_timestamp, to_timestamp
from blrcs.application.api_keys.api_key_fields import ApiKeyFields
from blrcs.application.service_accounts.service_account_fields import ServiceAccountFields
from blrcs.application.users.user_fields import UserFields
from blrcs.domain.api_key import ApiKey
from blrcs.domain.service_account import ServiceAccount
from blrcs.domain.user import User
from blrcs.v1 import user_pb2


def user_message(user: User) -> user_pb2.User:
    """The message for a user."""
    return user_pb2.User(
        name=user.name,
        display_name=user.display_name,
        email=user.email,
        disabled=user.disabled,
        password_change_required=user.password_change_required,
        create_time=to_timestamp(user.create_time_ns),
        update_time=to_timestamp(user.update_time_ns),
        etag=user.etag,
    )


def user_fields(message: user_pb2.User) -> UserFields:
    """What a caller sets of a user."""
    return UserFields(
        display_name=message.display_name, email=message.email, disabled=message.disabled
    )


def service_account_message(account: ServiceAccount) -> user_pb2.ServiceAccount:
    """The message for a service account."""
    return user_pb2.ServiceAccount(
        name=account.name,
        display_name=account.display_name,
        disabled=account.disabled,
        create_time=to_timestamp(account.create_time_ns),
        update_time=to_timestamp(account.update_time_ns),
        etag=account.etag,
    )


def service_account_fields(message: user_pb2.ServiceAccount) -> ServiceAccountFields:
    """What a caller sets of a service account."""
    return ServiceAccountFields(display_name=message.display_name, disabled=message.disabled)


def api_key_message(key: ApiKey) -> user_pb2.ApiKey:
    """The message for an API key, which does not hold its text."""
    return user_pb2.ApiKey(
        name=key.name,
        display_name=key.display_name,
        prefix=key.prefix,
        disabled=key.disabled,
        expire_time=to_optional_timestamp(key.expire_time_ns),
        use_time=to_optional_timestamp(key.use_time_ns),
        create_time=to_timestamp(key.create_time_ns),
        update_time=to_timestamp(key.update_time_ns),
        etag=key.etag,
    )


def api_key_fields(message: user_pb2.ApiKey) -> ApiKeyFields:
    """What a caller sets of an API key."""
    expire_time_ns = None
    if message.HasField("expire_time"):
        expire_time_ns = from_timestamp(message.expire_time, "api_key.expire_time")
    return ApiKeyFields(
        display_name=message.display_name,
        disabled=message.disabled,
        expire_time_ns=expire_time_ns,
    )
