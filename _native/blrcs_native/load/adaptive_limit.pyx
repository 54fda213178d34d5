"""How many calls may run at once, found out from how long they take."""

cimport cython
from libc.math cimport sqrt

cdef enum:
    # A limit is not raised while less than its half is used.
    USED_SHARE = 2

cdef double SMOOTHING = 0.2
cdef double LEAST_GRADIENT = 0.5


@cython.final
cdef class AdaptiveLimit:
    def __init__(self, *, double least, double most, double tolerance=2.0):
        if not 1 <= least <= most:
            raise ValueError("a limit lies between a least of 1 or more and a most")
        if not tolerance > 1:
            raise ValueError("a tolerance is more than 1")
        self.least = least
        self.most = self.limit = most
        self.tolerance = tolerance
        self._slowness = 1.0

    def update(self, double slowness, double peak):
        self.update_c(slowness, peak)

    cdef void update_c(self, double slowness, double peak) noexcept nogil:
        cdef double gradient, wanted
        # One odd window alone does little.
        self._slowness += (slowness - self._slowness) / 2
        gradient = self.tolerance / max(self._slowness, 1e-9)
        if gradient >= 1.0:
            if peak < self.limit / USED_SHARE:
                return
            gradient = 1.0
        gradient = max(gradient, LEAST_GRADIENT)
        wanted = self.limit * gradient + sqrt(self.limit)
        self.limit += (wanted - self.limit) * SMOOTHING
        self.limit = min(max(self.limit, self.least), self.most)
