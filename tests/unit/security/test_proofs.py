import asyncio
import gc
import hashlib
import json
import weakref
from types import SimpleNamespace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blrcs.domain.errors import ResourceExhaustedError, UnauthenticatedError
from blrcs.security import proof_text
from blrcs.security.proof_payments import ProofPayments
from blrcs.security.proofs import ProofChecker
from blrcs.security.signing_keys import SigningKey
from blrcs_native.limits.limiter import Limiter
from blrcs_native.tokens.keys import VerificationKey
from tests.unit.application.identity_fakes import FakeClock
from tests.unit.native.tokens.token_factory import encode

ORIGIN = "https://api.example.com"
METHOD = "/orders.v1.Orders/Get"
TOKEN = "a.b.c"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
EC_KEY = ec.derive_private_key(7, ec.SECP256R1())


def jwk_of(key):
    name = "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "EdDSA"
    made = jwt.get_algorithm_by_name(name).to_jwk(key.public_key(), as_dict=True)
    return {member: made[member] for member in ("kty", "crv", "x", "y") if member in made}


def thumbprint(key):
    jwk = jwk_of(key)
    text = json.dumps(jwk, sort_keys=True, separators=(",", ":"))
    return encode(hashlib.sha256(text.encode()).digest())


class FakeCall:
    """What a checker asks of a call."""

    def __init__(self, method, proofs):
        self.method = SimpleNamespace(name=method)
        self.metadata = [("x", "y"), *(("dpop", each) for each in proofs)]
        self.peer_address = "198.51.100.7"
        self.callbacks = []

    def add_done_callback(self, callback):
        self.callbacks.append(callback)

    def end(self):
        for callback in self.callbacks:
            callback(self)


class World:
    def __init__(self):
        self.clock = FakeClock()
        self.limiter = Limiter(1024, clock=self.clock)
        self.checkers = [
            ProofChecker(self.limiter, origins=[f"{ORIGIN}/"], clock=self.clock) for _ in range(2)
        ]

    def proof(self, key=KEY, *, header=None, algorithm=None, **claims):
        made = {
            "htm": "POST",
            "htu": f"{ORIGIN}{METHOD}",
            "iat": self.clock() // 10**9,
            "jti": "one",
            "ath": encode(hashlib.sha256(TOKEN.encode()).digest()),
        }
        heads = {"typ": "dpop+jwt", "jwk": jwk_of(key)} | (header or {})
        is_ec = isinstance(key, ec.EllipticCurvePrivateKey)
        return jwt.encode(
            {name: each for name, each in (made | claims).items() if each is not ...},
            key,
            algorithm=algorithm or ("ES256" if is_ec else "EdDSA"),
            headers=heads,
        )

    def call(self, *proofs, method=METHOD):
        return FakeCall(method, proofs)

    def good(self, *proofs, key=KEY, checker=0, method=METHOD):
        call = self.call(*proofs, method=method)
        return self.checkers[checker].check(call, thumbprint(key), TOKEN)


@pytest.fixture
def world():
    return World()


@pytest.mark.parametrize("key", [KEY, EC_KEY])
def test_a_proof_is_good_once_for_all_workers(world, key):
    proof = world.proof(key)
    assert world.good(proof, key=key)
    assert not world.good(proof, key=key)
    assert not world.good(proof, key=key, checker=1)
    assert world.good(world.proof(key, jti="two"), key=key, checker=1)


def test_a_proof_may_call_its_algorithm_ed25519(world):
    _, claims, _ = world.proof().split(".")
    heads = {"typ": "dpop+jwt", "alg": "Ed25519", "jwk": jwk_of(KEY) | {"alg": "Ed25519"}}
    message = f"{encode(json.dumps(heads).encode())}.{claims}"
    assert world.good(f"{message}.{encode(KEY.sign(message.encode()))}")


def test_the_thumbprint_is_that_of_rfc_7638():
    assert thumbprint(KEY) == SigningKey(KEY).kid


