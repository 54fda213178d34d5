"""The forms of signatures, for keys written in Cython."""

cdef bytes ecdsa_der(bytes signature, bytes order)
cdef bint is_ed25519_form(bytes signature) noexcept
