"""Resource names written with the fields of a request."""

from typing import final

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

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
