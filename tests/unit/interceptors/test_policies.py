import pytest
from grpc.aio import AioRpcError

from blrcs.config.problem import ConfigError
from blrcs.config.settings import Settings
from blrcs.domain.policy import Permission
from blrcs.interceptors.policies import Policies, policy_in
from blrcs.interceptors.proto_policy import PolicyError
from blrcs.transport.in_process import InProcessChannel
from blrcs.transport.registration import Registrar
from blrcs.transport.router import Router
from blrcs.v1 import cache_pb2, cache_pb2_grpc
from tests.unit.api.refusals import code_and_reason
from tests.unit.interceptors.test_guards import factory

SERVICE = "/blrcs.v1.CacheService"
GET, SET, WATCH = (f"{SERVICE}/{name}" for name in ("Get", "Set", "Watch"))


class Servicer(cache_pb2_grpc.CacheServiceServicer):
    def __init__(self):
        self.calls = 0

    async def Get(self, request, call):
        self.calls += 1
        return cache_pb2.GetResponse()


class Served:
    def __init__(self, **settings):
        self.servicer = Servicer()
        registrar = Registrar()
        cache_pb2_grpc.add_CacheServiceServicer_to_server(self.servicer, registrar)
        self.registrations = {each.name: each for each in registrar}
        self.router = Router({})
        self.policies = Policies(tuple(registrar), factory(), self.router)
        self.settings = settings_of(**settings)
        self.policies.apply(self.settings)
        self.stub = cache_pb2_grpc.CacheServiceStub(InProcessChannel(self.router))

    @property
    def pipelines(self):
        return dict(self.router.pipelines)

    def reload(self, **settings):
        new = settings_of(**settings)
        self.policies.prepare(self.settings, new)()
        self.settings = new

    async def get(self):
        try:
            await self.stub.Get(cache_pb2.GetRequest(namespace="n", key="k"))
        except AioRpcError as error:
            return code_and_reason(error)[0]
        return "OK"


def settings_of(shadow=(), **policies):
    names = {"get": GET, "set_": SET, "watch": WATCH, "all_": f"{SERVICE}/*"}
    stated = {names.get(key, key): override for key, override in policies.items()}
    return Settings(policies=stated, guards={"shadow": list(shadow)})


async def test_the_protos_policies_are_in_effect():
    served = Served()
    assert await served.get() == "UNAUTHENTICATED"
    assert set(served.pipelines) == set(served.registrations)


async def test_an_override_is_in_effect_for_its_method_only():
    served = Served(get={"access": "public"})
    assert await served.get() == "OK"
    assert isinstance(served.pipelines[SET].method.policy.access, Permission)


async def test_the_method_outweighs_its_service_key_by_key():
    served = Served(all_={"access": "public", "audit": "call"}, get={"access": "authenticated"})
    assert served.pipelines[SET].method.policy.access == "public"
    assert served.pipelines[GET].method.policy.access == "authenticated"
    assert served.pipelines[GET].method.policy.audit == "call"


async def test_a_disabled_method_is_not_there_until_it_is_enabled():
    served = Served(get={"disabled": True})
    assert GET not in served.pipelines
    assert await served.get() == "UNIMPLEMENTED"
    served.reload()
    assert await served.get() == "UNAUTHENTICATED"
    served.reload(all_={"disabled": True})
    assert served.pipelines == {}
    served.reload(all_={"disabled": True}, get={"disabled": False, "access": "public"})
    assert await served.get() == "OK"


async def test_the_shadow_for_all_methods_lets_pass():
    served = Served(shadow=["authentication", "authorization"])
    assert await served.get() == "OK"


async def test_a_reload_keeps_the_pipelines_whose_policy_did_not_change():
    served = Served(get={"access": "public", "response_cache_ttl": "1h"})
    before = served.pipelines
    await served.get()
    served.reload(
        get={"access": "public", "response_cache_ttl": "1h"}, set_={"access": "authenticated"}
    )
    after = served.pipelines
    assert [name for name in before if before[name] is not after[name]] == [SET]
    assert after[SET].method.policy.access == "authenticated"
    await served.get()
    assert served.servicer.calls == 1, "the kept reply is still there"
    served.reload(get={"access": "public", "response_cache_ttl": "2h"})
    assert served.pipelines[SET] is not after[SET], "it is as in the proto again"
    await served.get()
    assert served.servicer.calls == 2


async def test_nothing_changes_before_the_commit():
    served = Served()
    before = served.pipelines
    commit = served.policies.prepare(served.settings, settings_of(get={"access": "public"}))
    assert served.pipelines == before
    assert await served.get() == "UNAUTHENTICATED"
    commit()
    assert await served.get() == "OK"


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        ({"/blrcs.v1.CacheService/Nothing": {}}, "names no method"),
        ({"/blrcs.v1.Nothing/*": {}}, "names no method"),
        ({"watch": {"response_cache_ttl": "1s"}}, "streams"),
        ({"get": {"access": {"permission": "a.b", "resource": "x/{nothing}"}}}, "nothing"),
    ],
    ids=["method", "service", "stream", "template"],
)
async def test_policies_that_cannot_be_carried_out_are_refused_and_change_nothing(policies, words):
    with pytest.raises(PolicyError, match=words):
        Served(**policies)
    served = Served()
    before = served.pipelines
    with pytest.raises(ConfigError) as refused:
        served.policies.prepare(served.settings, settings_of(**policies))
    assert words in str(refused.value.problems[0])
    assert served.pipelines == before


def test_the_policy_of_a_disabled_method_is_none():
    registration = Served().registrations[GET]
    assert policy_in(settings_of(get={"disabled": True}), registration) is None
    assert policy_in(settings_of(get={"access": "public"}), registration).access == "public"
