"""Limits and the rules that state them, as use cases see them."""

from collections.abc import Callable, Sequence
from typing import Protocol

from blrcs.domain.limit_rule import Descriptor, LimitRule
from blrcs.domain.limit_status import LimitStatus, LimitVerdict


class Limits(Protocol):
    """Counts what descriptors take under the rules that they match."""

    async def consume(
        self, domain: str, descriptors: Sequence[Descriptor], cost: int, *, check_only: bool
    ) -> LimitVerdict:
        """Takes ``cost`` from all, or, where one refuses, from none."""
        ...

    async def refund(
        self, domain: str, descriptors: Sequence[Descriptor], cost: int
    ) -> Sequence[LimitStatus]:
        """Gives back to each, never more than was taken; how each stands then."""
        ...

    async def peek(self, domain: str, descriptors: Sequence[Descriptor]) -> Sequence[LimitStatus]:
        """How each stands."""
        ...

    async def reset(self, domain: str, descriptors: Sequence[Descriptor]) -> None:
        """Forgets what each has taken."""
        ...


class LimitRules(Protocol):
    """The rules: those of the configuration, and those stored.

    A change is in effect, and durable, when the method returns. Methods that change a rule raise
    FailedPreconditionError for one of the configuration.
    """

    async def get(self, rule_id: str) -> LimitRule | None:
        """The rule, if there is one."""
        ...

    async def list_after(self, rule_id: str, limit: int) -> Sequence[LimitRule]:
        """Rules in the order of their ids, from the first above ``rule_id``."""
        ...

    async def add(self, rule: LimitRule) -> None:
        """Adds a rule; AlreadyExistsError if its id, or its domain and match, are taken."""
        ...

    async def update(self, rule_id: str, change: Callable[[LimitRule], LimitRule]) -> LimitRule:
        """Changes a rule; NotFoundError if there is none, AlreadyExistsError as for ``add``."""
        ...

    async def delete(self, rule_id: str, *, etag: str) -> None:
        """Deletes a rule; NotFoundError, or AbortedError by the etag."""
        ...
