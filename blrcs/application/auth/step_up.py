"""Proving anew who one is, within a session."""

from blrcs.application.auth.prove_passkey import ProvePasskey
from blrcs.application.auth.prove_password import ProvePassword
from blrcs.application.auth.prove_second_factor import ProveSecondFactor
from blrcs.application.auth.sign_in import SIGN_IN, credentials_refusal
from blrcs.application.auth.tokens import Tokens
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import TokenIssuer
from blrcs.application.ports.identity import SessionRepository, UserRepository
from blrcs.application.ports.second_factors import Challenges, SecondFactorRepository
from blrcs.domain.authentication import Authentication, by_password, by_second_factor
from blrcs.domain.errors import FailedPreconditionError, InvalidArgumentError
from blrcs.domain.identity_name import is_user_name, user_id_in
from blrcs.domain.second_factor import FactorProof
from blrcs.domain.token_limits import TokenLimits


class StepUp:
    """Notes in a session that its user has proven anew who it is (RFC 9470, section 5)."""

    def __init__(
        self,
        *,
        prove_password: ProvePassword,
        prove_second_factor: ProveSecondFactor,
        prove_passkey: ProvePasskey,
        challenges: Challenges,
        users: UserRepository,
        sessions: SessionRepository,
        second_factors: SecondFactorRepository,
        tokens: TokenIssuer,
        clock: Clock,
    ) -> None:
        self._prove_password = prove_password
        self._prove_second_factor = prove_second_factor
        self._prove_passkey = prove_passkey
        self._challenges = challenges
        self._users = users
        self._sessions = sessions
        self._second_factors = second_factors
        self._tokens = tokens
        self._clock = clock

    async def __call__(
        self,
        actor: str,
        session_id: str,
        *,
        password: str,
        proof: FactorProof,
        address: str,
        challenge: str = "",
    ) -> Tokens:
        """An access token of the session that says so.

        A second factor counts with the password that opened the session; a password does not do
        for a user who has a second factor. A passkey answers a ``challenge`` of BeginPasskeySignIn.

        Raises:
            UnauthenticatedError: A proof is wrong.
            InvalidArgumentError: There is none.
            FailedPreconditionError: The caller's token belongs to no session, a second factor is
                needed, or the session was opened by a stronger proof.
            ResourceExhaustedError: See ProvePassword and ProveSecondFactor.
        """
        if not session_id or not is_user_name(actor):
            raise FailedPreconditionError("NO_SESSION", "the token belongs to no session")
        user_id = user_id_in(actor)
        if not password and proof.is_empty:
            raise InvalidArgumentError("password", "is needed where no second factor is presented")
        authentication = await self._authenticate(user_id, password, proof, address, challenge)
        user = await self._users.get(user_id)
        session = await self._sessions.authenticate(user_id, session_id, authentication)
        if user is None or user.disabled or session is None:
            raise FailedPreconditionError(
                "STEP_UP_TOO_WEAK", "the session has ended, or was opened by a stronger proof"
            )
        access = self._tokens.issue(
            user.name,
            session.id,
            not_after_ns=session.end_time_ns,
            password_change_required=user.password_change_required,
            authentication=authentication,
            limits=TokenLimits(binding=session.binding),
        )
        return Tokens(access=access, binding=session.binding)

    async def _authenticate(
        self, user_id: str, password: str, proof: FactorProof, address: str, challenge: str
    ) -> Authentication:
        if proof.is_empty and (await self._second_factors.of_user(user_id)).are_asked_for:
            raise FailedPreconditionError(
                "SECOND_FACTOR_REQUIRED", "the user has a second factor: present it"
            )
        if password and await self._prove_password(user_id, password, address=address) is None:
            raise credentials_refusal()
        if proof.is_empty:
            return by_password(self._clock())
        if proof.passkey:
            opened = await self._challenges.open(challenge, purpose=SIGN_IN)
            return (
                await self._prove_passkey(proof.passkey, opened, user_id=user_id)
            ).authentication
        method = await self._prove_second_factor(user_id, proof, address=address)
        return by_second_factor(method, self._clock())
