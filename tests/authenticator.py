"""An authenticator that keeps its keys in memory, and can be made to do wrong."""

import base64
import hashlib
import json
import secrets

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

RP_ID, ORIGIN = "example.org", "https://app.example.org"
PRESENT, VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def from_base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authenticator:
    """Makes one credential and uses it, as WebAuthn Level 3 has it.

    ``flags`` are those of what it says, ``count`` is how often it has signed, or None where it does
    not count.
    """

    def __init__(self, algorithm="ES256", *, flags=PRESENT | VERIFIED, count=0):
        self.flags = flags
        self.count = count
        self.credential_id = secrets.token_bytes(32)
        self.handle = b""
        self._algorithm = algorithm
        if algorithm == "ES256":
            self._key = ec.generate_private_key(ec.SECP256R1())
        elif algorithm == "RS256":
            self._key = rsa.generate_private_key(65537, 2048)
        else:
            self._key = ed25519.Ed25519PrivateKey.generate()

    def create(self, options, *, origin=ORIGIN, rp_id=None, challenge=None):
        """What ``navigator.credentials.create`` gives for some options."""
        asked = json.loads(options)
        self.handle = from_base64url(asked["user"]["id"])
        data = self._data(rp_id or asked["rp"]["id"], self.flags | ATTESTED)
        data += bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id
        data += cbor2.dumps(self._cose_key())
        attestation = {"fmt": "none", "attStmt": {}, "authData": data}
        client = _client("webauthn.create", challenge or asked["challenge"], origin)
        return self._response(clientDataJSON=client, attestationObject=cbor2.dumps(attestation))

    def get(self, options, *, origin=ORIGIN, rp_id=None, challenge=None, kind="webauthn.get"):
        """What ``navigator.credentials.get`` gives for some options."""
        asked = json.loads(options)
        if self.count is not None:
            self.count += 1
        data = self._data(rp_id or asked["rpId"], self.flags)
        client = _client(kind, challenge or asked["challenge"], origin)
        return self._response(
            clientDataJSON=client,
            authenticatorData=data,
            signature=self._sign(data + hashlib.sha256(client).digest()),
            userHandle=self.handle,
        )

    def _data(self, rp_id, flags):
        count = self.count or 0
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + count.to_bytes(4, "big")

    def _cose_key(self):
        if self._algorithm == "ES256":
            numbers = self._key.public_key().public_numbers()
            x, y = (each.to_bytes(32, "big") for each in (numbers.x, numbers.y))
            return {1: 2, 3: -7, -1: 1, -2: x, -3: y}
        if self._algorithm == "RS256":
            numbers = self._key.public_key().public_numbers()
            return {1: 3, 3: -257, -1: numbers.n.to_bytes(256, "big"), -2: b"\1\0\1"}
        return {1: 1, 3: -8, -1: 6, -2: self._key.public_key().public_bytes_raw()}

    def _sign(self, octets):
        if self._algorithm == "ES256":
            return self._key.sign(octets, ec.ECDSA(SHA256()))
        if self._algorithm == "RS256":
            return self._key.sign(octets, padding.PKCS1v15(), SHA256())
        return self._key.sign(octets)

    def _response(self, **members):
        encoded = {name: base64url(value) for name, value in members.items()}
        own_id = base64url(self.credential_id)
        return json.dumps(
            {
                "id": own_id,
                "rawId": own_id,
                "type": "public-key",
                "response": encoded,
                "clientExtensionResults": {},
            }
        )


def _client(kind, challenge, origin):
    members = {"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}
    return json.dumps(members).encode()
