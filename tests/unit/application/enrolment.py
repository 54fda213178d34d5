"""A user with an authenticator."""

from blrcs.application.auth.prove_second_factor import totp_context
from blrcs.domain.second_factor import Challenge, TotpSecret


async def enrol(second_factors, codes, sealer, secrets, clock, user_id="alice"):
    """The secret of an authenticator just enrolled, and two recovery codes."""
    secret = codes.new_secret()
    recovery = [secrets.recovery_code() for _ in range(2)]
    challenge = Challenge(purpose="", id=secrets.challenge_id(), expire_time_ns=0)
    stored = TotpSecret(
        user_id=user_id,
        sealed=await sealer.seal(totp_context(user_id), secret),
        last_step=0,
        create_time_ns=clock(),
    )
    hashes = [secrets.recovery_hash(each) for each in recovery]
    await second_factors.enrol_totp(stored, recovery_hashes=hashes, challenge=challenge)
    return secret, recovery
