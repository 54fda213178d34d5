"""What is wrong with a policy in a proto is told with the method's name, as callers write it."""

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

from blrcs.interceptors.proto_policy import POLICY, PolicyError, method_policy
from blrcs.v1.policy_pb2 import MethodLimit, MethodPolicy


def method_of(policy):
    file = descriptor_pb2.FileDescriptorProto(name="proto_policy_test.proto", package="tests")
    file.message_type.add(name="M")
    method = file.service.add(name="S").method.add(
        name="R", input_type=".tests.M", output_type=".tests.M"
    )
    method.options.Extensions[POLICY].CopyFrom(policy)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool.FindServiceByName("tests.S").methods_by_name["R"]


def test_a_limit_without_requests_is_a_mistake():
    method = method_of(MethodPolicy(public=True, limits=[MethodLimit()]))
    with pytest.raises(PolicyError) as caught:
        method_policy(method)
    assert str(caught.value) == "/tests.S/R: a limit allows no requests: set requests"


def test_a_value_of_a_newer_version_is_a_mistake():
    with pytest.raises(PolicyError) as caught:
        method_policy(method_of(MethodPolicy(public=True, audit=77)))
    assert str(caught.value) == "/tests.S/R: unknown value 77 in its policy"
