"""How the issuers of others stand, as metrics."""

from blrcs_native.monitoring.metrics import Counter, Gauge, MetricsBlock

ISSUERS = 256


class IssuerMetrics:
    """The families, and what fills them.

    Making one changes nothing in the block.
    """

    def __init__(self, block: MetricsBlock) -> None:
        self._workers = Gauge(
            block,
            "blrcs_issuer_workers",
            "Workers that have keys of an issuer; all others refuse its tokens.",
            ("issuer",),
            ISSUERS,
        )
        self._fetches = Counter(
            block,
            "blrcs_issuer_fetches_total",
            "How often issuers were asked for their keys: fetched, or failed.",
            ("issuer", "outcome"),
            2 * ISSUERS,
        )

    def trusted(self, issuer: str, *, has_keys: bool) -> None:
        """Tells whether this worker accepts the issuer's tokens."""
        self._workers.labels(issuer).set(has_keys)

    def asked(self, issuer: str, *, fetched: bool) -> None:
        """Counts what came of asking it."""
        self._fetches.labels(issuer, "fetched" if fetched else "failed").inc()
