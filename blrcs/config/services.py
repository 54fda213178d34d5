"""Which services the server hosts."""

from typing import Annotated

from pydantic import Field

from blrcs.config.duration import Duration, between
from blrcs.config.section import Section, Table, empty_table
from blrcs.config.shape import shaped

Factory = Annotated[
    str,
    shaped(
        r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*",
        "a function of a module, such as shop.service:register",
    ),
]
BranchName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Services(Section):
    """The services hosted."""

    builtin: bool = True
    """Whether BLRCS's own services are hosted. Health and reflection do not depend on it."""
    migrations: Table[BranchName, str] = Field(default_factory=empty_table)
    """Folders or packages with migrations of services, by the name of their branch."""
    extra: tuple[Factory, ...] = ()
    """Further services, each as `package.module:factory`."""
    stop_timeout: Annotated[Duration, between("10ms", "1h")] = Duration.parse("15s")
    """How long what services do when the last call has ended may take, all together."""
