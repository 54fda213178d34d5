"""The commands of the README and of the first start's greeting, typed as a new user would."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.documents import blocks, make_checkout, script, shell
from tests.e2e.server import ROOT, Server, environment

DOCUMENT = "README.md"
# What they do is make the environment that runs this test.
UNTESTED = ["make run\n", "make test\n"]
LINK = re.compile(r"\]\(([^):]+)\)")
NEW_PASSWORD = "correct horse battery staple"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    make_checkout(tmp_path)
    return tmp_path


@contextmanager
def served(commands: str, directory: Path) -> Iterator[str]:
    """Runs commands, the last of which serves, and gives the address; ends them at the end."""
    with subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=directory,
        env=environment({"BLRCS_SERVER__PORT": "0", "BLRCS_AUTH__PASSWORD__HASH_TIME": "50ms"}),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout
            greetings = (re.match(r"Serving gRPC on (\S+) ", line) for line in process.stdout)
            greeting = next(filter(None, greetings), None)
            assert greeting
            yield greeting[1]
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def test_the_road_of_a_new_user(checkout: Path, server: Server) -> None:
    output = shell(
        script(DOCUMENT, "road"),
        cwd=checkout,
        stdin=f"{server.password}\n",
        environ={"ADDRESS": server.address},
    )
    by_hand, by_client = output.split("signed in: users/admin\n")
    checks = ["true", "false", "false"]
    exports = ["true", "true", "false"]
    assert re.findall(r'^  "allowed": (\w+)', by_hand, re.MULTILINE) == checks + exports
    assert '"reason": "no binding grants it"' in by_hand
    *admitted, wait = re.findall(r'^  "retryAfter": (\S+)', by_hand, re.MULTILINE)
    assert admitted == ["null", "null"]
    assert 0 < float(wait.strip('"s')) <= 30
    assert '"value": "d29ybGQ="' in by_hand
    assert "watched: CACHE_EVENT_TYPE_SET hello\n" in by_client
    assert "/blrcs.v1.CacheService/Get " in by_client
    assert "blrcs.caches.get on caches/greetings: no binding grants it" in by_client
    assert "\nOK: development, from no file\n" in by_client
    assert "\nSERVING\n" in by_client
    assert re.search(
        r'"records": \[\s*\{\s*"name": "tenants/acme/collections/orders/records/7"', by_hand
    )
    assert (checkout / "data/nightly").stat().st_size > 0


def test_a_new_project_passes_its_tests_and_serves(checkout: Path) -> None:
    output = shell(script(DOCUMENT, "new"), cwd=checkout)
    assert re.search(r"\n=* ?\d+ passed", output)
    with served(script(DOCUMENT, "serve-new"), checkout / "shop") as address:
        assert "shop.v1.ShopService" in services_of(address, checkout)


def test_the_orders_are_served_beside_the_built_in_services(checkout: Path) -> None:
    with served(script(DOCUMENT, "serve-orders"), checkout) as address:
        products = shell(
            script(DOCUMENT, "call-orders"), cwd=checkout, environ={"ADDRESS": address}
        )
        assert json.loads(products)["products"][0] == {"productId": "tea", "title": "Tea, 100 g"}
        assert "blrcs.v1.AuthService" in services_of(address, checkout)


def test_the_inventory_is_served_as_its_file_says(checkout: Path) -> None:
    with served(script(DOCUMENT, "serve-inventory"), checkout) as address:
        assert "inventory.v1.InventoryService" in services_of(address, checkout)


def services_of(address: str, checkout: Path) -> list[str]:
    listing = ".venv/bin/buf curl --http2-prior-knowledge --protocol grpc --list-services"
    return shell(f"{listing} http://{address}", cwd=checkout).splitlines()


def test_what_the_first_start_says_to_type_works(checkout: Path, server: Server) -> None:
    greeting = server.wait_for(r"Created the user(.|\n)*Sign in anew with NEW_PASSWORD")[0]
    sign_in, change = re.findall(
        r"^    (buf curl(?:.|\n)*?/(?:SignIn|ChangePassword))$", greeting, re.MULTILINE
    )

    def run(command: str, **values: str) -> dict[str, object]:
        for name, value in values.items():
            command = re.sub(rf"\b{name}\b", value, command)
        path = f"{checkout / '.venv/bin'}:{os.environ['PATH']}"
        reply: dict[str, object] = json.loads(shell(command, cwd=checkout, environ={"PATH": path}))
        return reply

    first = run(sign_in, PASSWORD=server.password)
    token = str(first["tokens"]["accessToken"])  # type: ignore[index]
    run(change, TOKEN=token, PASSWORD=server.password, NEW_PASSWORD=NEW_PASSWORD)
    second = run(sign_in, PASSWORD=NEW_PASSWORD)
    assert first["passwordChangeRequired"]
    assert "passwordChangeRequired" not in second


def test_every_command_is_tested() -> None:
    assert [text for name, text in blocks(DOCUMENT) if not name] == UNTESTED


@pytest.mark.parametrize("document", [DOCUMENT, "docs/clients.md", "docs/services.md"])
def test_every_link_leads_somewhere(document: str) -> None:
    folder = (ROOT / document).parent
    links = LINK.findall((ROOT / document).read_text())
    paths = [link.partition("#")[0] for link in links]
    assert [path for path in paths if not (folder / path).exists()] == []
