"""Keys of other issuers, fetched over a network on which others may be hostile."""

import asyncio
import socket
import threading
from contextlib import suppress

import pytest

from blrcs.security.issuers.egress import Egress, EgressError, is_public
from blrcs.security.issuers.follower import MAX_WAITING, IssuerFollower, Pace
from blrcs.security.issuers.key_set import KeySource, PublishedKeys
from blrcs_native.tokens.keys import Keyset
from tests.servers.issuer import DISCOVERY, KEYS, issuer
from tests.unit.native.tokens.token_factory import verification_key


def public_jwk(algorithm, kid, **members):
    """A key as an issuer publishes it, with no `alg` but one that is given."""
    published = verification_key(algorithm, kid).to_jwk()
    del published["alg"]
    return published | members


NS_PER_S = 10**9


@pytest.fixture
def other(tmp_path):
    with issuer(tmp_path) as running:
        yield running


def egress(other, **settings):
    chosen = {"hosts": {"localhost"}, "ca_file": other.ca_file, "allow_private": True}
    return Egress(**(chosen | settings))


def source(other, **settings):
    chosen = {
        "issuer": other.url,
        "jwks_uri": "",
        "algorithms": ("ES256",),
        "egress": egress(other),
    }
    return KeySource(**(chosen | settings))


def refusal(of, *arguments):
    with pytest.raises(EgressError) as refused:
        of.fetch(*arguments)
    assert "\n" not in str(refused.value)
    return str(refused.value)


# What may be reached ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
     "0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fe80::1%eth0",
     "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
     "64:ff9b::a00:1", "2002:a00:1::", "2001:0:a00:1::", "2001:db8::1", "", "localhost", "1"],
)  # fmt: skip
def test_inner_addresses_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_outer_addresses_are(address):
    assert is_public(address)


def test_a_host_at_an_inner_address_is_not_reached(other):
    strict = egress(other, allow_private=False)
    assert "no public address" in refusal(strict, f"{other.url}{KEYS}")
    # One address that leads in is enough, whatever others there are.
    mixed = egress(other, allow_private=False, resolve=lambda *_: ["1.1.1.1", "10.0.0.1"])
    assert "10.0.0.1" in refusal(mixed, f"{other.url}{KEYS}")
    assert other.asked == []


def test_a_name_is_resolved_once_and_the_connection_goes_there(other):
    answers = iter([["127.0.0.1"], ["203.0.113.1"]])
    once = egress(other, resolve=lambda *_: next(answers))
    assert once.fetch(f"{other.url}{KEYS}").members["keys"]
    assert next(answers) == ["203.0.113.1"]


def test_of_several_addresses_one_that_answers_is_enough(other):
    several = egress(other, resolve=lambda *_: ["::1", "127.0.0.2", "127.0.0.1", "127.0.0.1"])
    assert several.fetch(f"{other.url}{KEYS}").members["keys"]
    nowhere = egress(other, resolve=lambda *_: ["::1", "127.0.0.2"])
    refusal(nowhere, f"{other.url}{KEYS}")
    assert other.asked == [KEYS]


@pytest.mark.parametrize(
    "url",
    ["http://localhost/keys", "ftp://localhost/", "file:///etc/passwd", "https://user@localhost/",
     "https://else.example/", "https://localhost.else.example/", "https://127.0.0.1/",
     "https://[::1]/", "https://localhost:0/", "https://localhost:x/", "//localhost/", ""],
)  # fmt: skip
def test_no_other_host_and_no_other_scheme_is_reached(other, url):
    refusal(egress(other), url)
    assert other.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(other, status):
    other.replies["/moved"] = (status, {"Location": f"{other.url}{KEYS}"}, b"{}")
    told = refusal(egress(other), f"{other.url}/moved")
    # Which of the two documents it was, too.
    assert str(status) in told
    assert "/moved" in told
    assert other.asked == ["/moved"]


