"""What a caller may do about its own second factors."""

from blrcs.application.ports.second_factors import SecondFactorRepository
from blrcs.domain.authentication import AuthenticationLevel
from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.identity_name import is_user_name, user_id_in


def own_user_id(actor: str) -> str:
    """The caller's id; FailedPreconditionError if it is no user."""
    if not is_user_name(actor):
        raise FailedPreconditionError("NO_USER", "only users have credentials of this kind")
    return user_id_in(actor)


class OwnFactors:
    """Rules about changes to a user's second factors."""

    def __init__(self, second_factors: SecondFactorRepository) -> None:
        self._second_factors = second_factors

    async def may_enrol(self, actor: str, level: AuthenticationLevel) -> str:
        """The caller's id.

        Raises:
            FailedPreconditionError: It is no user; or it has a second factor, and its token is of a
                session that was opened before without: who has only got hold of the password must
                not put another factor in its place.
        """
        user_id = own_user_id(actor)
        if level < AuthenticationLevel.MULTI_FACTOR:
            factors = await self._second_factors.of_user(user_id)
            if factors.are_asked_for:
                raise FailedPreconditionError(
                    "SECOND_FACTOR_REQUIRED",
                    "the user has a second factor: present it by AuthService.StepUp",
                )
        return user_id
