"""Who calls, as use cases want to know it."""

from blrcs_native.call import Call


def caller_name(call: Call) -> str:
    """The principal's name; empty for a call without one."""
    return call.principal.name if call.principal is not None else ""


def caller_session(call: Call) -> str:
    """The session that the caller's token belongs to; empty where there is none."""
    return call.principal.session if call.principal is not None else ""
