"""The tags of google.protobuf.Struct, for what writes one (struct.proto)."""

cdef enum:
    DOUBLE_SIZE = 8

    MEMBER = 1 << 3 | 2
    NAME = 1 << 3 | 2
    VALUE = 2 << 3 | 2
    ITEM = 1 << 3 | 2
    NULL_VALUE = 1 << 3
    NUMBER_VALUE = 2 << 3 | 1
    STRING_VALUE = 3 << 3 | 2
    BOOL_VALUE = 4 << 3
    STRUCT_VALUE = 5 << 3 | 2
    LIST_VALUE = 6 << 3 | 2
