import io

import pytest

from blrcs.transfer.entry import EntryMaker, Reject, ids_of
from blrcs.transfer.lines import read_lines


@pytest.fixture
def read():
    """What a format makes of a text: (number, id, data) of records, (number, reason) of others."""
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.struct_pb2 import Struct

    def told(found):
        if isinstance(found, Reject):
            return found.line.number, found.reason
        data = MessageToDict(Struct.FromString(found.data))
        return found.line.number, found.record_id, data

    def read(format_, text, seed=b"seed"):
        lines = read_lines(io.BytesIO(text if isinstance(text, bytes) else text.encode()))
        return list(map(told, format_.read(lines, EntryMaker(ids_of(seed)))))

    return read
