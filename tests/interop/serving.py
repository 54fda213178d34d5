"""TestService served in this process, and one run of a client against it."""

import asyncio
import os
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import blrcs.aio
from blrcs.domain.policy import PUBLIC
from tests.certificates import Certificate
from tests.interop.contract import stubs
from tests.interop.programs import build
from tests.interop.service import Servicer
from tests.interop.witness import Exchange, Witness

HOST = "127.0.0.1"
POLICIES = {"/grpc.testing.TestService/*": PUBLIC}
Front = Callable[[int], AbstractContextManager[int]]
TIMEOUT_S = 240
"""Far above what all cases together take."""


@dataclass(frozen=True)
class Outcome:
    """What a client said of each case, all that it printed, and the calls that the relay saw."""

    lines: dict[str, str]
    output: str
    exchanges: list[Exchange]

    def of(self, case: str) -> str:
        """``ok``, or what failed."""
        return self.lines.get(case, f"not reached:\n{self.output}")


async def _run_client(command: Sequence[str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        env=os.environ | {"no_proxy": HOST},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _serve(
    stack: str,
    transport: str,
    cases: Sequence[str],
    certificate: Certificate | None,
    relayed: bool,
    behind: Front,
) -> Outcome:
    witness = Witness()
    server = blrcs.aio.server(policies=POLICIES, transport=transport)
    stubs.add_TestServiceServicer_to_server(Servicer(witness.requests), server)
    trust: list[str] = []
    if certificate is None:
        port = server.add_insecure_port(f"{HOST}:0")
    else:
        credentials = blrcs.aio.ssl_server_credentials([(certificate.key, certificate.chain)])
        port = server.add_secure_port(f"{HOST}:0", credentials)
        trust = ["--ca", str(certificate.path)]
    await server.start()
    try:
        async with witness.relay(port) as relay_port:
            with behind(relay_port if relayed else port) as front_port:
                address = f"{HOST}:{front_port}"
                output = await _run_client([*build(stack), *trust, address, *cases])
    finally:
        await server.stop(0)
    lines = re.findall(rf"^({'|'.join(cases)}) (ok|failed: .*)$", output, re.MULTILINE)
    return Outcome(dict(lines), output, witness.exchanges)


def run_client(
    stack: str,
    transport: str,
    cases: Sequence[str],
    *,
    certificate: Certificate | None = None,
    relayed: bool = False,
    behind: Front = nullcontext,
) -> Outcome:
    """Runs cases by a stack's client against a server on a transport.

    Args:
        stack: One of :data:`tests.interop.cases.STACKS`.
        transport: One of :data:`tests.transports.TRANSPORTS`.
        cases: What the client is to do, in this order.
        certificate: Has the server speak TLS.
        relayed: Has a witness between the two; not with TLS.
        behind: Gives the port to call for the server's own, as a proxy does.
    """
    build(stack)
    return asyncio.run(_serve(stack, transport, cases, certificate, relayed, behind))
