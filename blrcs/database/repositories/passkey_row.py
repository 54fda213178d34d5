"""Passkeys as rows of their table."""

import hashlib

from blrcs.database.statement import Row
from blrcs.domain.second_factor import Passkey


def credential_digest(credential_id: bytes) -> bytes:
    """By which a passkey is found: a credential's id may be too long for a key."""
    return hashlib.sha256(credential_id).digest()


def passkey_to_row(passkey: Passkey) -> dict[str, object]:
    """The values of all columns."""
    return {
        "user_id": passkey.user_id,
        "id": passkey.id,
        "credential_hash": credential_digest(passkey.credential_id),
        "credential_id": passkey.credential_id,
        "public_key": passkey.public_key,
        "sign_count": passkey.sign_count,
        "display_name": passkey.display_name,
        "backed_up": passkey.backed_up,
        "created_at_ns": passkey.create_time_ns,
        "used_at_ns": passkey.use_time_ns,
    }


def passkey_from_row(row: Row) -> Passkey:
    """The passkey that a row with all columns holds."""
    return Passkey(
        id=row.id,
        user_id=row.user_id,
        credential_id=bytes(row.credential_id),
        public_key=bytes(row.public_key),
        sign_count=row.sign_count,
        display_name=row.display_name,
        backed_up=row.backed_up,
        create_time_ns=row.created_at_ns,
        use_time_ns=row.used_at_ns,
    )
