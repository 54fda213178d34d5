"""Failed sign-ins, bounded for each account and each address."""

from blrcs_native.limiter import Limiter, Rule

PERIOD_NS = 15 * 60 * 1_000_000_000
DEFAULT_ACCOUNT_FAILURES = 10
DEFAULT_ADDRESS_FAILURES = 100


class LimiterSignInThrottle:
    """Implements the SignInThrottle port by GCRA.

    The bound for an account stops guessing of one password from many addresses; the one for an
    address stops trying one password on many accounts.

    Args:
        account_failures: Failures for one account in 15 minutes.
        address_failures: Failures from one address in 15 minutes.
    """

    def __init__(
        self,
        limiter: Limiter,
        *,
        account_failures: int = DEFAULT_ACCOUNT_FAILURES,
        address_failures: int = DEFAULT_ADDRESS_FAILURES,
    ) -> None:
        self._limiter = limiter
        self._account = Rule("gcra", account_failures, PERIOD_NS, identity="sign-in/account")
        self._address = Rule("gcra", address_failures, PERIOD_NS, identity="sign-in/address")

    def allow(self, user_id: str, address: str) -> int | None:
        """See the port."""
        decision = self._limiter.consume_all(self._claims(user_id, address))
        return None if decision.allowed else decision.retry_after_ns

    def refund(self, user_id: str, address: str) -> None:
        """See the port."""
        for rule, key, cost in self._claims(user_id, address):
            self._limiter.refund(rule, key, cost)

    def _claims(self, user_id: str, address: str) -> list[tuple[Rule, str, int]]:
        return [(self._account, user_id, 1), (self._address, address, 1)]
