"""Going on with a log where whoever had it before left it."""

from collections.abc import Container

from blrcs.cache.strategies.backlog import Backlog
from blrcs.cache.strategies.delivery import Delivery
from blrcs.cache.strategies.log.recovery import Recovered
from blrcs.domain.logged_write import Applied, LoggedWrite


def resume(
    recovered: Recovered,
    applied: Applied,
    set_aside: Container[int],
    backlog: Backlog,
    delivery: Delivery,
) -> list[LoggedWrite]:
    """Puts what is not dealt with into the backlog.

    Args:
        recovered: What the log holds.
        applied: What the sink knows.
        set_aside: Sequences of dead letters.
        backlog: Is empty.
        delivery: Of that backlog, and not running yet.

    Returns:
        What is dealt with.
    """
    done = []
    # What the sink has taken down as taken stays so, or it would forget what came after it.
    backlog.skip(applied.up_to)
    for write in recovered.writes:
        if applied.has(write.sequence) or write.sequence in set_aside:
            done.append(write)
        elif write.sequence in applied.but:
            backlog.add(write, taken=True)
            delivery.hold(write)
        else:
            backlog.add(write)
    return done
