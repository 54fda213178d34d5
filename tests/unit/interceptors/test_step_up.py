"""A policy's demand for a better or fresher proof, from the proto to the refusal."""

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.rpc import error_details_pb2

from blrcs.config.policies import PolicyOverride
from blrcs.domain.authentication import AuthenticationLevel
from blrcs.domain.policy import MethodPolicy, StepUp
from blrcs.interceptors.effective_policy import effective_policy
from blrcs.interceptors.proto_policy import POLICY, PolicyError, method_policy
from blrcs.v1 import credential_pb2
from tests.unit.interceptors.test_guards import detail, factory, reason, serve, token

TWO = StepUp(AuthenticationLevel.MULTI_FACTOR)
CREDENTIALS = credential_pb2.DESCRIPTOR.services_by_name["CredentialService"]
DISABLE = CREDENTIALS.methods_by_name["DisableTotp"]


def policy(step_up, **values):
    return MethodPolicy("authenticated", step_up=step_up, **values)


def bearer(**claims):
    return (("authorization", f"Bearer {token(**claims)}"),)


async def test_a_proof_that_is_good_enough_is_admitted():
    for acr in ("aal2", "phr"):
        call = await serve(policy(TWO), factory(), metadata=bearer(acr=acr))
        assert reason(call) == ""


async def test_a_weaker_one_is_told_what_is_demanded():
    call = await serve(
        policy(StepUp(TWO.level, 600 * 10**9)), factory(), metadata=bearer(acr="aal1")
    )

    assert (reason(call), call.status_code) == ("STEP_UP_REQUIRED", 16)
    demanded = detail(call, error_details_pb2.ErrorInfo).metadata
    assert dict(demanded) == {"acr_values": "aal2 phr", "max_age": "600"}
    assert dict(call.rejection.trailers)["www-authenticate"] == (
        'Bearer error="insufficient_user_authentication", acr_values="aal2 phr", max_age="600"'
    )


@pytest.mark.parametrize("binding", ["dpop", "any"])
async def test_who_has_to_prove_a_key_is_challenged_for_it_too(binding):
    made = factory(check_proof=lambda *_: True)
    bound = token(acr="aal1", cnf={"jkt": "x" * 43})
    call = await serve(
        policy(TWO, token_binding=binding), made, metadata=(("authorization", f"DPoP {bound}"),)
    )
    assert reason(call) == "STEP_UP_REQUIRED"
    demanded = 'error="insufficient_user_authentication", acr_values="aal2 phr"'
    asked = f'DPoP {demanded}, algs="ES256 EdDSA"'
    assert dict(call.rejection.trailers)["www-authenticate"] == (
        asked if binding == "dpop" else f"Bearer {demanded}, {asked}"
    )


async def test_in_shadow_it_lets_pass():
    shadowed = policy(TWO, shadow=frozenset({"authentication"}))

    call = await serve(shadowed, factory(), metadata=bearer())

    assert reason(call) == ""
    assert [each.reason for each in call.shadowed] == ["STEP_UP_REQUIRED"]


async def test_without_a_demand_any_proof_will_do():
    assert reason(await serve(policy(None), factory(), metadata=bearer())) == ""


async def test_a_public_method_cannot_demand_it():
    with pytest.raises(PolicyError, match="is public, and demands a step-up"):
        await serve(MethodPolicy("public", step_up=TWO), factory())


def test_the_proto_states_it():
    assert method_policy(DISABLE).step_up == StepUp(TWO.level, 600 * 10**9)
    assert method_policy(CREDENTIALS.methods_by_name["BeginTotp"]).step_up == StepUp(
        AuthenticationLevel.UNSPECIFIED, 600 * 10**9
    )


def test_a_demand_for_nothing_is_a_mistake():
    file = descriptor_pb2.FileDescriptorProto(name="step_up_test.proto", package="tests")
    file.message_type.add(name="M")
    method = file.service.add(name="S").method.add(
        name="R", input_type=".tests.M", output_type=".tests.M"
    )
    method.options.Extensions[POLICY].authenticated = True
    method.options.Extensions[POLICY].step_up.SetInParent()
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    service = pool.FindServiceByName("tests.S")

    with pytest.raises(PolicyError, match="neither a level nor a max_age"):
        method_policy(service.methods_by_name["R"])


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"level": "phishing_resistant"}, StepUp(AuthenticationLevel.PHISHING_RESISTANT)),
        ({"max_age": "5m"}, StepUp(AuthenticationLevel.UNSPECIFIED, 300 * 10**9)),
        ({}, None),
    ],
    ids=str,
)
def test_the_configuration_takes_its_place(stated, expected):
    override = PolicyOverride.model_validate({"step_up": stated})

    effective = effective_policy("/blrcs.v1.CredentialService/DisableTotp", DISABLE, override)

    assert effective.step_up == expected
