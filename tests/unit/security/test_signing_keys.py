import base64
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blrcs.security.signing_keys import SigningKey

# RFC 8037, appendices A.1 and A.3.
PRIVATE = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
PUBLIC = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_key_id_is_the_thumbprint_of_rfc_8037():
    octets = base64.urlsafe_b64decode(PRIVATE + "=")
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(octets))

    assert key.kid == THUMBPRINT
    assert key.jwks() == [
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": PUBLIC,
            "kid": THUMBPRINT,
            "alg": "EdDSA",
            "use": "sig",
        }
    ]


def test_nothing_private_is_published():
    key = SigningKey(Ed25519PrivateKey.generate())
    private = key.private_key.private_bytes_raw()

    published = json.dumps(key.jwks())

    assert base64.urlsafe_b64encode(private).rstrip(b"=").decode() not in published
    assert "d" not in key.jwks()[0]
