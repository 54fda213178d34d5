"""What the audit log does, as metrics."""

from blrcs_native.monitoring.metrics import Counter, Gauge, MetricsBlock


class AuditMetrics:
    """Families of the audit log. Making them changes nothing in the block."""

    def __init__(self, block: MetricsBlock) -> None:
        self._records = Counter(
            block, "blrcs_audit_records_total", "Records that are in the audit log, durably."
        )
        self._failing = Gauge(
            block,
            "blrcs_audit_failing",
            "Whether a worker cannot write the audit log, and so refuses what it would record.",
            combine="max",
        )

    def observe(self, written: int, *, failed: bool) -> None:
        """A group of records was written, or was not."""
        if written:
            self._records.labels().inc(written)
        self._failing.labels().set(int(failed))
