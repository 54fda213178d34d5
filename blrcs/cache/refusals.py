"""Why a cache refuses, in the same words whichever keeps it."""

from blrcs.domain.errors import FailedPreconditionError, ResourceExhaustedError


def too_large(size_bytes: int, max_bytes: int) -> ResourceExhaustedError:
    """The entry alone is larger than its namespace."""
    return ResourceExhaustedError(
        "CACHE_ENTRY_TOO_LARGE",
        f"the entry has {size_bytes} bytes, the namespace holds {max_bytes}",
    )


def too_many_namespaces(count: int) -> ResourceExhaustedError:
    """There is no room for another one."""
    return ResourceExhaustedError(
        "CACHE_NAMESPACES_EXHAUSTED", f"there are {count} namespaces already"
    )


def not_a_number() -> FailedPreconditionError:
    """What is there cannot be added to."""
    return FailedPreconditionError("NOT_A_NUMBER", "the value is not a decimal number of 64 bits")


def out_of_range() -> FailedPreconditionError:
    """The sum cannot be kept."""
    return FailedPreconditionError("NUMBER_OUT_OF_RANGE", "the sum does not fit in 64 bits")
