"""LimitService in a host, over any repository of rules."""

import itertools

from blrcs.api.limit_service import LimitService
from blrcs.config.limits import Limits
from blrcs.config.settings import Settings
from blrcs.limits.native_limits import NativeLimits
from blrcs.limits.rule_book import RuleBook
from blrcs.security.page_tokens import SignedPageTokens
from blrcs.security.secret_generator import RandomSecretGenerator
from blrcs.testing import Host
from blrcs.v1 import limit_pb2_grpc
from blrcs_native.limits.limiter import Limiter
from tests.unit.application.identity_fakes import FakeClock, counting_random

ALL = {f"blrcs.limits.{verb}": "limits" for verb in ("consume", "refund", "peek", "reset")} | {
    f"blrcs.limitRules.{verb}": "limitRules"
    for verb in ("create", "get", "list", "update", "delete")
}
DOMAIN = "checkout"


def settings_of(*rules):
    """Settings that state rules of the domain."""
    stated = [{"domain": DOMAIN, "match": [{"key": "user"}]} | rule for rule in rules]
    return Settings(limits=Limits.model_validate({"rules": stated}))


class LimitHost:
    """The service with what it stands on; ``stub`` may do everything."""

    def __init__(self, repository, *configured):
        self.clock = FakeClock()
        self.limits = NativeLimits(Limiter(4096, clock=self.clock))
        self.rules = RuleBook(repository, self.limits)
        self.rules.load(settings_of(*configured))
        service = LimitService(
            limits=self.limits,
            rules=self.rules,
            secrets=RandomSecretGenerator(counting_random()),
            page_tokens=SignedPageTokens(bytes(32)),
            clock=self._time,
        )
        self._ticks = itertools.count()
        self.host = Host(
            lambda server: limit_pb2_grpc.add_LimitServiceServicer_to_server(service, server)
        )
        self.stub = self.stub_of("users/alice", ALL)

    def stub_of(self, principal, permissions=None):
        return limit_pb2_grpc.LimitServiceStub(self.host.channel(principal, permissions))

    def _time(self):
        return self.clock() + next(self._ticks)
