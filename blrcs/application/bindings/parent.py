"""Bindings as who administers a resource sees them: those for it, and for what lies below it."""

from blrcs.domain.access_policy import AccessPolicy, found
from blrcs.domain.binding import Binding
from blrcs.domain.errors import InvalidArgumentError, NotFoundError


def is_within(binding: Binding, parent: str) -> bool:
    """Whether a binding is for the parent, or for what lies below it; all are, below the root."""
    return not parent or f"{binding.resource}/".startswith(f"{parent}/")


def require_within(binding: Binding, parent: str) -> None:
    """Raises InvalidArgumentError for one that is not."""
    if not is_within(binding, parent):
        raise InvalidArgumentError("binding.resource", f"is not {parent}, nor below it")


def found_within(policy: AccessPolicy, name: str, parent: str) -> Binding:
    """The binding of a name; NotFoundError where there is none within the parent."""
    binding = found(policy.bindings, name)
    if not is_within(binding, parent):
        raise NotFoundError(name)
    return binding
