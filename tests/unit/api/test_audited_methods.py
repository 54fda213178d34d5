"""Which methods of BLRCS's own services are recorded call by call."""

import importlib
import pkgutil

import pytest
from google.protobuf.descriptor_pb2 import MethodOptions

import blrcs.v1
from blrcs.interceptors.proto_policy import method_policy

# What services and users do all day with data of their own, and what leaves nothing behind. A
# configuration may have it recorded.
DATA = {
    "/blrcs.v1.AuthService/BeginPasskeySignIn",
    "/blrcs.v1.AuthService/Introspect",
    "/blrcs.v1.CacheService/Delete",
    "/blrcs.v1.CacheService/Increment",
    "/blrcs.v1.CacheService/Set",
    "/blrcs.v1.CacheService/Touch",
    "/blrcs.v1.CacheService/Watch",
    "/blrcs.v1.LimitService/Consume",
    "/blrcs.v1.LimitService/Refund",
    "/blrcs.v1.RecordService/BatchWriteRecords",
    "/blrcs.v1.RecordService/CreateRecord",
    "/blrcs.v1.RecordService/DeleteRecord",
    "/blrcs.v1.RecordService/UpdateRecord",
    "/blrcs.v1.RecordService/WatchRecords",
}


def changing():
    """All methods that do not promise to change nothing, by name."""
    for module in pkgutil.iter_modules(blrcs.v1.__path__):
        if not module.name.endswith("_pb2"):
            continue
        described = importlib.import_module(f"blrcs.v1.{module.name}").DESCRIPTOR
        for service in described.services_by_name.values():
            for method in service.methods:
                if method.GetOptions().idempotency_level != MethodOptions.NO_SIDE_EFFECTS:
                    yield f"/{service.full_name}/{method.name}", method


METHODS = dict(changing())


def test_what_is_left_out_exists():
    assert METHODS.keys() >= DATA


@pytest.mark.parametrize("name", sorted(METHODS.keys() - DATA))
def test_whatever_changes_who_may_do_what_is_recorded(name):
    assert method_policy(METHODS[name]).audit in ("call", "request")
