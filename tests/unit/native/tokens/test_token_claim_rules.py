"""The rules of token verification about sizes and what a token says, each by its number."""

import json

import pytest

from blrcs_native.tokens.claims import Claims
from blrcs_native.tokens.keys import Keyset
from blrcs_native.tokens.refusal import REFUSALS
from blrcs_native.tokens.revocations import Revocations
from tests.unit.native.tokens.token_factory import (
    AUDIENCE,
    ISSUER,
    NOW_NS,
    NOW_S,
    PUBLIC_ALGORITHMS,
    SECRET_ALGORITHMS,
    FakeClock,
    assemble,
    claims_of,
    header_of,
    make_token,
    make_verifier,
    reason,
    verdict,
    verification_key,
)

ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


class TestRule10SizesAreCapped:
    def test_tokens_over_the_limit_are_refused_unread(self) -> None:
        token = make_token()
        assert verdict(token, max_bytes=len(token)) is None
        assert verdict(token, max_bytes=len(token) - 1) == "TOKEN_TOO_LARGE"
        assert verdict(token.encode(), max_bytes=len(token) - 1) == "TOKEN_TOO_LARGE"
        assert verdict("." * 10_000_000) == "TOKEN_TOO_LARGE"
        assert verdict("\N{PILE OF POO}" * 8193) == "TOKEN_TOO_LARGE"

    @pytest.mark.parametrize("dots", [0, 1, 3, 4, 8000])
    def test_a_token_has_two_dots(self, dots: int) -> None:
        assert verdict("A" + "." * dots + "A") == "TOKEN_MALFORMED"
        assert verdict(".".join(["AAAA"] * min(dots + 1, 1600))) == "TOKEN_MALFORMED"

    def test_depth_is_capped_before_anything_is_built(self) -> None:
        for depth, expected in ((15, None), (16, "TOKEN_HEADER_INVALID")):
            header = json.dumps(header_of("HS256"))[:-1] + f',"x":{"[" * depth}{"]" * depth}}}'
            token = assemble(header.encode(), json.dumps(claims_of()).encode(), "HS256")
            assert verdict(token) == expected
        for depth, expected in ((15, None), (16, "TOKEN_CLAIMS_INVALID")):
            nested = '{"x":' * depth + "0" + "}" * depth
            claims = json.dumps(claims_of())[:-1] + f',"x":{nested}}}'
            token = assemble(json.dumps(header_of("HS256")).encode(), claims.encode(), "HS256")
            assert verdict(token) == expected


class TestRule11InstantsAreNumbers:
    @pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
    @pytest.mark.parametrize(
        "text",
        [
            "true", "false", "null", "NaN", "Infinity", "-Infinity", "1e999", '"1800000000"',
            "[1800000000]", "{}", "-1", "-0.5", "9223000001", "9223372037", "1e30",
            "18446744073709551616", "36893488149219103232", '""',
        ],
    )  # fmt: skip
    def test_whatever_is_no_plain_instant(self, name: str, text: str) -> None:
        claims = json.dumps(claims_of(**{name: ...}))[:-1] + f',"{name}":{text}}}'
        token = assemble(json.dumps(header_of("HS256")).encode(), claims.encode(), "HS256")
        assert verdict(token) == "TOKEN_CLAIMS_INVALID"

    def test_exp_is_required(self) -> None:
        assert verdict(make_token(exp=...)) == "TOKEN_CLAIMS_INVALID"

    @pytest.mark.parametrize("exp", [NOW_S, NOW_S - 1, 0, float(NOW_S)])
    def test_exp_is_the_first_instant_that_is_too_late(self, exp: float) -> None:
        assert verdict(make_token(exp=exp)) == "TOKEN_EXPIRED"
        assert verdict(make_token(exp=NOW_S + 1)) is None

    def test_nbf_and_iat_are_the_first_that_are_not_too_early(self) -> None:
        assert verdict(make_token(nbf=NOW_S, iat=NOW_S)) is None
        assert verdict(make_token(nbf=NOW_S + 1)) == "TOKEN_NOT_YET_VALID"
        assert verdict(make_token(iat=NOW_S + 0.5)) == "TOKEN_ISSUED_IN_FUTURE"

    def test_leeway_moves_every_bound(self) -> None:
        for claim, inside, outside in (
            ("exp", NOW_S - 29, NOW_S - 30),
            ("nbf", NOW_S + 30, NOW_S + 31),
            ("iat", NOW_S + 30, NOW_S + 31),
        ):
            assert verdict(make_token(**{claim: inside}), leeway_s=30) is None
            assert verdict(make_token(**{claim: outside}), leeway_s=30) is not None

    def test_the_latest_instant_does_not_overflow(self) -> None:
        latest = make_token(exp=9_223_000_000)
        assert verdict(latest, leeway_s=300) is None
        end = FakeClock((9_223_000_000 + 300) * 10**9)
        assert verdict(latest, leeway_s=300, clock=end) == "TOKEN_EXPIRED"

    @pytest.mark.parametrize("leeway_s", [0, 300])
    def test_a_token_lives_no_longer_than_it_may(self, leeway_s: int) -> None:
        bounds = {"leeway_s": leeway_s, "max_ttl_s": 3600}
        issued = {"iat": NOW_S - 1800}
        assert verdict(make_token(**issued, exp=NOW_S + 1800), **bounds) is None
        for exp in (NOW_S + 1801, 9_223_000_000):
            assert verdict(make_token(**issued, exp=exp), **bounds) == "TOKEN_LIVES_TOO_LONG"
        assert verdict(make_token(iat=..., exp=NOW_S + 60), **bounds) == "TOKEN_LIVES_TOO_LONG"

    def test_a_token_that_lives_too_long_is_so_for_good(self) -> None:
        """Its revocation would be forgotten before it expires."""
        clock = FakeClock()
        verifier = make_verifier(clock=clock, max_ttl_s=60)
        token = make_token(iat=NOW_S, exp=NOW_S + 90)
        for seconds in (0, 0, 30, 89):
            clock.now_ns = NOW_NS + seconds * 10**9
            assert verifier.verify(token) is REFUSALS["TOKEN_LIVES_TOO_LONG"]


