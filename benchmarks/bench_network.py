"""What it adds to a guarded call to ask where it comes from, and to know its caller by certificate.

The call is that of ``bench_guards``, in process: over a network its ratios are smaller, since the
transport's share comes on top of both, and a certificate is known of its connection, which here is
asked for at each call. With everything on, the caller is a workload that calls through a trusted
proxy, its address is on none of a thousand denied networks, its binding has a condition, and the
audit log takes what is refused.
"""

import asyncio
import os
import tempfile
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import bench_guards
from bench_audit import open_in
from certificate import workload_certificate
from harness import Claim, Loop, Report, main, measure, versions

from blrcs.config.mtls import Mtls
from blrcs.config.network import Network
from blrcs.domain.policy import Addresses
from blrcs.interceptors.factory import PipelineFactory
from blrcs.interceptors.network import current_network
from blrcs.security.certificate_names import CertificateNames
from blrcs.security.condition_compiler import compile_condition
from blrcs.transport.in_process import InProcessStream
from blrcs_native.access.table import AccessTable, BindingSpec, RoleSpec
from blrcs_native.calls.call import Call
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.guards.authorization import CurrentAccess
from blrcs_native.guards.certificate import CertificatePrincipals

WORKLOAD = "workloads/example.org/ns/orders"
CONDITION = "request.time < timestamp('2100-01-01T00:00:00Z')"
DENIED = tuple(f"10.{high}.{low}.0/24" for high in range(1, 9) for low in range(0, 250, 2))
LISTS = Network(allow=("10.0.0.0/8", "192.168.0.0/16"), deny=DENIED)
BEHIND = LISTS.model_copy(update={"trusted_proxies": (bench_guards.ADDRESS,)})
HOPS = ("x-forwarded-for", "192.168.7.7")
TOKEN = "a token"
MOST = 1.3


class Secured(InProcessStream):
    """Shows the certificate of a workload, as a connection by TLS does."""

    def __init__(self, deadline: float | None) -> None:
        super().__init__(deadline)
        self._shown = {
            "transport_security_type": [b"ssl"],
            "x509_pem_cert": [workload()],
        }

    def auth_context(self) -> dict[str, Any]:
        return self._shown


@cache
def workload() -> bytes:
    return workload_certificate("spiffe://example.org/ns/orders")


def with_bindings(made_by: PipelineFactory) -> PipelineFactory:
    """The workload may do what Alice may, on a condition."""
    bindings = [
        BindingSpec(
            "bindings/w",
            "roles/r",
            [WORKLOAD, bench_guards.ALICE],
            "tenants/acme",
            condition=compile_condition(CONDITION),
        )
    ]
    table = AccessTable([RoleSpec("roles/r", ["orders.list"])], [], bindings)
    return replace(made_by, access=CurrentAccess(table))


def certificates() -> CertificatePrincipals:
    settings = Mtls(mode="fallback", trust_domains=("example.org",))
    return CertificatePrincipals(CertificateNames(settings).read, time.time_ns)


def serve_loop(pipeline: Pipeline, metadata: Any, reason: str = "") -> Loop:
    """The road of a call whose handler does not wait, over TLS."""
    method, stream, serve = pipeline.method, Secured(None), pipeline.serve
    refused = pipeline.admit(Call(method, stream, metadata, bench_guards.ADDRESS))
    assert getattr(refused, "reason", "") == reason, refused
    expected = None if reason else b"request"

    def loop(count: int) -> None:
        for _ in range(count):
            try:
                serve(Call(method, stream, metadata, bench_guards.ADDRESS), b"request").send(None)
            except StopIteration as stop:
                if stop.value != expected:
                    raise AssertionError("the call was not answered as expected") from None

    return loop


def subjects(everything: PipelineFactory) -> dict[str, Loop]:
    plain = bench_guards.factory()
    bind = bench_guards.bind
    by_token = bench_guards.metadata_with(bench_guards.token_of(bench_guards.ALICE))
    without = tuple(field for field in by_token if field[0] != "authorization")
    listed = replace(plain, network=current_network(LISTS))
    proxied = replace(plain, network=current_network(BEHIND))
    own = replace(bench_guards.POLICY, addresses=Addresses(deny=(HOPS[1],)))
    return {
        TOKEN: serve_loop(bind(plain), by_token),
        "a token, lists": serve_loop(bind(listed), by_token),
        "a token, lists, behind a proxy": serve_loop(bind(proxied), (*by_token, HOPS)),
        "a token, a condition": serve_loop(bind(with_bindings(plain)), by_token),
        "a token, audited": serve_loop(bind(replace(plain, audit=everything.audit)), by_token),
        "a certificate": serve_loop(
            bind(replace(with_bindings(plain), certificates=certificates())), without
        ),
        "a certificate, with everything on": serve_loop(bind(everything), (*without, HOPS)),
        "a token, with everything on": serve_loop(bind(everything), (*by_token, HOPS)),
        "refused for its address": serve_loop(
            bind(everything, own), (*by_token, HOPS), "ADDRESS_NOT_ALLOWED"
        ),
    }


def run(rounds: int) -> Report:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    loop = asyncio.new_event_loop()
    with tempfile.TemporaryDirectory(prefix="blrcs-network-", dir=Path.cwd()) as folder:
        log = loop.run_until_complete(open_in(Path(folder)))
        everything = replace(
            with_bindings(bench_guards.factory()),
            network=current_network(BEHIND),
            certificates=certificates(),
            audit=log,
        )
        timings = measure(subjects(everything), rounds=rounds)
        loop.run_until_complete(log.close())
    plain_ns = timings[TOKEN].median_ns
    return Report(
        "the network's rules and certificates: one guarded call in process",
        timings,
        [
            Claim(f"{name} / a token alone", timing.median_ns / plain_ns, at_most=MOST)
            for name, timing in timings.items()
            if name not in {TOKEN, "refused for its address"}
        ],
        versions("cryptography"),
    )


if __name__ == "__main__":
    main(run)
