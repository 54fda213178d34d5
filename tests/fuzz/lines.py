"""Lines of an import, as targets of fuzzing."""

from collections.abc import Hashable

from blrcs.domain.filter.document import MAX_DEPTH
from blrcs_native.json_struct import struct_of_json
from tests.unit.native.test_json_struct import by_other_means
from tests.unit.transfer.test_line_batches import BAD, GOOD, both


def json_struct(data: bytes) -> Hashable:
    """What may be a JSON object: written natively it is what is written by other means."""
    written = struct_of_json(data, MAX_DEPTH)
    expected = by_other_means(data)
    assert written in {None, expected}
    return written is None, expected is None


def record_lines(data: bytes) -> Hashable:
    """A byte that says how, and a file: read natively it is what it is read line by line."""
    how = data[0] if data else 0
    found = both(data[1:], replaces=how & 1 == 1, most=1 + (how >> 1 & 7), block_bytes=1 + how)
    return tuple((len(batch[1]), len(batch[3])) for batch in found[:3])


LINE_TARGETS = {"json_struct": json_struct, "record_lines": record_lines}


def line_inputs() -> dict[str, dict[str, bytes]]:
    """What fuzzing them begins with."""
    numbers = b'{"a":[0,-1,1.5,1e300,123456789012345678e-9,9007199254740992,-0.0,1E+2]}'
    texts = '{"\\u0061":"\\n\\"\\\\\\/\\ud83d\\ude00\\u0000","é":["€",{}],"":{"b":{"c":[]}}}'
    words = b' { "a" : [ true , false , null ] , "b" : { } } '
    twice = b'{"ab":1,"cd":2,"ab":3}'
    good = b"\n".join(each for each in GOOD if len(each) < 80)
    bad = b"\r\n".join(each for each, _ in BAD if len(each) < 80)
    return {
        "json_struct": {
            "numbers": numbers,
            "texts": texts.encode(),
            "words": words,
            "twice": twice,
        },
        "record_lines": {
            "good": b"\xfe" + good,
            "bad": b"\xfd" + bad,
            "mark": b"\x0f\xef\xbb\xbf" + good[:200],
        },
    }
