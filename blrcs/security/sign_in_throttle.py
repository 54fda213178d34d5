"""Failed proofs of identity, bounded for each account and each address, with growing waits."""

from collections.abc import Iterable

from blrcs.application.ports.shared_counts import FailureCounts
from blrcs.domain.address_block import address_block
from blrcs.domain.failures import FailureBound, Failures

NS_PER_S = 1_000_000_000
ADDRESS_PERIOD_NS = 15 * 60 * NS_PER_S
FIRST_WAIT_NS = 4 * NS_PER_S
DOUBLINGS = 8
"""The waits grow from 4 seconds to 512, which is 8 minutes and a half."""
DEFAULT_ACCOUNT_FAILURES = 10
DEFAULT_PAIR_FAILURES = 5
DEFAULT_ADDRESS_FAILURES = 100


class CountingSignInThrottle:
    """Implements the SignInThrottle port by stacks of bounds.

    The bound of an account stops guessing of one password from many addresses; the one for an
    address stops trying one password on many accounts. An address that is familiar for an account
    is counted apart from all others: whoever keeps the account's own wait high from elsewhere does
    not lock its owner out.

    Of a stack each bound admits one failure more than the last one at once, and from then on one in
    twice the time. So each wait doubles the time that all failures have taken together.

    Args:
        counts: Counts, for all who are to have the same bounds.
        purpose: What is proven. Each purpose is counted apart.
        account_failures: Failures for one account before the first wait.
        pair_failures: The same for an account from a familiar address.
        address_failures: Failures from one address in 15 minutes.
    """

    def __init__(
        self,
        counts: FailureCounts,
        *,
        purpose: str = "sign-in",
        account_failures: int = DEFAULT_ACCOUNT_FAILURES,
        pair_failures: int = DEFAULT_PAIR_FAILURES,
        address_failures: int = DEFAULT_ADDRESS_FAILURES,
    ) -> None:
        self._counts = counts
        self._account = _doubling(f"{purpose}/account", account_failures)
        self._pair = _doubling(f"{purpose}/pair", pair_failures)
        self._address = (
            FailureBound(
                f"{purpose}/address", address_failures, ADDRESS_PERIOD_NS, burst=address_failures
            ),
        )

    async def allow(self, user_id: str, address: str, *, familiar: bool = False) -> int | None:
        """See the port."""
        return await self._counts.take(self._both(user_id, address, familiar=familiar))

    async def refund(self, user_id: str, address: str, *, familiar: bool = False) -> None:
        """See the port."""
        await self._counts.give_back(self._both(user_id, address, familiar=familiar))

    async def forgive(self, user_id: str, addresses: Iterable[str] = ()) -> None:
        """See the port."""
        pairs = {_pair_key(user_id, address) for address in addresses}
        await self._counts.forget(
            [
                Failures(self._account, user_id),
                *(Failures(self._pair, pair) for pair in sorted(pairs)),
            ]
        )

    def _both(self, user_id: str, address: str, *, familiar: bool) -> tuple[Failures, Failures]:
        block = address_block(address)
        if familiar:
            proven = Failures(self._pair, _pair_key(user_id, address))
        else:
            proven = Failures(self._account, user_id)
        return Failures(self._address, block), proven


def _doubling(identity: str, failures: int) -> tuple[FailureBound, ...]:
    return tuple(
        FailureBound(
            f"{identity}/{doubling}", 1, FIRST_WAIT_NS << doubling, burst=failures + doubling
        )
        for doubling in range(DOUBLINGS)
    )


def _pair_key(user_id: str, address: str) -> str:
    return f"{user_id}\0{address_block(address)}"
