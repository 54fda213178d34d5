"""Methods and calls as middleware and observers see them."""

from dataclasses import dataclass, field

from blrcs.transport.in_process import InProcessStream
from blrcs.v1 import user_pb2
from blrcs_native.calls.call import Call, Principal
from blrcs_native.calls.method import Method

Request = user_pb2.GetUserRequest
Reply = user_pb2.User


def method_of(policy=None, *, message=Request, is_streaming=False, is_described=True):
    return Method(
        "/tests.Service/Get",
        client_streaming=False,
        server_streaming=is_streaming,
        parse=message.FromString,
        serialize=Reply.SerializeToString,
        policy=policy,
        input_descriptor=message.DESCRIPTOR if is_described else None,
    )


def call_of(principal="users/alice", *metadata):
    call = Call(method_of(), InProcessStream(None), metadata, "192.0.2.1")
    call.principal = Principal(principal, session="s1") if principal else None
    return call


@dataclass
class Handler:
    """Counts its calls; ``work`` is done by each and may raise."""

    work: object = None
    requests: list = field(default_factory=list)

    async def __call__(self, request, call):
        self.requests.append(request)
        number = len(self.requests)
        if self.work is not None:
            await self.work(call, number)
        return Reply(name=request.name, display_name=str(number))