def test_a_stream_shows_its_proof_at_each_message(world):
    call = world.call(world.proof())
    for _ in range(3):
        assert world.checkers[0].check(call, thumbprint(KEY), TOKEN)
    assert not world.checkers[0].check(call, thumbprint(KEY), "another.to.ken")
    assert not world.good(world.proof())


def test_a_call_that_runs_is_taken_for_no_other_however_many_came_since(world):
    checker, call = world.checkers[0], world.call(world.proof())
    assert checker.check(call, thumbprint(KEY), TOKEN)
    # Each may lie where one before it lay.
    for number in range(400):
        assert not world.good(world.proof())
        other = world.call(world.proof(jti=str(number)))
        assert checker.check(other, thumbprint(KEY), TOKEN)
        other.end()
    assert checker.check(call, thumbprint(KEY), TOKEN)


def test_nothing_is_kept_of_a_call_that_has_ended(world):
    call = world.call(world.proof())
    assert world.checkers[0].check(call, thumbprint(KEY), TOKEN)
    kept = weakref.ref(call)
    call.end()
    assert not world.checkers[0].check(call, thumbprint(KEY), TOKEN)
    del call
    gc.collect()
    assert kept() is None


@pytest.mark.parametrize(
    "claims",
    [
        {"htm": "GET"}, {"htm": ...}, {"htu": f"{ORIGIN}/orders.v1.Orders/Delete"},
        {"htu": f"https://else.example{METHOD}"}, {"htu": f"http://api.example.com{METHOD}"},
        {"htu": METHOD}, {"htu": ...}, {"ath": "x"}, {"ath": ...}, {"jti": ""}, {"jti": "x" * 129},
        {"jti": 7}, {"jti": ...}, {"iat": ...}, {"iat": True}, {"iat": "now"},
    ],
)  # fmt: skip
def test_a_proof_is_for_one_call_with_one_token(world, claims):
    assert not world.good(world.proof(**claims))


@pytest.mark.parametrize(
    "uri",
    [
        f"HTTPS://API.Example.com{METHOD}", f"{ORIGIN}:443{METHOD}", f"{ORIGIN}:{METHOD}",
        f"{ORIGIN}{METHOD}?a=b#c", f"{ORIGIN}{METHOD}#c", f"{ORIGIN}/x/..{METHOD}",
        f"{ORIGIN}/.{METHOD}", f"{ORIGIN}{METHOD.replace('o', '%6F')}",
        f"{ORIGIN}/%2e%2E{METHOD}",
    ],
)  # fmt: skip
def test_a_target_is_compared_in_its_normal_form(world, uri):
    assert world.good(world.proof(htu=uri))


@pytest.mark.parametrize(("age_s", "good"), [(0, True), (60, True), (61, False), (-60, True),
                                             (-61, False)])  # fmt: skip
