"""What a call took from limits, so that it can be given back."""

cimport cython

from blrcs_native.limits.algorithm cimport CONCURRENCY


@cython.final
@cython.freelist(64)
cdef class Charge:
    cdef void refund(self) noexcept:
        """Gives back what counts calls; what counts running calls is released when the call ends."""
        cdef Py_ssize_t index
        for index in range(self.count):
            if self.claims[index].rule.algorithm != CONCURRENCY:
                self.limiter.refund_hashed(
                    self.claims[index].rule, self.claims[index].key, 1, self.now_ns
                )

    cdef void release(self) noexcept:
        """Ends the places held by what counts running calls."""
        cdef Py_ssize_t index
        for index in range(self.count):
            if self.claims[index].rule.algorithm == CONCURRENCY:
                self.limiter.release_place(
                    self.claims[index].rule,
                    self.claims[index].key,
                    self.claims[index].place,
                    self.lease,
                    self.now_ns,
                )
