"""A process as a supervisor starts them, which does what it is told and writes down what happens.

    python -S puppet.py DESCRIPTOR

Its handover names the seat it has, and what it is to be:

    serves      says that it serves, and ends when it is told to
    fails       ends before it serves
    hangs       never comes to serve
    waits       serves once it gets SIGUSR1
    lingers     is told to end, and ends once it gets SIGUSR1
    deaf        goes on when it is told to end

What it is lent it writes down before the next signal.
"""

import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable

ENDS = {signal.SIGTERM, signal.SIGUSR2}
SIGNALS = {*ENDS, signal.SIGHUP, signal.SIGUSR1}
MAX_LIFE_S = 600
STARTED = {"addresses": [], "metrics_address": "", "administrator": None, "reflection": False}


def say_loans(control: socket.socket, say: Callable[[str], None]) -> None:
    """What the process was lent, or has to give back: the seat, and how many sockets."""
    while select.select([control], [], [], 0)[0]:
        packet, sockets, _, _ = socket.recv_fds(control, 65_536, 8)
        if not packet:
            return
        loan = json.loads(packet)
        say(f"{'returns' if loan['ends'] else 'borrows'}-{loan['seat']}-{len(sockets)}")


def main() -> None:
    signal.alarm(MAX_LIFE_S)  # whatever becomes of the test
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    control = socket.socket(fileno=int(sys.argv[1]))
    packet, (diary,), _, _ = socket.recv_fds(control, 65_536, 8)
    told = json.loads(packet)["flags"]
    part = told["part"]

    def say(what: str) -> None:
        os.write(diary, f"{told['seat']} {os.getpid()} {what}\n".encode())

    def serve() -> None:
        say("serves")
        control.send(json.dumps(STARTED | {"addresses": [told["seat"]]}).encode())

    say("begins")
    if part == "fails":
        sys.exit(1)
    if part == "waits":
        while (number := signal.sigwait(SIGNALS)) != signal.SIGUSR1:
            say(signal.Signals(number).name)
    if part != "hangs":
        serve()
    while True:
        number = signal.sigwait(SIGNALS)
        say_loans(control, say)
        say(signal.Signals(number).name)
        if number in ENDS and part == "lingers":
            signal.sigwait({signal.SIGUSR1})
        if number in ENDS and part != "deaf":
            break
    say("ends")


if __name__ == "__main__":
    main()
