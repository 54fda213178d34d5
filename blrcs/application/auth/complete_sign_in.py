"""Answering the challenge of a sign-in."""

from blrcs.application.auth.open_session import OpenSession, SignedIn
from blrcs.application.auth.prove_passkey import ProvePasskey
from blrcs.application.auth.prove_second_factor import ProveSecondFactor
from blrcs.application.auth.sign_in import SIGN_IN, credentials_refusal
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.identity import UserRepository
from blrcs.application.ports.second_factors import Challenges
from blrcs.domain.authentication import Authentication, by_second_factor
from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.second_factor import Challenge, FactorProof
from blrcs.domain.token_limits import TokenBinding
from blrcs.domain.user import User


class CompleteSignIn:
    """Opens a session for a user who has proven the password, or none, and proves what is asked."""

    def __init__(
        self,
        *,
        challenges: Challenges,
        users: UserRepository,
        prove_second_factor: ProveSecondFactor,
        prove_passkey: ProvePasskey,
        open_session: OpenSession,
        clock: Clock,
    ) -> None:
        self._challenges = challenges
        self._users = users
        self._prove_second_factor = prove_second_factor
        self._prove_passkey = prove_passkey
        self._open_session = open_session
        self._clock = clock

    async def __call__(
        self,
        challenge: str,
        proof: FactorProof,
        *,
        address: str,
        display_name: str = "",
        binding: TokenBinding | None = None,
    ) -> SignedIn:
        """Opens a session.

        Raises:
            UnauthenticatedError: The challenge is not valid or was answered before, the proof is
                wrong, or the user was changed since the password was proven.
            InvalidArgumentError: The challenge asks for a passkey, and the answer is none.
            ResourceExhaustedError: See ProveSecondFactor.
        """
        opened = await self._challenges.open(challenge, purpose=SIGN_IN)
        if opened.user_id:
            user = await self._usable(opened.user_id)
            if user.password_time_ns != opened.password_time_ns:
                raise credentials_refusal()
            authentication = await self._prove(user.id, opened, proof, address)
        else:
            if not proof.passkey:
                raise InvalidArgumentError("passkey", "is what the challenge asks for")
            proven = await self._prove_passkey(proof.passkey, opened)
            user = await self._usable(proven.user_id)
            authentication = proven.authentication
        signed_in = await self._open_session(
            user,
            authentication,
            display_name=display_name or opened.display_name,
            address=address,
            binding=binding,
        )
        if signed_in is None:
            raise credentials_refusal()
        return signed_in

    async def _usable(self, user_id: str) -> User:
        user = await self._users.get(user_id)
        if user is None or user.disabled:
            raise credentials_refusal()
        return user

    async def _prove(
        self, user_id: str, challenge: Challenge, proof: FactorProof, address: str
    ) -> Authentication:
        if proof.passkey:
            proven = await self._prove_passkey(proof.passkey, challenge, user_id=user_id)
            return proven.authentication
        method = await self._prove_second_factor(
            user_id, proof, address=address, challenge=challenge
        )
        return by_second_factor(method, self._clock())
