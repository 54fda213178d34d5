"""Service accounts as rows of their table."""

from blrcs.database.statement import Row
from blrcs.domain.service_account import ServiceAccount


def service_account_to_row(account: ServiceAccount) -> dict[str, object]:
    """The values of all columns."""
    return {
        "id": account.id,
        "display_name": account.display_name,
        "disabled": account.disabled,
        "token_generation": account.token_generation,
        "created_at_ns": account.create_time_ns,
        "updated_at_ns": account.update_time_ns,
        "revision": account.revision,
    }


def service_account_from_row(row: Row) -> ServiceAccount:
    """The service account that a row with all columns holds."""
    return ServiceAccount(
        id=row.id,
        display_name=row.display_name,
        disabled=row.disabled,
        token_generation=row.token_generation,
        create_time_ns=row.created_at_ns,
        update_time_ns=row.updated_at_ns,
        revision=row.revision,
    )