def test_only_a_server_that_proves_its_name_is_believed(other, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with issuer(elsewhere) as stranger:
        assert "certificate" in refusal(
            egress(other, ca_file=stranger.ca_file), f"{other.url}{KEYS}"
        )
    assert "certificate" in refusal(egress(other, ca_file=None), f"{other.url}{KEYS}")
    port = other.url.rpartition(":")[2]
    named = egress(other, hosts={"else.example"}, resolve=lambda *_: ["127.0.0.1"])
    assert "certificate" in refusal(named, f"https://else.example:{port}{KEYS}")
    assert other.asked == []


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"x" * (256 * 1024 + 1), {}),
        (b"[]", {}),
        (b"", {}),
        (b'{"keys": [], "keys": []}', {}),
        (b"{" * 100_000, {}),
        (b"{}", {"Content-Encoding": "gzip"}),
        (b"{}", {"Content-Length": "3"}),
    ],
)
def test_a_reply_is_small_and_one_json_object(other, body, headers):
    other.replies["/odd"] = (200, headers, body)
    assert "/odd" in refusal(egress(other), f"{other.url}/odd")


@pytest.mark.parametrize("path", ["/a b\r\nfound: nothing", "/\u2028\u00e9", "/" + "a" * 10_000])
def test_what_is_told_of_a_failure_is_one_short_line(other, path):
    told = refusal(egress(other), f"{other.url}{path}")
    assert len(told) < 600
    assert len(told.splitlines()) == 1


def test_a_server_that_never_comes_to_an_end_is_cut_off(other):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        quick = egress(other, timeout_s=0.05)
        refusal(quick, f"https://localhost:{silent.getsockname()[1]}/")
    unresolved = egress(other, resolve=lambda *_: [])
    assert "no address" in refusal(unresolved, f"{other.url}{KEYS}")


# Keys ---------------------------------------------------------------------------------------


def test_keys_are_found_by_discovery_and_kept_as_they_are(other):
    first = source(other).fetch()
    assert [key.kid for key in first.keyset] == ["k1"]
    assert first.max_age_s is None
    assert other.asked == [DISCOVERY, KEYS]
    other.add_key("k2")
    other.publish(Cache_Control="public, max-age=120, must-revalidate")

    second = source(other).fetch(first.keyset)

    assert [key.kid for key in second.keyset] == ["k1", "k2"]
    assert second.keyset.get("k1") is first.keyset.get("k1")
    assert second.max_age_s == 120
    direct = source(other, jwks_uri=f"{other.url}{KEYS}")
    other.asked.clear()
    assert len(direct.fetch().keyset) == 2
    assert other.asked == [KEYS]


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": "https://else.example", "jwks_uri": "URL/keys"},
        {"issuer": "URL/", "jwks_uri": "URL/keys"},
        {"jwks_uri": "URL/keys"},
        {"issuer": "URL"},
        {"issuer": "URL", "jwks_uri": 7},
        {"issuer": "URL", "jwks_uri": "https://else.example/keys"},
        {"issuer": "URL", "jwks_uri": "http://localhost/keys"},
    ],
)
def test_a_discovery_document_speaks_of_its_issuer_alone(other, described):
    body = {
        name: value.replace("URL", other.url) if isinstance(value, str) else value
        for name, value in described.items()
    }
    other.put(DISCOVERY, body)
    refusal(source(other))
    assert other.asked == [DISCOVERY]


def test_keys_of_other_uses_are_passed_over(other):
    (jwk,) = source(other).egress.fetch(f"{other.url}{KEYS}").members["keys"]
    odd = [
        7,
        {},
        {"kty": "oct", "kid": "secret", "alg": "HS256", "k": "AAAA"},
        jwk | {"kid": "encryption", "use": "enc"},
        jwk | {"kid": "private", "d": jwk["x"]},
        jwk | {"kid": "other", "alg": "ES384"},
        jwk | {"kid": ""},
    ]
    other.put(KEYS, {"keys": [*odd, jwk]})
    assert [key.kid for key in source(other).fetch().keyset] == ["k1"]
    other.put(KEYS, {"keys": odd})
    assert "no key" in refusal(source(other))
    other.put(KEYS, {"keys": [jwk | {"use": "enc", "kid": "\n" + "k" * 100}, *[7] * 50]})
    told = refusal(source(other))
    assert f"'\\n{'k' * 39}' is for another use" in told
    assert told.count("is no object") == 3
    other.put(KEYS, {"keys": [jwk, jwk]})
    assert "twice" in refusal(source(other))
    for listed in ({}, [jwk] * 65):
        other.put(KEYS, {"keys": listed})
        refusal(source(other))


