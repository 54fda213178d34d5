"""Failed proofs of identity, bounded for each account and each address, with growing waits."""

from collections.abc import Iterable

from blrcs.domain.address_block import address_block
from blrcs_native.limiter import Limiter, Rule

NS_PER_S = 1_000_000_000
ADDRESS_PERIOD_NS = 15 * 60 * NS_PER_S
FIRST_WAIT_NS = 4 * NS_PER_S
DOUBLINGS = 8
"""The waits grow from 4 seconds to 512, which is 8 minutes and a half."""
DEFAULT_ACCOUNT_FAILURES = 10
DEFAULT_PAIR_FAILURES = 5
DEFAULT_ADDRESS_FAILURES = 100


class LimiterSignInThrottle:
    """Implements the SignInThrottle port by stacks of GCRA rules.

    The rule for an account stops guessing of one password from many addresses; the one for an
    address stops trying one password on many accounts. An address that is familiar for an account
    is counted apart from all others: whoever keeps the account's own wait high from elsewhere does
    not lock its owner out.

    Of a stack each rule admits one failure more than the last one at once, and from then on one in
    twice the time. So each wait doubles the time that all failures have taken together, and the
    state is nothing but cells of the limiter, which all workers share.

    Args:
        purpose: What is proven. Each purpose is counted apart.
        account_failures: Failures for one account before the first wait.
        pair_failures: The same for an account from a familiar address.
        address_failures: Failures from one address in 15 minutes.
    """

    def __init__(
        self,
        limiter: Limiter,
        *,
        purpose: str = "sign-in",
        account_failures: int = DEFAULT_ACCOUNT_FAILURES,
        pair_failures: int = DEFAULT_PAIR_FAILURES,
        address_failures: int = DEFAULT_ADDRESS_FAILURES,
    ) -> None:
        self._limiter = limiter
        self._account = _doubling(f"{purpose}/account", account_failures)
        self._pair = _doubling(f"{purpose}/pair", pair_failures)
        self._address = Rule(
            "gcra", address_failures, ADDRESS_PERIOD_NS, identity=f"{purpose}/address"
        )

    def allow(self, user_id: str, address: str, *, familiar: bool = False) -> int | None:
        """See the port."""
        decision = self._limiter.consume_all(self._claims(user_id, address, familiar=familiar))
        return None if decision.allowed else decision.retry_after_ns

    def refund(self, user_id: str, address: str, *, familiar: bool = False) -> None:
        """See the port."""
        for rule, key, cost in self._claims(user_id, address, familiar=familiar):
            self._limiter.refund(rule, key, cost)

    def forgive(self, user_id: str, addresses: Iterable[str] = ()) -> None:
        """See the port."""
        for rule in self._account:
            self._limiter.reset(rule, user_id)
        for address in addresses:
            for rule in self._pair:
                self._limiter.reset(rule, _pair_key(user_id, address))

    def _claims(self, user_id: str, address: str, *, familiar: bool) -> list[tuple[Rule, str, int]]:
        if familiar:
            rules, key = self._pair, _pair_key(user_id, address)
        else:
            rules, key = self._account, user_id
        return [
            (self._address, address_block(address), 1),
            *((rule, key, 1) for rule in rules),
        ]


def _doubling(identity: str, failures: int) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            "gcra",
            1,
            FIRST_WAIT_NS << doubling,
            burst=failures + doubling,
            identity=f"{identity}/{doubling}",
        )
        for doubling in range(DOUBLINGS)
    )


def _pair_key(user_id: str, address: str) -> str:
    return f"{user_id}\0{address_block(address)}"
