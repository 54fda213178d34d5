"""Sign-ins and the proofs for them, as AuthService reads and writes them."""

from blrcs.api.auth_messages import tokens_message
from blrcs.api.times import to_duration
from blrcs.application.auth.begin_passkey_sign_in import PasskeyAsked
from blrcs.application.auth.open_session import SignedIn
from blrcs.application.auth.sign_in import SecondFactorRequired
from blrcs.domain.second_factor import FactorProof
from blrcs.v1 import auth_pb2


def signed_in_message(outcome: SignedIn | SecondFactorRequired) -> auth_pb2.SignInResponse:
    """The message for a session, or for what is still needed for one."""
    if isinstance(outcome, SignedIn):
        return auth_pb2.SignInResponse(
            tokens=tokens_message(outcome.tokens),
            session=outcome.session.name,
            password_change_required=outcome.password_change_required,
        )
    return auth_pb2.SignInResponse(
        challenge=auth_pb2.SignInChallenge(
            token=outcome.challenge,
            expires_in=to_duration(outcome.ttl_ns),
            totp=outcome.factors.totp is not None,
            recovery_code=outcome.factors.recovery_codes_left > 0,
            passkey_options=outcome.passkey_options,
        )
    )


def factor_proof(
    request: auth_pb2.CompleteSignInRequest | auth_pb2.StepUpRequest,
) -> FactorProof:
    """The second factor that is presented."""
    return FactorProof(
        totp_code=request.totp_code,
        recovery_code=request.recovery_code,
        passkey=request.passkey,
    )


def passkey_challenge_message(asked: PasskeyAsked) -> auth_pb2.SignInChallenge:
    """The message for a challenge that a passkey answers."""
    return auth_pb2.SignInChallenge(
        token=asked.challenge,
        expires_in=to_duration(asked.ttl_ns),
        passkey_options=asked.options,
    )
