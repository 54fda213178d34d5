"""The one call that the servers of the guarded-call benchmark answer, and what guards it.

``GetOrder`` of the orders example: an EdDSA token, limits by address and by principal, a permission
on the order that the request names, and a protovalidate rule for its number.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blrcs.protos import compile_project

EXAMPLE = Path(__file__).parents[1] / "examples/orders"
compile_project(EXAMPLE)
sys.path.insert(0, str(EXAMPLE))

from orders.v1 import orders_pb2, orders_pb2_grpc  # noqa: E402

METHOD = "/orders.v1.OrderService/GetOrder"
PERMISSION = "orders.get"
ISSUER = "https://id.example"
AUDIENCE = "orders"
KEY_ID = "k1"
# Servers and load generators are processes of their own, and all must agree on the key.
PRIVATE_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TOKEN_TTL_S = 86_400

ALICE = "users/alice"
BOB = "users/bob"
GRANTS = {ALICE: "orders/7", BOB: "orders"}
"""Who may get which orders: the one named and what lies below it."""

BYSTANDERS = 1_000
"""Principals with a permission each, who never call."""

ORDER = orders_pb2.Order(
    order_id="7",
    customer=ALICE,
    lines=[
        orders_pb2.OrderLine(product_id="tea", quantity=2),
        orders_pb2.OrderLine(product_id="cup", quantity=6),
    ],
    state=orders_pb2.ORDER_STATE_PLACED,
)
REQUEST = orders_pb2.GetOrderRequest(order_id="7")


class Orders(orders_pb2_grpc.OrderServiceServicer):
    """Answers every admitted call with the same order."""

    async def GetOrder(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return ORDER


def grants() -> dict[str, str]:
    """A resource for each principal."""
    return GRANTS | {f"users/u{n}": f"orders/{n}" for n in range(1_000, 1_000 + BYSTANDERS)}


def token_for(principal: str, *, expired: bool = False) -> str:
    now_s = int(time.time()) - 2 * TOKEN_TTL_S * expired
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": principal,
        "iat": now_s,
        "exp": now_s + TOKEN_TTL_S,
        "jti": "q3Zb1c8wRXuT0mK4cVnQ5g",
        "sid": "Yt7kP2sLQ0aN9xWb3rJd6A",
    }
    return jwt.encode(claims, PRIVATE_KEY, "EdDSA", headers={"kid": KEY_ID, "typ": "at+jwt"})


def metadata_for(principal: str, *, expired: bool = False) -> Sequence[tuple[str, str]]:
    return (("authorization", f"Bearer {token_for(principal, expired=expired)}"),)
