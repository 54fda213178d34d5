"""Which names of workloads the contract lets bindings, groups and questions name."""

import pytest

from blrcs.interceptors.validation import judge
from blrcs.v1 import access_pb2

GOOD = ["workloads/one", "workloads/example.org/ns/Prod/sa/api_1", "workloads/" + "a" * 500]
BAD = [
    "workloads",
    "workloads/",
    "workloads//a",
    "workloads/a/",
    "workloads/a//b",
    "workloads/a b",
    "workloads/a%2Fb",
    "workloads/a\n",
    "workloads/" + "a" * 503,
    "Workloads/a",
]


def messages(name: str) -> list[object]:
    return [
        access_pb2.Binding(role="roles/r", members=[name]),
        access_pb2.Group(members=[name]),
        access_pb2.CheckRequest(principal=name, permission="a.b"),
        access_pb2.ExplainRequest(principal=name, permission="a.b"),
    ]


@pytest.mark.parametrize("name", GOOD)
def test_a_workload_can_be_named(name: str) -> None:
    assert [judge(message) for message in messages(name)] == [None] * 4


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_workload_cannot(name: str) -> None:
    assert all(judge(message) is not None for message in messages(name))
