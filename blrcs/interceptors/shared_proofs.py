"""Proofs of keys that other machines may have taken: the guard behind that of tokens."""

from collections.abc import Awaitable, Callable

from blrcs.domain.errors import DomainError
from blrcs.interceptors.authentication import BINDING_REJECTIONS
from blrcs.interceptors.error_mapping import error_rejection
from blrcs_native.calls.call import Call
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.guard import Guard
from blrcs_native.tokens import binding as token_binding

SpendProof = Callable[[Call], Awaitable[bool] | None]
"""Whether no other machine has taken the proof that was just checked; None without one."""


class SharedProofGuard(Guard):
    """Waits only for calls that carry a proof.

    Its stage is one of its own, so that a stream shows its proof to other machines once.
    """

    def __init__(self, spend: SpendProof, *, shadow: bool) -> None:
        super().__init__("proof", shadow=shadow)
        self._spend = spend

    def check(self, call: Call) -> Awaitable[Rejection | None] | None:
        """See Guard."""
        is_new = self._spend(call)
        return None if is_new is None else self._verdict(call, is_new)

    async def _verdict(self, call: Call, is_new: Awaitable[bool]) -> Rejection | None:
        try:
            return None if await is_new else BINDING_REJECTIONS[token_binding.PROOF_INVALID]
        except DomainError as error:
            return error_rejection(call, error)
