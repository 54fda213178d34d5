"""Resource names of principals and of what belongs to them."""

from blrcs.domain.errors import InvalidArgumentError

USERS = "users"
SERVICE_ACCOUNTS = "serviceAccounts"
SESSIONS = "sessions"
API_KEYS = "apiKeys"
CREDENTIALS = "credentials"
PASSKEYS = "passkeys"
WORKLOADS = "workloads"
WORKLOAD = rf"{WORKLOADS}(/[A-Za-z0-9._-]+)+"
"""The name of a principal that a client certificate stands for, as a pattern."""


def user_name(user_id: str) -> str:
    """The name of a user: ``users/{user}``."""
    return f"{USERS}/{user_id}"


def service_account_name(account_id: str) -> str:
    """The name of a service account: ``serviceAccounts/{service_account}``."""
    return f"{SERVICE_ACCOUNTS}/{account_id}"


def session_name(user_id: str, session_id: str) -> str:
    """The name of a session: ``users/{user}/sessions/{session}``."""
    return f"{user_name(user_id)}/{SESSIONS}/{session_id}"


def api_key_name(account_id: str, key_id: str) -> str:
    """The name of an API key: ``serviceAccounts/{service_account}/apiKeys/{api_key}``."""
    return f"{service_account_name(account_id)}/{API_KEYS}/{key_id}"


def credentials_name(user_id: str) -> str:
    """The name of what a user proves its identity with: ``users/{user}/credentials``."""
    return f"{user_name(user_id)}/{CREDENTIALS}"


def passkey_name(user_id: str, passkey_id: str) -> str:
    """The name of a passkey: ``users/{user}/passkeys/{passkey}``."""
    return f"{user_name(user_id)}/{PASSKEYS}/{passkey_id}"


def is_user_name(name: str) -> bool:
    """Whether a principal's name is that of a user."""
    return name.startswith(f"{USERS}/")


def is_account_name(name: str) -> bool:
    """Whether a name is that of a user or a service account, which the server keeps itself."""
    return name.partition("/")[0] in {USERS, SERVICE_ACCOUNTS}


def is_workload_name(name: str) -> bool:
    """Whether a principal's name is that of a workload, which has certificates and no account."""
    return name.startswith(f"{WORKLOADS}/")


def user_id_in(name: str, *, field: str = "name") -> str:
    """The id in ``users/{user}``; InvalidArgumentError about ``field`` for another name."""
    return _ids(name, (USERS,), field)[0]


def service_account_id_in(name: str, *, field: str = "name") -> str:
    """The id in ``serviceAccounts/{id}``; InvalidArgumentError about ``field`` for another name."""
    return _ids(name, (SERVICE_ACCOUNTS,), field)[0]


def session_ids_in(name: str, *, field: str = "name") -> tuple[str, str]:
    """A session's user and own id; InvalidArgumentError about ``field`` for another name."""
    user_id, session_id = _ids(name, (USERS, SESSIONS), field)
    return user_id, session_id


def passkey_ids_in(name: str, *, field: str = "name") -> tuple[str, str]:
    """A passkey's user and own id; InvalidArgumentError about ``field`` for another name."""
    user_id, passkey_id = _ids(name, (USERS, PASSKEYS), field)
    return user_id, passkey_id


def api_key_ids_in(name: str, *, field: str = "name") -> tuple[str, str]:
    """An API key's account and own id; InvalidArgumentError about ``field`` for another name."""
    account_id, key_id = _ids(name, (SERVICE_ACCOUNTS, API_KEYS), field)
    return account_id, key_id


def misnamed(*collections: str, field: str = "name") -> InvalidArgumentError:
    """The refusal of a name that is not of the form ``collection/*``, and so on."""
    form = "/".join(f"{collection}/*" for collection in collections)
    return InvalidArgumentError(field, f"is not of the form {form}")


def _ids(name: str, collections: tuple[str, ...], field: str) -> tuple[str, ...]:
    segments = name.split("/")
    if tuple(segments[::2]) != collections or len(segments) % 2 or not all(segments):
        raise misnamed(*collections, field=field)
    return tuple(segments[1::2])
