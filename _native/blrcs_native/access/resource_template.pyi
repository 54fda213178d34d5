"""Resource names, and templates that write them with the fields of a request."""

from typing import Final, final

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

MAX_RESOURCE_BYTES: Final = 1024
MAX_RESOURCE_SEGMENTS: Final = 16

def validate_resource(name: str) -> None: ...

@final
class ResourceTemplate:
    def __init__(self, text: str, descriptor: Descriptor | None = None) -> None: ...
    @property
    def text(self) -> str: ...
    @property
    def fields(self) -> tuple[str, ...]: ...
    @property
    def is_constant(self) -> bool: ...
    def render(self, message: Message) -> str | None: ...
    def field_without_name(self, message: Message) -> str | None:
        """The path of the first field for which :meth:`render` is None."""