@pytest.mark.parametrize(
    ("changes", "algorithms", "why"),
    [
        ({"kid": ...}, ("ES256",), "one has no kid"),
        ({"use": "enc"}, ("ES256",), "'k1' is for another use than sig"),
        ({"alg": "RS512"}, ("ES256",), "'k1' is for 'RS512', not in algorithms"),
        ({"kty": "RSA"}, ("RS256", "PS256"), "'k1' says no alg"),
        ({"d": "AA"}, ("ES256",), "'k1' is refused: a JWK to verify with holds no private member"),
    ],
)
def test_of_a_key_that_is_passed_over_it_is_told_why(other, changes, algorithms, why):
    (jwk,) = source(other).egress.fetch(f"{other.url}{KEYS}").members["keys"]
    odd = {name: value for name, value in (jwk | changes).items() if value is not ...}
    good = public_jwk("EdDSA", "good", alg="EdDSA")
    other.put(KEYS, {"keys": [odd, good]})
    published = source(other, algorithms=(*algorithms, "EdDSA")).fetch()
    assert [key.kid for key in published.keyset] == ["good"]
    assert published.passed_over == (why,)


@pytest.mark.parametrize("name", ["EdDSA", "Ed25519", None])
def test_an_ed25519_key_goes_by_either_name(other, name):
    other.put(KEYS, {"keys": [public_jwk("EdDSA", "k", **({} if name is None else {"alg": name}))]})
    (key,) = source(other, algorithms=("EdDSA",)).fetch().keyset
    assert key.algorithm == "EdDSA"


# In time ------------------------------------------------------------------------------------


class Scripted:
    """A source of which each fetch is told what comes of it."""

    issuer = "https://id.example"

    def __init__(self):
        self.outcomes = []
        self.fetches = 0

    def fetch(self, _known=None):
        self.fetches += 1
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class FollowedIssuer:
    def __init__(self):
        self.now_ns = 0
        self.source = Scripted()
        self.trusted = []
        self.follower = IssuerFollower(
            self.source,
            trust=self.trusted.append,
            stale_ns=100 * NS_PER_S,
            clock=lambda: self.now_ns,
            pace=Pace(jitter=lambda: 1.0),
            between_looks_s=0.0,
        )

    async def fetch(self, outcome):
        self.source.outcomes.append(outcome)
        return await self.follower.fetch()


@pytest.fixture
async def followed():
    return FollowedIssuer()


KEYSET = Keyset([verification_key("ES256")])


async def test_an_issuer_is_asked_as_often_as_it_says_within_bounds(followed):
    for told, expected in ((None, 60), (0, 60), (5, 60), (600, 600), (10**9, 3600)):
        assert await followed.fetch(PublishedKeys(KEYSET, told)) == expected
    assert followed.trusted == [KEYSET] * 5


