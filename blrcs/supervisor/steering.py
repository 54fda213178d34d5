"""To which of several listening sockets the kernel gives new connections.

They are of one SO_REUSEPORT group (socket(7)), of which the kernel chooses one for each connection.
A program of the classic Berkeley Packet Filter, attached to the group, may choose in its place.
"""

import socket
import struct
from array import array
from collections.abc import Sequence
from contextlib import suppress

SO_ATTACH_REUSEPORT_CBPF = 51
SO_DETACH_REUSEPORT_BPF = 68
# linux/filter.h
LOAD, MODULO, JUMP_IF_EQUAL, RETURN = 0x20, 0x94, 0x15, 0x06
RANDOM = 0xFFFFF000 + 56

Instruction = tuple[int, int, int, int]
"""A ``struct sock_filter``: what to do, how far to jump if so and if not, and a number."""


def steer(group: Sequence[socket.socket], places: Sequence[int]) -> None:
    """Has new connections go to some of the sockets only, each as often as the others.

    Those that already wait at another socket stay there. Where the kernel cannot be told, all
    sockets go on being given connections.

    Args:
        group: All sockets of the group, in the order in which they began to listen.
        places: Which of them, by their places; with none or all of them the kernel chooses.
    """
    chooses = 0 < len(places) < len(group)
    with suppress(OSError):  # a kernel without it, or nothing to detach
        if chooses:
            _attach(group[0], _one_of(places))
        else:
            group[0].setsockopt(socket.SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0)


def _one_of(places: Sequence[int]) -> list[Instruction]:
    """A program that returns one of the places, by chance."""
    program = [(LOAD, 0, 0, RANDOM), (MODULO, 0, 0, len(places))]
    for number, place in enumerate(places[:-1]):
        program += [(JUMP_IF_EQUAL, 0, 1, number), (RETURN, 0, 0, place)]
    return [*program, (RETURN, 0, 0, places[-1])]


def _attach(member: socket.socket, program: Sequence[Instruction]) -> None:
    code = array("B", b"".join(struct.pack("HBBI", *each) for each in program))
    address, _ = code.buffer_info()
    member.setsockopt(
        socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, struct.pack("HP", len(program), address)
    )
