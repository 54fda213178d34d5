"""Which dangers a server may start with."""

from typing import Literal, get_args

from blrcs.config.section import Section

Check = Literal[
    "plaintext",
    "proxies",
    "certificate",
    "key-files",
    "secret-files",
    "master-key",
    "config-files",
    "known-password",
    "everyone",
    "shadow",
    "public",
    "reflection",
    "metrics",
    "environment",
    "store-password",
    "store-plaintext",
    "long-tokens",
    "root",
]
"""What `blrcs doctor` looks at."""
CHECKS: tuple[Check, ...] = get_args(Check)


class Doctor(Section):
    """What `blrcs doctor` finds, and what is done about it."""

    accept: tuple[Check, ...] = ()
    """Dangers that a server starts with in production all the same, by the names that
    `blrcs doctor` gives them."""
