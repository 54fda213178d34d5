"""What commands do to what a server keeps, told to its audit log."""

import os
import pwd
import time

from blrcs.cli.exit import fail
from blrcs.config.settings import Settings
from blrcs.monitoring.log_values import escape

KIND = "command"


def record_command(settings: Settings, command: str, resource: str, *, begin: bool = False) -> None:
    """Has a record say that a command is about to change something, or take it out, and signs it.

    It is on the disk then; where it cannot be written the command ends, and nothing is done. Where
    no server has begun an audit log there is none to tell, unless the command is to begin one.
    """
    from blrcs.audit.chain import Chain  # noqa: PLC0415 - see the package
    from blrcs.audit.line import encoded  # noqa: PLC0415
    from blrcs.audit.own_keys import OwnAuditKeys  # noqa: PLC0415
    from blrcs.audit.segments import DIRECTORY_MODE, FOLDER  # noqa: PLC0415
    from blrcs.security.key_file import KeyFileError  # noqa: PLC0415

    directory = settings.data_directory / FOLDER
    if settings.audit.to == "log" or not (begin or directory.is_dir()):
        return
    values = {"kind": KIND, "method": command, "resource": resource, "request": {"by": _account()}}
    try:
        settings.data_directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        chain = Chain.take(
            directory,
            signer=OwnAuditKeys(settings.data_directory),
            clock=time.time_ns,
            source=settings.audit.machine,
        )
        try:
            chain.append([(time.time_ns(), encoded(values))], sign=True)
        finally:
            chain.close()
    except (OSError, KeyFileError) as error:
        fail(f"nothing was done, since it cannot be recorded: {escape(str(error))}")


def _account() -> str:
    """Whose process it is; its number where the account has no name."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