async def test_an_issuer_that_fails_is_asked_less_and_less_often(followed):
    waits = [await followed.fetch(EgressError("away")) for _ in range(9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert await followed.fetch(RuntimeError("a fault")) == 60
    assert await followed.fetch(PublishedKeys(KEYSET, 60)) == 60
    assert await followed.fetch(EgressError("away")) == 1


async def test_the_last_keys_stay_for_a_time_and_then_none_are_trusted(followed):
    await followed.fetch(PublishedKeys(KEYSET, 60))
    followed.now_ns = 159 * NS_PER_S
    await followed.fetch(EgressError("away"))
    assert followed.trusted == [KEYSET]
    followed.now_ns = 160 * NS_PER_S
    await followed.fetch(EgressError("away"))
    assert followed.trusted == [KEYSET, None]
    await followed.fetch(EgressError("away"))
    assert followed.trusted == [KEYSET, None]
    await followed.fetch(PublishedKeys(KEYSET, 60))
    assert followed.trusted == [KEYSET, None, KEYSET]


async def test_a_key_that_is_not_known_has_the_issuer_asked_once_however_many_want_it(followed):
    followed.source.outcomes = [PublishedKeys(KEYSET, 3600) for _ in range(3)]
    fetched = asyncio.Queue()
    followed.follower._trust = fetched.put_nowait
    running = asyncio.create_task(followed.follower.run())
    for fetches in (1, 2, 3):
        await fetched.get()
        assert followed.source.fetches == fetches
        if fetches < 3:
            for _ in range(100):
                followed.follower.want()
    await ended(running)
    assert fetched.empty()


async def ended(running):
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_who_wants_a_key_is_told_when_the_issuer_was_asked(followed):
    assert followed.follower.want() is None
    followed.source.outcomes = [PublishedKeys(KEYSET, 3600), EgressError("away")]
    running = asyncio.create_task(followed.follower.run())
    for fetches in (1, 2):
        # So much later the issuer may be asked.
        for _ in range(1 if fetches == 1 else 8):
            await asyncio.sleep(0)
        told = followed.follower.want()
        # However many want it, there is one answer, and so many wait for it.
        others = [followed.follower.want() for _ in range(MAX_WAITING)]
        assert others == [told] * (MAX_WAITING - 1) + [None]
        await told
        assert followed.source.fetches == fetches
    await ended(running)


async def test_who_wanted_what_has_just_been_fetched_has_it_not_fetched_again(followed):
    followed.source.outcomes = [PublishedKeys(KEYSET, 3600)]
    fetched = asyncio.Event()
    followed.follower._trust = lambda _: (followed.follower.want(), fetched.set())
    running = asyncio.create_task(followed.follower.run())
    await fetched.wait()
    await asyncio.sleep(0.05)  # what comes too often comes at once
    await ended(running)
    assert followed.source.fetches == 1


async def test_nobody_waits_for_an_issuer_that_was_asked_a_moment_ago(followed):
    followed.follower._between_looks_s = 3600.0
    followed.source.outcomes = [PublishedKeys(KEYSET, 3600)] * 2
    running = asyncio.create_task(followed.follower.run())
    await asyncio.sleep(0)
    await followed.follower.want()
    # That one was due: a key may have come right after it.
    await settled()
    await followed.follower.want()
    assert followed.source.fetches == 2
    await settled()
    assert followed.follower.want() is None
    await ended(running)
    assert followed.source.fetches == 2


async def test_nobody_has_an_issuer_asked_again_that_has_just_failed(followed):
    followed.follower._between_looks_s = 3600.0
    followed.source.outcomes = [EgressError("away")]
    running = asyncio.create_task(followed.follower.run())
    await asyncio.sleep(0)
    await followed.follower.want()
    await settled()
    assert followed.follower.want() is None
    await ended(running)
    assert followed.source.fetches == 1


async def settled():
    """Whatever waits for nothing but its turn has had it."""
    for _ in range(8):
        await asyncio.sleep(0)


async def test_what_came_of_asking_is_told(followed):
    told = []
    followed.follower._asked = lambda *, fetched: told.append(fetched)
    await followed.fetch(PublishedKeys(KEYSET, 60))
    await followed.fetch(EgressError("away"))
    await followed.fetch(RuntimeError("a fault"))
    assert told == [True, False, False]


def test_an_issuer_that_says_nothing_keeps_nobody_from_ending():
    asked, over = threading.Event(), threading.Event()

    def fetch(_known):
        asked.set()
        over.wait()
        raise EgressError("away")

    async def serve():
        followed = FollowedIssuer()
        followed.source.fetch = fetch
        running = asyncio.create_task(followed.follower.run())
        await asyncio.to_thread(asked.wait)
        await ended(running)

    try:
        # Also its executor has ended by then.
        asyncio.run(serve())
        assert not over.is_set()
    finally:
        over.set()
