"""What a principal may not do to itself."""

from blrcs.domain.errors import FailedPreconditionError


def refuse_on_oneself(actor: str, name: str, action: str) -> None:
    """Raises FailedPreconditionError if the principal ``actor`` is the one that ``name`` names.

    So that nobody locks itself out by mistake, and a stolen token cannot take over its account.
    """
    if actor == name:
        raise FailedPreconditionError(
            "OWN_ACCOUNT", f"a principal cannot {action} itself", metadata={"resource": name}
        )
