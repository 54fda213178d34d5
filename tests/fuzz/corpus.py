"""What fuzzing begins with: `python -m tests.fuzz.corpus` writes it anew.

What is beside it in the folder was found by the fuzzer, and stays.
"""

from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2

from blrcs.v1 import access_pb2, auth_pb2, cache_pb2, limit_pb2, record_pb2
from blrcs_native.http2.messages import compress
from tests.fuzz.access import access_inputs
from tests.fuzz.creation import created_inputs
from tests.fuzz.documents import document_inputs
from tests.fuzz.heads import head_inputs
from tests.fuzz.lines import line_inputs
from tests.fuzz.proofs import proof_inputs
from tests.fuzz.stored import stored_inputs
from tests.fuzz.tokens import token_inputs
from tests.proxy_headers import LOCAL, UNSPECIFIED, attribute, client_header, header
from tests.unit.native.direct.test_direct_record import NAME as RECORD
from tests.unit.native.http2 import frames
from tests.unit.native.http2.attacks import ATTACKS, GREETINGS
from tests.unit.native.http2.frames import call, data, message, request
from tests.unit.native.http2.whole_scenarios import SCENARIOS
from tests.unit.native.tokens.token_factory import make_token

FOLDER = Path(__file__).parent / "corpus"
MAX_BYTES = 1_500
GREETS_ITSELF = b"\x05"
AT_ONCE = b"\x01"
IN_PARTS = b"\x0a"
KNOWN_AT_ONCE = b"\x11"


def conversations() -> dict[str, bytes]:
    """What clients send, abusive ones in part."""
    found = {name: AT_ONCE + attack.sent[:MAX_BYTES] for name, attack in ATTACKS.items()}
    found |= {name: GREETS_ITSELF + sent for name, sent in GREETINGS.items()}
    found |= {
        f"known_{name.replace(' ', '_')}": KNOWN_AT_ONCE + sent
        for name, sent in SCENARIOS.items()
        if len(sent) <= MAX_BYTES
    }
    found["calls"] = IN_PARTS + call(1, b"/e/Echo", b"hello") + call(3, b"/e/Wait", b"there")
    found["stream"] = (
        IN_PARTS + request(1, b"/e/Stream") + data(1, message(b"a") + message(b"b")[:3])
    )
    found["indexed"] = AT_ONCE + frames.head(
        1,
        b"\x83\x86"
        + frames.literal(b":path", b"/e/Echo", indexed=True)
        + frames.literal(b"content-type", b"application/grpc", indexed=True),
    )
    found["compressed"] = (
        AT_ONCE
        + request(1, b"/e/Echo", (b"grpc-encoding", b"gzip"), (b"grpc-accept-encoding", b"gzip"))
        + data(1, message(compress("gzip", b"hello"), 1), end=True)
    )
    return found


def requests() -> dict[str, dict[str, Message]]:
    """What is asked of methods that direct handlers answer, with every field."""
    pair = limit_pb2.LimitDescriptor(
        entries=[
            limit_pb2.LimitEntry(key="user", value="alice"),
            limit_pb2.LimitEntry(key="plan", value="pro"),
        ]
    )
    path = limit_pb2.LimitDescriptor(entries=[limit_pb2.LimitEntry(key="path", value="/x")])
    entry = {"namespace": "sessions", "key": "k"}
    value = entry | {"value": b"v" * 200, "content_type": "text/plain"}
    records: dict[str, Message] = {
        "whole": record_pb2.GetRecordRequest(name=RECORD),
        "masked": record_pb2.GetRecordRequest(name=RECORD, read_mask={"paths": ["etag"]}),
    }
    return {
        "direct_consume": {
            "stacked": limit_pb2.ConsumeRequest(
                domain="checkout", descriptors=[pair, path, pair], cost=2
            ),
            "peek": limit_pb2.ConsumeRequest(domain="other", descriptors=[path], check_only=True),
        },
        "direct_cache_get": {"entry": cache_pb2.GetRequest(**entry)},
        "direct_cache_set": {
            "for_a_while": cache_pb2.SetRequest(
                **value, ttl=Duration(seconds=300, nanos=5), if_version=7
            ),
            "if_absent": cache_pb2.SetRequest(**entry, if_absent=True),
            "if_present": cache_pb2.SetRequest(**entry, value=b"v", if_present=True),
        },
        "direct_access_check": {
            name: access_pb2.CheckRequest(
                principal=f"{name}/bob", permission="orders.read", resource="orders/7/items/1"
            )
            for name in ("users", "serviceAccounts")
        },
        "direct_get_record": records,
        "direct_get_stored_record": records,
        "direct_health_check": {
            "service": health_pb2.HealthCheckRequest(service="orders.OrderService"),
            "server": health_pb2.HealthCheckRequest(),
        },
        "direct_introspect": {
            "session": auth_pb2.IntrospectRequest(token=make_token("EdDSA", sub="users/alice")),
            "robot": auth_pb2.IntrospectRequest(
                token=make_token("EdDSA", sub="serviceAccounts/robot", sid=..., jti=...)
            ),
        },
    }


def corpus() -> dict[str, dict[str, bytes]]:
    """Inputs by target and name."""
    return {
        "connection": conversations(),
        "heads": head_inputs(),
        "metadata": {"text": b"name\0value", "binary": b"a-bin\0YQ==,Yg", "latin": b"n\0\xff"},
        "timeout": {"second": b"1S", "long": b"99999999H"},
        "message": {
            "set": cache_pb2.SetRequest(namespace="n", key="k", value=b"v").SerializeToString(),
            "consume": limit_pb2.ConsumeRequest(
                domain="d",
                descriptors=[
                    limit_pb2.LimitDescriptor(entries=[limit_pb2.LimitEntry(key="k", value="v")])
                ],
            ).SerializeToString(),
        },
        "compressed": {
            "gzip": b"g" + compress("gzip", b"hello" * 9),
            "deflate": b"d" + compress("deflate", b"hello" * 9),
        },
        "proxy_header": {
            "ipv4": b"\x03" + client_header("1.2.3.4", checksum=True),
            "ipv6": b"\x07" + client_header("2001:db8::1", attribute(4, b"filler")),
            "local": b"\x1f" + header(b"", command=LOCAL, kind=UNSPECIFIED),
        },
        "forwarded": {
            "list": b"\x00" + b"9.9.9.9, [2001:db8::1]:80, 10.0.0.2",
            "elements": b"\x01" + b'for=9.9.9.9;by="a, b", For="[2001:db8::1]:80";proto=http',
        },
        **{
            target: {name: each.SerializeToString() for name, each in asked.items()}
            for target, asked in requests().items()
        },
        **token_inputs(),
        **proof_inputs(),
        **access_inputs(),
        **document_inputs(),
        **line_inputs(),
        **stored_inputs(),
        **created_inputs(),
    }


def main() -> None:
    """Writes all inputs."""
    for target, inputs in corpus().items():
        folder = FOLDER / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in inputs.items():
            (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
