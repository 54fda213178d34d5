"""Getting a binding."""

from blrcs.application.ports.access import BindingReader
from blrcs.domain.binding import Binding, binding_name
from blrcs.domain.errors import NotFoundError


class GetBinding:
    """Gets a binding by id."""

    def __init__(self, *, bindings: BindingReader) -> None:
        self._bindings = bindings

    async def __call__(self, binding_id: str) -> Binding:
        """The binding; NotFoundError if there is none."""
        binding = await self._bindings.get(binding_id)
        if binding is None:
            raise NotFoundError(binding_name(binding_id))
        return binding
