"""What one connection may cost."""

cimport cython

cdef enum:
    MAX_INT32 = 0x7FFFFFFF
    MIN_FRAME_BYTES = 16384
    MAX_FRAME_BYTES = 16777215


cdef object bounded(str name, object value, object least, object most):
    if not least <= value <= most:
        raise ValueError(f"{name} is {least} to {most}, not {value}")
    return value


@cython.final
cdef class Limits:
    def __init__(
        self,
        *,
        max_receive_bytes=4 << 20,
        max_send_bytes=MAX_INT32,
        soft_head_bytes=8 << 10,
        hard_head_bytes=16 << 10,
        max_head_fields=128,
        max_streams=100,
        window_bytes=65_535,
        frame_bytes=MIN_FRAME_BYTES,
        gathered_bytes=None,
        unsent_bytes=4 << 20,
        min_ping_interval_ns=300_000_000_000,
        max_ping_strikes=2,
        pings_without_calls=False,
        reset_burst=500,
        resets_per_s=33,
        frame_burst=2_000,
        frames_per_s=200,
    ):
        self.max_receive_bytes = bounded("max_receive_bytes", max_receive_bytes, 0, MAX_INT32)
        self.max_send_bytes = bounded("max_send_bytes", max_send_bytes, 0, MAX_INT32)
        self.hard_head_bytes = bounded("hard_head_bytes", hard_head_bytes, 256, MAX_INT32)
        self.soft_head_bytes = min(
            bounded("soft_head_bytes", soft_head_bytes, 256, MAX_INT32), hard_head_bytes
        )
        self.max_head_fields = bounded("max_head_fields", max_head_fields, 8, MAX_INT32)
        self.max_streams = bounded("max_streams", max_streams, 1, MAX_INT32)
        self.window_bytes = bounded("window_bytes", window_bytes, 1_024, MAX_INT32)
        self.frame_bytes = bounded("frame_bytes", frame_bytes, MIN_FRAME_BYTES, MAX_FRAME_BYTES)
        # One of the largest messages must fit, else it could never be gathered.
        if gathered_bytes is None:
            gathered_bytes = max(4 << 20, max_receive_bytes)
        self.gathered_bytes = bounded("gathered_bytes", gathered_bytes, max_receive_bytes, 1 << 40)
        self.unsent_bytes = bounded("unsent_bytes", unsent_bytes, 1, 1 << 40)
        self.min_ping_interval_ns = bounded("min_ping_interval_ns", min_ping_interval_ns, 0, 1 << 62)
        self.max_ping_strikes = bounded("max_ping_strikes", max_ping_strikes, 0, MAX_INT32)
        self.pings_without_calls = pings_without_calls
        self.reset_burst = bounded("reset_burst", reset_burst, 1, MAX_INT32)
        self.resets_per_s = bounded("resets_per_s", resets_per_s, 0, MAX_INT32)
        self.frame_burst = bounded("frame_burst", frame_burst, 16, MAX_INT32)
        self.frames_per_s = bounded("frames_per_s", frames_per_s, 0, MAX_INT32)
