"""What an access table asks of its explanations."""

from libc.stdint cimport int64_t

from blrcs_native.conditions.condition cimport Facts

cdef list memberships(str principal, dict groups)
cdef object explain_bindings(
    list members,
    list parts,
    str resource,
    int64_t now_ns,
    Facts facts,
)