def test_a_proof_is_new(world, age_s, good):
    assert world.good(world.proof(iat=world.clock() // 10**9 - age_s)) is good


def test_a_proof_that_is_forgotten_has_grown_old(world):
    """Of a proof made ahead of time, too."""
    proof = world.proof(iat=world.clock() // 10**9 + 60)
    assert world.good(proof)
    for _ in range(130):
        world.clock.advance(10**9)
        assert not world.good(proof)


@pytest.mark.parametrize(
    "header",
    [{"typ": "JWT"}, {"typ": None}, {"crit": ["x"]}, {"jwk": jwk_of(OTHER)}, {"jwk": None},
     {"jwk": {}}, {"jwk": {"kty": "oct", "k": "AAAA"}}, {"jwk": jwk_of(KEY) | {"d": "AAAA"}}],
)  # fmt: skip
def test_a_proof_is_signed_by_the_key_that_it_shows(world, header):
    assert not world.good(world.proof(header=header))


def test_a_proof_of_another_key_or_algorithm_is_none(world):
    assert not world.good(world.proof(OTHER))
    rsa_key = rsa.generate_private_key(65537, 2048)
    rsa_jwk = jwt.get_algorithm_by_name("RS256").to_jwk(rsa_key.public_key(), as_dict=True)
    heads = {"typ": "dpop+jwt", "jwk": rsa_jwk}
    assert not world.good(jwt.encode({}, rsa_key, algorithm="RS256", headers=heads))
    secret = jwt.encode({}, "s" * 32, algorithm="HS256", headers={"typ": "dpop+jwt", "jwk": {}})
    assert not world.good(secret)


def test_there_is_one_proof(world):
    assert not world.good()
    assert not world.good(world.proof(), world.proof(jti="two"))
    for text in ("", "a.b", "a.b.c", "\u00e4", "x" * 5000, world.proof() + "="):
        assert not world.good(text)


def test_without_origins_none_is_good(world):
    checker = ProofChecker(world.limiter, origins=[], clock=world.clock)
    assert not checker.check(world.call(world.proof(htu=METHOD)), thumbprint(KEY), TOKEN)


async def test_a_key_is_proven_before_there_is_a_token(world):
    checker = world.checkers[0]
    assert await checker.proven_key(world.call()) is None
    assert await checker.proven_key(world.call(world.proof(ath=...))) == thumbprint(KEY)
    for refused in (world.proof(ath=...), world.proof(jti="2"), "x"):
        with pytest.raises(UnauthenticatedError):
            await checker.proven_key(world.call(refused))
    twice = world.call(world.proof(ath=..., jti="3"), world.proof(ath=..., jti="4"))
    with pytest.raises(UnauthenticatedError):
        await checker.proven_key(twice)


class Elsewhere:
    """What other machines know."""

    def __init__(self):
        self.spent = {}

    async def spend(self, name, ttl_ns):
        is_new = name not in self.spent
        self.spent[name] = ttl_ns
        return is_new


@pytest.fixture
def machines(world):
    """Two, each with a limiter of its own."""
    elsewhere = Elsewhere()
    return [
        ProofChecker(
            Limiter(64, clock=world.clock), origins=[ORIGIN], clock=world.clock, elsewhere=elsewhere
        )
        for _ in range(2)
    ]


async def test_a_proof_is_good_once_for_all_machines(world, machines):
    here, there = machines
    call, again = world.call(world.proof()), world.call(world.proof())
    assert here.check(call, thumbprint(KEY), TOKEN)
    assert await here.spend_elsewhere(call)
    assert there.check(again, thumbprint(KEY), TOKEN)
    assert not await there.spend_elsewhere(again)


async def test_other_machines_are_told_of_a_proof_once(world, machines):
    here, _ = machines
    call = world.call(world.proof())
    for _ in range(3):
        assert here.check(call, thumbprint(KEY), TOKEN)
    assert await here.spend_elsewhere(call)
    assert here.spend_elsewhere(call) is None
    assert here.spend_elsewhere(world.call()) is None


async def test_no_token_is_given_twice_for_one_proof(world, machines):
    here, there = machines
    call = world.call(world.proof(ath=...))
    assert await here.proven_key(call) == thumbprint(KEY)
    with pytest.raises(UnauthenticatedError):
        await there.proven_key(call)


@pytest.mark.parametrize(
    "jwk", [{}, {"kty": 7}, {"kty": []}, {"kty": "OKP"}, {"kty": "EC", "crv": 1, "x": "", "y": ""}]
)
def test_what_is_no_key_proves_nothing(world, jwk):
    assert not world.good(world.proof(header={"jwk": jwk}))


def test_a_signature_is_verified_of_no_other_key(world, monkeypatch):
    verified = []

    class Counted:
        @staticmethod
        def from_jwk(jwk, **options):
            verified.append(jwk["x"])
            return VerificationKey.from_jwk(jwk, **options)

    monkeypatch.setattr(proof_text, "VerificationKey", Counted)
    assert not world.good(world.proof(OTHER))
    assert verified == []
    assert world.good(world.proof())
    assert verified == [jwk_of(KEY)["x"]]


async def stranger(checker, world, key=OTHER, **claims):
    """Whose key a call without a token proves."""
    call = world.call(world.proof(key, ath=..., **claims))
    try:
        return await checker.proven_key(call)
    finally:
        call.end()


async def test_strangers_have_no_used_proof_forgotten(world):
    own, theirs = Limiter(64, clock=world.clock), Limiter(64, clock=world.clock)
    checker = ProofChecker(own, origins=[ORIGIN], clock=world.clock, strangers=theirs)
    used = world.proof()
    assert checker.check(world.call(used), thumbprint(KEY), TOKEN)
    for number in range(500):
        assert await stranger(checker, world, jti=f"n{number}") == thumbprint(OTHER)
    assert not checker.check(world.call(used), thumbprint(KEY), TOKEN)
    with pytest.raises(UnauthenticatedError):
        await stranger(checker, world, jti="n499")


async def test_an_address_pays_for_what_comes_to_nothing(world):
    payments = ProofPayments(Limiter(64, clock=world.clock), 3)
    checker = ProofChecker(world.limiter, origins=[ORIGIN], clock=world.clock, payments=payments)
    for number in range(20):
        call = world.call(world.proof(ath=..., jti=f"good{number}"))
        assert await checker.proven_key(call)
        checker.vouch_for(call)
        call.end()
    for number in range(3):
        assert await stranger(checker, world, jti=f"vain{number}")
    with pytest.raises(ResourceExhaustedError) as refused:
        await stranger(checker, world, jti="late")
    assert refused.value.retry_after_ns == 200 * 10**9
    # Who shows none is asked for nothing, nor are those whose token is theirs.
    assert await checker.proven_key(world.call()) is None
    for number in range(20):
        proof = world.proof(jti=f"owner{number}")
        assert checker.check(world.call(proof), thumbprint(KEY), TOKEN)
    world.clock.advance(200 * 10**9)
    assert await stranger(checker, world, jti="later")


async def begun(*calls):
    """Tasks that have gone as far as they can."""
    tasks = [asyncio.create_task(call) for call in calls]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_who_comes_while_others_run_waits_for_them(world):
    payments = ProofPayments(Limiter(64, clock=world.clock), 3)
    checker = ProofChecker(world.limiter, origins=[ORIGIN], clock=world.clock, payments=payments)
    calls = [world.call(world.proof(ath=..., jti=f"{number}")) for number in range(15)]
    tasks = await begun(*(checker.proven_key(call) for call in calls))
    assert [task.done() for task in tasks] == [True] * 3 + [False] * 12
    # Others do not.
    elsewhere = world.call(world.proof(ath=..., jti="elsewhere"))
    elsewhere.peer_address = "203.0.113.9"
    assert await checker.proven_key(elsewhere)
    # No more wait than there are to be.
    with pytest.raises(ResourceExhaustedError):
        await checker.proven_key(world.call(world.proof(ath=..., jti="one more")))
    # One gives up, and one as its turn comes: no other loses its turn by that.
    tasks[5].cancel()
    checker.vouch_for(calls[0])
    calls[0].end()
    tasks[3].cancel()
    for number, call in enumerate(calls):
        if number not in {0, 3, 5}:
            assert await asyncio.wait_for(tasks[number], 10) == thumbprint(KEY)
            checker.vouch_for(call)
            call.end()
    # All of it was given back.
    assert all([await stranger(checker, world, jti=f"late{number}") for number in range(3)])


async def test_who_waits_is_refused_where_the_others_have_come_to_nothing(world):
    payments = ProofPayments(Limiter(64, clock=world.clock), 3)
    checker = ProofChecker(world.limiter, origins=[ORIGIN], clock=world.clock, payments=payments)
    calls = [world.call(world.proof(ath=..., jti=f"{number}")) for number in range(6)]
    tasks = await begun(*(checker.proven_key(call) for call in calls))
    checker.vouch_for(calls[0])
    for call in calls[:3]:
        call.end()
    assert await asyncio.wait_for(tasks[3], 10) == thumbprint(KEY)
    assert not tasks[4].done()
    calls[3].end()
    for task in tasks[4:]:
        with pytest.raises(ResourceExhaustedError) as refused:
            await asyncio.wait_for(task, 10)
        assert refused.value.reason == "PROOF_NOT_VERIFIED"
    # What was not looked at is not used.
    world.clock.advance(200 * 10**9)
    again = world.call(world.proof(ath=..., jti="4"))
    assert await checker.proven_key(again) == thumbprint(KEY)


async def test_nobody_who_comes_later_is_let_run_before_those_who_wait(world):
    payments = ProofPayments(Limiter(64, clock=world.clock), 3)
    checker = ProofChecker(world.limiter, origins=[ORIGIN], clock=world.clock, payments=payments)
    calls = [world.call(world.proof(ath=..., jti=f"{number}")) for number in range(7)]
    tasks = await begun(*(checker.proven_key(call) for call in calls[:5]))
    checker.vouch_for(calls[0])
    # The call has not ended, nor has the first of those who wait been told.
    tasks += await begun(checker.proven_key(calls[5]))
    assert [task.done() for task in tasks] == [True] * 4 + [False] * 2
    calls[0].end()
    checker.vouch_for(calls[1])
    calls[1].end()
    tasks += await begun(checker.proven_key(calls[6]))
    assert [task.done() for task in tasks] == [True] * 5 + [False] * 2
    for task in tasks[5:]:
        task.cancel()
    await asyncio.gather(*tasks[5:], return_exceptions=True)


async def test_who_waits_is_let_run_too_by_what_comes_back_otherwise(world):
    """In time, and on other workers."""
    limiter = Limiter(64, clock=world.clock)
    payments, elsewhere = ProofPayments(limiter, 3), ProofPayments(limiter, 3)
    checker = ProofChecker(world.limiter, origins=[ORIGIN], clock=world.clock, payments=payments)
    calls = [world.call(world.proof(ath=..., jti=f"{number}")) for number in range(4)]
    assert await elsewhere.turn(calls[0].peer_address)
    tasks = await begun(*(checker.proven_key(call) for call in calls))
    assert [task.done() for task in tasks] == [True] * 2 + [False] * 2
    elsewhere.give_back(calls[0].peer_address)
    assert await asyncio.wait_for(tasks[2], 10) == thumbprint(KEY)
    assert not tasks[3].done()
    world.clock.advance(200 * 10**9)
    with pytest.raises(UnauthenticatedError):  # its turn has come, but it is of another time
        await asyncio.wait_for(tasks[3], 10)
    # It was not looked at, so it cost nothing.
    assert await asyncio.wait_for(stranger(checker, world, jti="late"), 10) == thumbprint(OTHER)


async def test_nobody_waits_for_ever(world):
    payments = ProofPayments(Limiter(64, clock=world.clock), 3, max_wait_s=0)
    checker = ProofChecker(world.limiter, origins=[ORIGIN], clock=world.clock, payments=payments)
    calls = [world.call(world.proof(ath=..., jti=f"{number}")) for number in range(4)]
    tasks = await begun(*(checker.proven_key(call) for call in calls))
    assert [task.done() for task in tasks] == [True] * 3 + [False]
    with pytest.raises(ResourceExhaustedError):
        await asyncio.wait_for(tasks[3], 10)


def test_a_thief_pays_apart_for_what_it_forges_with_a_stolen_token(world):
    payments = ProofPayments(Limiter(64, clock=world.clock), 3)
    checker = ProofChecker(world.limiter, origins=[ORIGIN], clock=world.clock, payments=payments)
    good = world.proof()
    for _ in range(10):
        forged = f"{world.proof(jti='forged').rpartition('.')[0]}.{good.rpartition('.')[2]}"
        assert not checker.check(world.call(forged), thumbprint(KEY), TOKEN)
    assert not checker.check(world.call(good), thumbprint(KEY), TOKEN)
    assert checker.check(world.call(world.proof(OTHER)), thumbprint(OTHER), TOKEN)
    elsewhere = world.call(good)
    elsewhere.peer_address = "203.0.113.9"
    assert checker.check(elsewhere, thumbprint(KEY), TOKEN)
