"""Seals the same value in a process and in several forks of it; prints heads and nonces."""

import os
import sys

from blrcs.encryption.data_key import DataKey

FORKS, VALUES = 8, 500
HEAD_BYTES = 37


def seal(key: DataKey, count: int) -> bytes:
    heads = [key.seal(b"", b"same")[:HEAD_BYTES].hex() for _ in range(count)]
    return ("\n".join(heads) + "\n").encode()


def main() -> None:
    key = DataKey(bytes(range(32)))
    # Nonces are drawn a few at once: the forks find some that are left.
    first = seal(key, 1)
    pipes = []
    for _ in range(FORKS):
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(seal(key, VALUES))
            os._exit(0)
        os.close(writing)
        pipes.append(reading)
    sys.stdout.buffer.write(first)
    for reading in pipes:
        with os.fdopen(reading, "rb") as pipe:
            sys.stdout.buffer.write(pipe.read())
    sys.stdout.buffer.write(seal(key, VALUES))


if __name__ == "__main__":
    main()
