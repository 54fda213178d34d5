"""Answering the challenge of a sign-in."""

from blrcs.application.auth.open_session import OpenSession, SignedIn
from blrcs.application.auth.prove_second_factor import ProveSecondFactor
from blrcs.application.auth.sign_in import SIGN_IN, credentials_refusal
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.identity import UserRepository
from blrcs.application.ports.second_factors import Challenges
from blrcs.domain.authentication import by_second_factor
from blrcs.domain.second_factor import FactorProof


class CompleteSignIn:
    """Opens a session for a user who has proven the password, and proves a second factor."""

    def __init__(
        self,
        *,
        challenges: Challenges,
        users: UserRepository,
        prove_second_factor: ProveSecondFactor,
        open_session: OpenSession,
        clock: Clock,
    ) -> None:
        self._challenges = challenges
        self._users = users
        self._prove_second_factor = prove_second_factor
        self._open_session = open_session
        self._clock = clock

    async def __call__(self, challenge: str, proof: FactorProof, *, address: str) -> SignedIn:
        """Opens a session.

        Raises:
            UnauthenticatedError: The challenge is not valid or was answered before, the proof is
                wrong, or the user was changed since the password was proven.
            ResourceExhaustedError: See ProveSecondFactor.
        """
        opened = await self._challenges.open(challenge, purpose=SIGN_IN)
        user = await self._users.get(opened.user_id)
        if user is None or user.disabled or user.password_time_ns != opened.password_time_ns:
            raise credentials_refusal()
        method = await self._prove_second_factor(user.id, proof, address=address, challenge=opened)
        signed_in = await self._open_session(
            user,
            by_second_factor(method, self._clock()),
            display_name=opened.display_name,
            address=address,
        )
        if signed_in is None:
            raise credentials_refusal()
        return signed_in
