"""The key that the server's secrets are encrypted by."""

from functools import partial

from blrcs.assembly.foundation import Foundation
from blrcs.assembly.records import KEY_FILE, register_key
from blrcs.security.field_encryption import AesGcmFieldCipher
from blrcs.security.key_file import read_key_file


async def master_key(base: Foundation) -> bytes:
    """The key in the data directory; made, and its id noted in the database, when first needed.

    Raises:
        FailedPreconditionError: It is missing, or not the one that the database knows.
    """
    path = base.data_directory / KEY_FILE
    await AesGcmFieldCipher(path, partial(register_key, base.database)).prepare()
    return bytes.fromhex(read_key_file(path).decode("ascii"))
