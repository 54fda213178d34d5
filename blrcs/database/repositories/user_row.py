"""Users as rows of their table."""

from blrcs.database.statement import Row
from blrcs.domain.user import User


def user_to_row(user: User) -> dict[str, object]:
    """The values of all columns."""
    return {
        "id": user.id,
        "display_name": user.display_name,
        "email": user.email,
        "password_hash": user.password_hash,
        "password_set_at_ns": user.password_time_ns,
        "password_change_required": user.password_change_required,
        "disabled": user.disabled,
        "created_at_ns": user.create_time_ns,
        "updated_at_ns": user.update_time_ns,
        "revision": user.revision,
    }


def user_from_row(row: Row) -> User:
    """The user that a row with all columns holds."""
    return User(
        id=row.id,
        display_name=row.display_name,
        email=row.email,
        password_hash=row.password_hash,
        password_time_ns=row.password_set_at_ns,
        password_change_required=row.password_change_required,
        disabled=row.disabled,
        create_time_ns=row.created_at_ns,
        update_time_ns=row.updated_at_ns,
        revision=row.revision,
    )