class TestRule12IssuerAudienceAndType:
    @pytest.mark.parametrize(
        "issuer", [ISSUER + "/", ISSUER[:-1], ISSUER.upper(), ISSUER + "\0", "https://evil.example"]
    )
    def test_iss_is_matched_whole(self, issuer: str) -> None:
        assert verdict(make_token(iss=issuer)) == "TOKEN_ISSUER_UNTRUSTED"

    @pytest.mark.parametrize("audience", ["order", "orders ", "ORDERS", "", [], ["a", "b"]])
    def test_aud_is_matched_whole(self, audience: object) -> None:
        assert verdict(make_token(aud=audience)) == "TOKEN_AUDIENCE_MISMATCH"

    def test_one_audience_of_a_list_suffices(self) -> None:
        token = make_token(aud=["billing", AUDIENCE])
        assert verdict(token) is None
        assert verdict(token, audiences=["stock", "billing"]) is None
        assert verdict(token, audiences=["stock"]) == "TOKEN_AUDIENCE_MISMATCH"

    @pytest.mark.parametrize("name", ["iss", "aud", "sub"])
    @pytest.mark.parametrize("value", [None, 1, True, {}, [1], [None], [["orders"]], ...])
    def test_iss_aud_and_sub_are_required_strings(self, name: str, value: object) -> None:
        assert verdict(make_token(**{name: value})) == "TOKEN_CLAIMS_INVALID"

    @pytest.mark.parametrize("name", ["sub", "iss", "sid", "jti", "client_id"])
    def test_names_are_not_empty(self, name: str) -> None:
        assert verdict(make_token(**{name: ""})) == "TOKEN_CLAIMS_INVALID"

    @pytest.mark.parametrize("name", ["sid", "jti", "client_id"])
    @pytest.mark.parametrize("value", [None, 1, False, ["a"], {}])
    def test_claims_that_are_read_have_their_type(self, name: str, value: object) -> None:
        assert verdict(make_token(**{name: value})) == "TOKEN_CLAIMS_INVALID"

    @pytest.mark.parametrize("value", [None, 1, False, {}, ["a", 1], [["a"]], [None]])
    def test_a_scope_is_a_string_or_a_list_of_some(self, value: object) -> None:
        assert verdict(make_token(scope=value)) == "TOKEN_CLAIMS_INVALID"

    @pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "JWT", "jwt"])
    def test_typ_in_every_writing_of_an_accepted_type(self, typ: str) -> None:
        assert verdict(make_token(header={"typ": typ})) is None

    @pytest.mark.parametrize(
        "typ",
        [..., None, "", "id+jwt", "JWT ", "text/at+jwt", 1, ["JWT"], "dpop+jwt", "application/"],
    )
    def test_typ_of_any_other_type(self, typ: object) -> None:
        assert verdict(make_token(header={"typ": typ})) == "TOKEN_TYPE_UNACCEPTED"

    @pytest.mark.parametrize("suffix", ["/", "x"])
    def test_typ_of_any_other_type_by_an_unknown_issuer(self, suffix: str) -> None:
        token = make_token(header={"typ": "id+jwt"}, iss=ISSUER + suffix)
        assert verdict(token) == "TOKEN_ISSUER_UNKNOWN"
        assert verdict(make_token(header={"typ": "id+jwt"}, iss=7)) == "TOKEN_TYPE_UNACCEPTED"

    def test_typ_folds_no_character_beyond_ascii(self) -> None:
        token = make_token(header={"typ": "\N{KELVIN SIGN}b+jwt"})
        assert verdict(token, types=["kb+jwt"]) == "TOKEN_TYPE_UNACCEPTED"
        assert verdict(make_token(header={"typ": "KB+JWT"}), types=["kb+jwt"]) is None

    def test_only_the_types_asked_for(self) -> None:
        assert verdict(make_token(), types=["JWT"]) == "TOKEN_TYPE_UNACCEPTED"


