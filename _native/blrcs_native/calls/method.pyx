"""One RPC, resolved at start-up, so that a call costs no look-up of options."""

cimport cython

from blrcs_native.monitoring.call_metrics cimport MethodMetrics


cdef object refill_of(object parse):
    """What fills a message that `parse` has made anew, all of it; None where that is not known."""
    owner = getattr(parse, "__self__", None)
    if type(owner).__module__ != "google._upb._message" or parse != owner.FromString:
        return None
    return owner.ParseFromString


@cython.final
cdef class Method:
    def __init__(
        self,
        str name,
        *,
        bint client_streaming,
        bint server_streaming,
        parse,
        serialize,
        policy=None,
        input_descriptor=None,
        MethodMetrics metrics=None,
    ):
        service, separator, short_name = name[1:].rpartition("/")
        if not name.startswith("/") or not separator or not service or not short_name:
            raise ValueError(f"{name!r} is not a method's name: /package.Service/Method")
        self.name = name
        self.service = service
        self.short_name = short_name
        self.client_streaming = client_streaming
        self.server_streaming = server_streaming
        self.parse = parse
        self.refill = refill_of(parse)
        self.serialize = serialize
        self.policy = policy
        self.input_descriptor = input_descriptor
        self.metrics = metrics

    @property
    def kind(self):
        if self.client_streaming:
            return "bidi_stream" if self.server_streaming else "client_stream"
        return "server_stream" if self.server_streaming else "unary"

    def __repr__(self):
        return f"Method({self.name}, {self.kind})"
