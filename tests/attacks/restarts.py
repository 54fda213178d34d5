"""The end of a worker, and its successor."""

from tests.attacks.world import World
from tests.e2e.workers import channels_to_all, kill, until

STARTED = "worker started"


def kill_a_worker(world: World) -> None:
    """Kills one of two; returns when it has a successor."""
    with channels_to_all(world.server, 2) as channels:
        killed = min(channels)
    started = world.server.stderr.count(STARTED)
    kill(killed)
    until(lambda: world.server.stderr.count(STARTED) > started)
