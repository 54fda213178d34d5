"""The parts of an instant: of the calendar of Gregory, in UTC or in a time zone."""

from datetime import tzinfo

from blrcs_native.conditions.condition import Node

class TimePart(Node):
    """A part by CEL's name for it, such as ``getHours``; None is UTC."""

    def __init__(self, operand: Node, part: str, zone: tzinfo | None = None) -> None: ...
