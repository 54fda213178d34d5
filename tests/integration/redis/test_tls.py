import pytest

from blrcs.redis.errors import RedisOpenError
from tests.certificates import make_certificate
from tests.servers.redis import PASSWORD, redis


@pytest.fixture
def secured(tmp_path):
    certificate = make_certificate(tmp_path)
    key = tmp_path / "key.pem"
    key.write_bytes(certificate.key)
    files = {
        "tls-cert-file": str(certificate.path),
        "tls-key-file": str(key),
        "tls-ca-cert-file": str(certificate.path),
        "tls-port": "0",
    }
    with redis() as server:
        pass
    settings = files | {"tls-port": str(server.port), "port": "0"}
    with redis(settings) as server:
        yield server, settings["tls-port"], certificate.path, key


async def test_tls_with_a_client_certificate(secured, connect):
    _, port, certificate, key = secured
    url = f"rediss://:{'correct%3A%20horse%2F%40'}@localhost:{port}"
    client = await connect(f"{url}?ca={certificate}&cert={certificate}&key={key}")
    assert await client.call("k", "ECHO", "hello") == b"hello"
    with pytest.raises(RedisOpenError, match="certificate") as caught:
        await connect(f"{url}?cert={certificate}&key={key}")
    assert PASSWORD not in str(caught.value)
    with pytest.raises(RedisOpenError):
        await connect(f"{url}?ca={certificate}")
