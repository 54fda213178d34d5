"""Everything that is looked at."""

import datetime as dt
import os
import time
from collections.abc import Iterable

from blrcs.config.loading import LoadedSettings
from blrcs.config.problem import ConfigError, Problem
from blrcs.config.settings import Settings
from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.repositories.access import load_policy
from blrcs.doctor.bindings import examine_bindings
from blrcs.doctor.certificates import examine_certificates
from blrcs.doctor.files import examine_files
from blrcs.doctor.finding import Finding, Severity
from blrcs.doctor.guards import examine_guards, examine_lives, examine_process
from blrcs.doctor.listeners import examine_listeners
from blrcs.doctor.passwords import examine_passwords
from blrcs.doctor.proxies import examine_proxies
from blrcs.doctor.stores import examine_stores


def examine(loaded: LoadedSettings) -> list[Finding]:
    """What is unsafe in the configuration and in the files that it names; reads them anew."""
    settings = loaded.settings
    return [
        *examine_listeners(settings),
        *examine_proxies(settings),
        *examine_certificates(settings, dt.datetime.now(dt.UTC)),
        *examine_files(settings, loaded.provenance, os.environ),
        *examine_passwords(settings),
        *examine_guards(settings),
        *examine_stores(settings),
        *examine_lives(settings),
        *examine_process(),
    ]


def dangers(findings: Iterable[Finding], settings: Settings) -> list[Finding]:
    """Those that keep a server in production from starting."""
    if settings.environment != "production":
        return []
    accepted = settings.doctor.accept
    return [
        each
        for each in findings
        if each.severity is Severity.CRITICAL and each.check not in accepted
    ]


def refuse_dangers(loaded: LoadedSettings) -> None:
    """Looks at the settings, and at the files that they name.

    Raises:
        ConfigError: They are for production, and something critical stands that is not accepted.
    """
    refuse(dangers(examine(loaded), loaded.settings), loaded)


async def refuse_stored_dangers(loaded: LoadedSettings, database: DatabaseAdapter) -> None:
    """Likewise for what is stored.

    Raises:
        ConfigError: They are for production, and everybody may do what nobody should.
    """
    if loaded.settings.environment == "production":
        policy = await database.run(load_policy, read_only=True)
        found = examine_bindings(policy, time.time_ns())
        refuse(dangers(found, loaded.settings), loaded)


def refuse(found: Iterable[Finding], loaded: LoadedSettings) -> None:
    """Tells each one as what is wrong with the configuration.

    Raises:
        ConfigError: There is one.
    """
    provenance = loaded.provenance
    problems = [
        Problem(
            provenance.get(each.key, ""),
            each.key,
            f"{each.problem}. {each.remedy[0].upper()}{each.remedy[1:]}, or accept it by "
            f'doctor.accept = ["{each.check}"]',
        )
        for each in found
    ]
    if problems:
        raise ConfigError(problems)
