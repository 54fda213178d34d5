"""The rules of the contract that direct handlers carry out by themselves.

Whoever changes one here has changed it in the proto, and changes it in ``direct_*.pyx`` too: a
handler that admits more than the contract does would pass over what Python refuses.
"""

from google.protobuf import text_format

from blrcs.v1 import access_pb2, auth_pb2, cache_pb2, limit_pb2

ID = 'string { pattern: "^[a-z0-9][a-z0-9._-]{0,63}$" }'
PRINCIPAL = (
    "string { max_len: 512 pattern: "
    r'"^((users|serviceAccounts)/[a-z0-9][a-z0-9._-]{0,63}|workloads(/[A-Za-z0-9._-]+)+'
    r'|issuers(/[A-Za-z0-9._~@+:|=-]+)+)$" }'
)
PERMISSION = 'string { max_len: 256 pattern: "^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*$" }'
RULES = {
    "blrcs.v1.ConsumeRequest.domain": ID,
    "blrcs.v1.ConsumeRequest.descriptors": "repeated { min_items: 1 max_items: 32 }",
    "blrcs.v1.LimitDescriptor.entries": "repeated { min_items: 1 max_items: 8 }",
    "blrcs.v1.LimitEntry.key": "string { min_len: 1 max_len: 128 }",
    "blrcs.v1.LimitEntry.value": "string { max_len: 512 }",
    "blrcs.v1.GetRequest.namespace": ID,
    "blrcs.v1.GetRequest.key": "string { min_len: 1 max_bytes: 1024 }",
    "blrcs.v1.SetRequest.namespace": ID,
    "blrcs.v1.SetRequest.key": "string { min_len: 1 max_bytes: 1024 }",
    "blrcs.v1.SetRequest.value": "bytes { max_len: 1048576 }",
    "blrcs.v1.SetRequest.content_type": "string { max_len: 128 }",
    "blrcs.v1.SetRequest.ttl": "duration { lte { seconds: 31622400 } gt { } }",
    "blrcs.v1.SetRequest.if_absent": "bool { const: true }",
    "blrcs.v1.SetRequest.if_present": "bool { const: true }",
    "blrcs.v1.CheckRequest.principal": PRINCIPAL,
    "blrcs.v1.CheckRequest.permission": PERMISSION,
    "blrcs.v1.CheckRequest.resource": "string { max_len: 1024 }",
    "blrcs.v1.IntrospectRequest.token": "string { min_len: 1 max_len: 8192 }",
}
REQUESTS = (
    limit_pb2.ConsumeRequest,
    cache_pb2.GetRequest,
    cache_pb2.SetRequest,
    access_pb2.CheckRequest,
    auth_pb2.IntrospectRequest,
)


def rules_in(descriptor):
    """The rules of a message, of its oneofs and of its fields, and of the messages within."""
    for carrier in (descriptor, *descriptor.oneofs, *descriptor.fields):
        for option, stated in carrier.GetOptions().ListFields():
            if option.full_name.startswith("buf.validate."):
                yield carrier.full_name, text_format.MessageToString(stated, as_one_line=True)
    for field in descriptor.fields:
        if field.message_type is not None:
            yield from rules_in(field.message_type)


def test_the_rules_are_those_that_direct_handlers_know():
    found = [rule for request in REQUESTS for rule in rules_in(request.DESCRIPTOR)]
    assert dict(found) == RULES
    assert len(found) == len(RULES)
