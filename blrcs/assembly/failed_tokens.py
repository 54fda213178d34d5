"""Puts together what bounds the tokens that strangers have verified in vain."""

from blrcs.config.auth import Auth
from blrcs.security.proof_payments import ProofPayments
from blrcs.workers.memory import FAILED_TOKEN_CELLS, FAILED_TOKENS, Memory
from blrcs_native.failed_verifications import FailedVerifications
from blrcs_native.limiter import Limiter, Rule

NS_PER_S = 1_000_000_000
ADDRESS_PERIOD_NS = 10 * 60 * NS_PER_S
ASKER_PERIOD_NS = 10 * NS_PER_S
CONNECTION_BURST = 3


def failures_in_vain(
    memory: Memory, settings: Auth
) -> tuple[FailedVerifications | None, ProofPayments | None]:
    """Those of tokens and of proofs, of all workers together; None where they are not bounded."""
    own = settings.failed_tokens_per_address
    if not own:
        return None, None
    limiter = memory.limiter(FAILED_TOKENS, FAILED_TOKEN_CELLS)
    return _failed_verifications(limiter, settings), ProofPayments(limiter, own)


def _failed_verifications(limiter: Limiter, settings: Auth) -> FailedVerifications:
    own, shared = settings.failed_tokens_per_address, settings.failed_tokens_per_second
    newcomers = settings.newcomer_tokens_per_second
    connection = Rule(
        "gcra", 1, NS_PER_S, burst=CONNECTION_BURST, identity="failed-tokens/connection"
    )
    return FailedVerifications(
        limiter,
        per_address=Rule("gcra", own, ADDRESS_PERIOD_NS, identity="failed-tokens/address"),
        in_all=Rule("gcra", shared, NS_PER_S, identity="failed-tokens") if shared else None,
        per_asker=Rule("gcra", own, ASKER_PERIOD_NS, identity="failed-tokens/asker"),
        newcomers=Rule("gcra", newcomers, NS_PER_S, identity="failed-tokens/newcomers")
        if newcomers
        else None,
        per_connection=connection if newcomers else None,
    )
