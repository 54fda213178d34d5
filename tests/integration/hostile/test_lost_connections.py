"""A connection that is lost with many calls open holds nobody up, and forgets none of them."""

import time

from blrcs_native.calls.call import Call
from tests.integration.hostile.victim import attacker, serving
from tests.unit.native.http2.frames import call, request

CALLS = 60
# Several of a connection's turns.
SLOW_NS = 300_000


class SlowObserver:
    """Takes its time over each call that ends early."""

    def __init__(self) -> None:
        self.told = 0

    def on_end(self, call: Call) -> None:
        if call.rejection is None:
            return
        self.told += 1
        end_ns = time.perf_counter_ns() + SLOW_NS
        while time.perf_counter_ns() < end_ns:
            pass


WAITING = b"".join(request(stream, b"/e/Echo") for stream in range(1, 2 * CALLS, 2))


async def test_others_are_answered_before_all_calls_of_a_lost_connection_are_told() -> None:
    slow = SlowObserver()
    async with (
        serving(observers=[slow]) as victim,
        attacker(victim.port) as honest,
        attacker(victim.port) as client,
    ):
        await client.send(WAITING + call(2 * CALLS + 1, b"/e/Echo"))
        await client.until(lambda each: "grpc-status" in each.fields)
        await client.close()
        await victim.until(lambda: slow.told > 0)
        await honest.send(call(1, b"/e/Echo"))
        await honest.until(lambda each: "grpc-status" in each.fields)
        assert slow.told < CALLS
        await victim.until(lambda: victim.server.connections == 1)
        assert slow.told == CALLS


async def test_a_server_that_stops_tells_all_calls() -> None:
    slow = SlowObserver()
    async with serving(observers=[slow]) as victim, attacker(victim.port) as client:
        await client.send(WAITING + call(2 * CALLS + 1, b"/e/Echo"))
        await client.until(lambda each: "grpc-status" in each.fields)
        await victim.server.stop(0)
        assert slow.told == CALLS
        assert victim.server.connections == 0
