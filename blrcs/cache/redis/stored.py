"""What Redis keeps of an entry."""

import struct

from blrcs_native.cache.space import StoredEntry

NS_PER_US = 1000

_HEAD = struct.Struct(">dddH")


def stored_entry(key: str, data: bytes, now_us: int, asked_ns: int) -> StoredEntry:
    """An entry as the script gives it.

    Args:
        key: Its key.
        data: Its octets.
        now_us: When it was read, by Redis's clock.
        asked_ns: When it was asked for, by the clock that the entry is to age by; it ends by that
            no later than by Redis's.
    """
    _, version, deadline_us, length = _HEAD.unpack_from(data)
    value = _HEAD.size + length
    content_type = data[_HEAD.size : value].decode()
    left_ns = (int(deadline_us) - now_us) * NS_PER_US
    deadline_ns = asked_ns + left_ns if deadline_us else None
    entry = StoredEntry(key, data[value:], content_type, deadline_ns)
    entry.version = int(version)
    return entry
