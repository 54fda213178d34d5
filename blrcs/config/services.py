"""Which services the server hosts."""

from typing import Annotated

from pydantic import Field

from blrcs.config.section import Section

Factory = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
    ),
]


class Services(Section):
    """The services hosted."""

    builtin: bool = True
    """Whether BLRCS's own services are hosted. Health and reflection do not depend on it."""
    extra: tuple[Factory, ...] = ()
    """Further services, each as `package.module:factory`."""
