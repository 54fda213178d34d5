"""What pays for proofs of keys that come to nothing: the address that they come from."""

from blrcs.domain.address_block import address_block
from blrcs_native.limits.limiter import Limiter, Rule

NS_PER_S = 1_000_000_000
PERIOD_NS = 10 * 60 * NS_PER_S


class ProofPayments:
    """Says whether one more proof may be verified, for an address.

    A signature costs its forger nothing, and a stranger's own key signs as well as any. So each
    proof is paid for before it is looked at, and what it cost is given back when the call has come
    to something: an honest caller pays nothing in the end, but counts while the call runs. What
    runs of an address at a moment, or has failed, is bounded for all who share it.

    Args:
        limiter: Counts, for all workers.
        per_address: So many may come to nothing in ten minutes, of an address or a /64.
    """

    def __init__(self, limiter: Limiter, per_address: int) -> None:
        self._limiter = limiter
        self._rule = Rule("gcra", per_address, PERIOD_NS, identity="failed-proofs")
        self.retry_after_ns = -(-PERIOD_NS // per_address)

    def take(self, address: str, key: str = "") -> bool:
        """Whether there is enough; ``key`` is one that a good token says that it is bound to.

        What is sent with that is counted apart from what else comes from there.
        """
        return self._limiter.consume(self._rule, _payer(address, key)).allowed

    def give_back(self, address: str, key: str = "") -> None:
        """It has come to something."""
        self._limiter.refund(self._rule, _payer(address, key))


def _payer(address: str, key: str) -> str:
    return f"{address_block(address)} {key}"
