"""The interop client on grpcio: client.py [--ca FILE] ADDRESS CASE...

It prints a line for each case: ``CASE ok``, or ``CASE failed: REASON``.
"""

import argparse
import sys
import traceback
from pathlib import Path

import grpc
import testservice_pb2_grpc as stubs
from cases import Cases


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ca", type=Path)
    parser.add_argument("address")
    parser.add_argument("cases", nargs="+")
    arguments = parser.parse_args()

    def open_channel() -> grpc.Channel:
        # Without a pool of its own, a channel shares the connection of one to the same address.
        options = [("grpc.use_local_subchannel_pool", 1)]
        if arguments.ca is None:
            return grpc.insecure_channel(arguments.address, options)
        credentials = grpc.ssl_channel_credentials(arguments.ca.read_bytes())
        return grpc.secure_channel(arguments.address, credentials, options)

    with open_channel() as channel:
        cases = Cases(stubs.TestServiceStub(channel), channel, open_channel)
        for name in arguments.cases:
            try:
                getattr(cases, name)()
            except Exception as error:  # noqa: BLE001 - whatever fails is the outcome
                traceback.print_exc()
                outcome = f"failed: {error!r}".replace("\n", " ")
            else:
                outcome = "ok"
            print(name, outcome, flush=True)  # noqa: T201 - a program's output


if __name__ == "__main__":
    sys.exit(main())
