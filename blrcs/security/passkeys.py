"""Passkeys, after WebAuthn Level 3."""

import hashlib
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from cryptography.exceptions import InvalidSignature

from blrcs.application.ports.second_factors import Assertion, NewCredential
from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.second_factor import Passkey
from blrcs.security.nobodys_passkeys import ALGORITHMS, ES256, nobodys_key

TIMEOUT_MS = 5 * 60 * 1000


class WebAuthnCeremonies:
    """Implements the PasskeyCeremonies port by the ``webauthn`` package.

    A passkey has to be one that the authenticator finds by itself, so that it signs in without a
    user id, and the authenticator has to verify its user, so that it is two factors in one. Which
    make it is, is not asked for: no attestation.

    Args:
        rp_id: The domain that passkeys are for; without one there are none.
        rp_name: What authenticators show beside it.
        origins: Those of the pages that may ask for them.
    """

    def __init__(self, *, rp_id: str | None, rp_name: str, origins: Sequence[str]) -> None:
        self._rp_id = rp_id
        self._rp_name = rp_name
        self._origins = list(origins)

    @property
    def are_on(self) -> bool:
        """See the port."""
        return self._rp_id is not None

    def creation_options(self, user_id: str, challenge: bytes, *, excluded: Sequence[bytes]) -> str:
        """See the port."""
        rp_id = self._require()
        webauthn, structs = _library()
        options = webauthn.generate_registration_options(
            rp_id=rp_id,
            rp_name=self._rp_name,
            user_id=_handle(user_id),
            user_name=user_id,
            challenge=challenge,
            timeout=TIMEOUT_MS,
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.REQUIRED,
                user_verification=structs.UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=_descriptors(structs, excluded),
            supported_pub_key_algs=_algorithms(),
        )
        return str(webauthn.options_to_json(options))

    def new_credential(self, response: str, challenge: bytes) -> NewCredential | None:
        """See the port."""
        rp_id = self._require()
        webauthn, _ = _library()
        verified = _verified(
            webauthn.verify_registration_response,
            credential=response,
            expected_challenge=challenge,
            expected_rp_id=rp_id,
            expected_origin=self._origins,
            require_user_verification=True,
            supported_pub_key_algs=_algorithms(),
        )
        if verified is None:
            return None
        return NewCredential(
            credential_id=verified.credential_id,
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            backed_up=verified.credential_backed_up,
        )

    def request_options(self, challenge: bytes, *, allowed: Sequence[bytes] = ()) -> str:
        """See the port."""
        rp_id = self._require()
        webauthn, structs = _library()
        options = webauthn.generate_authentication_options(
            rp_id=rp_id,
            challenge=challenge,
            timeout=TIMEOUT_MS,
            allow_credentials=_descriptors(structs, allowed),
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        )
        return str(webauthn.options_to_json(options))

    def credential_id_in(self, response: str) -> bytes | None:
        """See the port."""
        self._require()
        from webauthn.helpers import parse_authentication_credential_json  # noqa: PLC0415

        parsed = _verified(parse_authentication_credential_json, json_val=response)
        return None if parsed is None else bytes(parsed.raw_id)

    def assertion(
        self, response: str, challenge: bytes, passkey: Passkey | None
    ) -> Assertion | None:
        """See the port.

        What is refused for its signature was verified once by each of the ALGORITHMS: by the
        passkey's own key for its algorithm, and by nobody's for the others. What is refused before,
        such as the answer to another challenge, is verified by none, whosever it is.
        """
        rp_id = self._require()
        webauthn, _ = _library()
        from webauthn.helpers import parse_authentication_credential_json  # noqa: PLC0415

        parsed = _verified(parse_authentication_credential_json, json_val=response)
        if parsed is None:
            return None
        # All is verified before the handle: that can be reckoned from a user's id.
        handle = _handle("" if passkey is None else passkey.user_id)
        key = nobodys_key(ES256) if passkey is None else passkey.public_key
        try:
            verified = webauthn.verify_authentication_response(
                credential=parsed,
                expected_challenge=challenge,
                expected_rp_id=rp_id,
                expected_origin=self._origins,
                credential_public_key=key,
                credential_current_sign_count=0,  # it is compared below, after the signature
                require_user_verification=True,
            )
        except Exception as error:  # noqa: BLE001 - as in _verified
            # The library raises its own error while it handles this one.
            if isinstance(error.__context__, InvalidSignature):
                _verify_by_nobodys(parsed.response, beside=key)
            return None
        if (
            passkey is None
            or verified.credential_id != passkey.credential_id
            or parsed.response.user_handle not in {None, handle}
            or _went_back(verified.new_sign_count, passkey.sign_count)
        ):
            return None
        return Assertion(
            sign_count=verified.new_sign_count, backed_up=verified.credential_backed_up
        )

    def _require(self) -> str:
        if self._rp_id is None:
            raise FailedPreconditionError("PASSKEYS_OFF", "this server has no passkeys")
        return self._rp_id


def _library() -> tuple[ModuleType, ModuleType]:
    # It takes long to import, for what many servers do not have.
    import webauthn  # noqa: PLC0415
    from webauthn.helpers import structs  # noqa: PLC0415

    return webauthn, structs


def _algorithms() -> list[Any]:
    from webauthn.helpers.cose import COSEAlgorithmIdentifier  # noqa: PLC0415

    return list(map(COSEAlgorithmIdentifier, ALGORITHMS))


def _went_back(count: int, stored: int) -> bool:
    """An authenticator that counts has signed more often since (WebAuthn Level 3, 7.2)."""
    return bool(count or stored) and count <= stored


def _verify_by_nobodys(response: Any, *, beside: bytes) -> None:
    """Does the work of verifying a signature by the algorithms that a key is not of."""
    from webauthn.helpers import decode_credential_public_key  # noqa: PLC0415

    own = decode_credential_public_key(beside).alg
    for algorithm in ALGORITHMS:
        if algorithm != own:
            _verified(_verify_signature, response=response, key=nobodys_key(algorithm))


def _verify_signature(*, response: Any, key: bytes) -> None:
    from webauthn import helpers  # noqa: PLC0415

    decoded = helpers.decode_credential_public_key(key)
    helpers.verify_signature(
        public_key=helpers.decoded_public_key_to_cryptography(decoded),
        signature_alg=decoded.alg,
        signature=response.signature,
        data=response.authenticator_data + hashlib.sha256(response.client_data_json).digest(),
    )


def _verified(verify: Callable[..., Any], **arguments: object) -> Any:
    try:
        return verify(**arguments)
    except Exception:  # noqa: BLE001 - whatever a stranger's bytes make it raise is no proof
        return None


def _descriptors(structs: ModuleType, ids: Sequence[bytes]) -> list[Any]:
    return [structs.PublicKeyCredentialDescriptor(id=each) for each in ids]


def _handle(user_id: str) -> bytes:
    """What an authenticator knows the user by: the same each time, and no name."""
    return hashlib.sha256(b"blrcs user handle\0" + user_id.encode()).digest()