class TestRule13RememberedTokensStillObey:
    def test_exp(self) -> None:
        clock = FakeClock()
        verifier = make_verifier(clock=clock, leeway_s=5)
        token = make_token()
        assert isinstance(verifier.verify(token), Claims)
        clock.now_ns = NOW_NS + 605 * 10**9 - 1
        assert isinstance(verifier.verify(token), Claims)
        clock.now_ns += 1
        assert verifier.verify(token) is REFUSALS["TOKEN_EXPIRED"]
        assert verifier.cached_count == 0

    def test_nbf_and_iat_when_the_clock_goes_back(self) -> None:
        clock = FakeClock()
        verifier = make_verifier(clock=clock)
        early, late = make_token(nbf=NOW_S, iat=NOW_S - 9), make_token(iat=NOW_S)
        assert reason(verifier.verify(early)) is reason(verifier.verify(late)) is None
        clock.now_ns -= 1
        assert verifier.verify(early) is REFUSALS["TOKEN_NOT_YET_VALID"]
        assert verifier.verify(late) is REFUSALS["TOKEN_ISSUED_IN_FUTURE"]

    @pytest.mark.parametrize("kind", ["session", "token", "subject"])
    def test_revocation_on_every_verifier_that_shares_it(self, kind: str) -> None:
        revocations = Revocations(clock=FakeClock())
        verifiers = [make_verifier(revocations=revocations) for _ in range(3)]
        token, other = make_token(), make_token(sub="users/8", jti="token-2", sid="session-2")
        for verifier in verifiers:
            assert isinstance(verifier.verify(token), Claims)
            assert isinstance(verifier.verify(other), Claims)
        expiry = {"expires_at_ns": NOW_NS + 600 * 10**9}
        if kind == "session":
            revocations.revoke_session(ISSUER, "session-1", **expiry)
        elif kind == "token":
            revocations.revoke_token(ISSUER, "token-1", **expiry)
        else:
            revocations.revoke_subject(ISSUER, "users/7", issued_before_ns=NOW_NS + 1, **expiry)
        for verifier in verifiers:
            assert verifier.verify(token) is REFUSALS["TOKEN_REVOKED"]
            assert verifier.verify(token) is REFUSALS["TOKEN_REVOKED"]
            assert isinstance(verifier.verify(other), Claims)

    @pytest.mark.parametrize("algorithm", SECRET_ALGORITHMS + PUBLIC_ALGORITHMS)
    def test_the_keyset(self, algorithm: str) -> None:
        verifier = make_verifier(algorithm)
        token = make_token(algorithm)
        assert isinstance(verifier.verify(token), Claims)
        verifier.replace_keyset(Keyset([verification_key(algorithm, number=1)]))
        assert verifier.verify(token) is REFUSALS["TOKEN_SIGNATURE_INVALID"]
        verifier.replace_keyset(Keyset([verification_key(algorithm, "k2")]))
        assert verifier.verify(token) is REFUSALS["TOKEN_KEY_UNKNOWN"]
