"""Passwords that nobody may choose, and those that everybody may."""

import pytest

from blrcs.domain.errors import InvalidArgumentError
from blrcs.security.password_rules import GuessingPasswordRules, read_blocklist


async def run(work, *args):
    return work(*args)


@pytest.fixture
def rules():
    return GuessingPasswordRules(
        run, blocklist=["Blue Elephants Dance At Noon"], words=["acmecorp"]
    )


async def refusal_of(rules, password, user_id="alice.miller"):
    with pytest.raises(InvalidArgumentError) as caught:
        await rules.check(password, user_id=user_id, field="new_password")
    assert caught.value.field == "new_password"
    assert password not in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize(
    "password",
    [
        "princess",
        "password1",
        "P@ssw0rd!",
        "iloveyou",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "abcdefgh12345",
        "qwertyuiop",
        "zxcvbnm,./",
        "1234567890123456",
        "alice.miller1",
        "acmecorp2024",
        "blue elephants dance at noon",
        "\uff22\uff2c\uff35\uff25 elephants dance at noon",
        "x" * 72,
        "x" * 1024,
    ],
)
async def test_what_is_guessed_first_is_refused(rules, password):
    assert await refusal_of(rules, password) == "PASSWORD_GUESSABLE"


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "correct horse",
        "dnvqpwix",
        "mein Rad fährt schnell",
        "пароль из нескольких слов",
        "tqzk-wnbv",
        "correct horse battery staple " * 35,
    ],
)
async def test_nothing_else_is_asked_for(rules, password):
    await rules.check(password, user_id="alice.miller", field="new_password")


async def test_an_administrator_may_ask_for_more(rules):
    strict = GuessingPasswordRules(run, min_characters=15)

    assert await refusal_of(strict, "tqzk-wnbv-cxyl") == "PASSWORD_TOO_SHORT"
    await strict.check("tqzk-wnbv-cxylm", user_id="alice", field="password")
    assert await refusal_of(rules, "tqzk-wn") == "PASSWORD_TOO_SHORT"


async def test_words_of_another_server_are_words_as_any(rules):
    others = GuessingPasswordRules(run)

    await others.check("acmecorp2024", user_id="alice", field="password")


async def test_the_estimate_runs_where_slow_work_does():
    ran = []

    async def recording(work, *args):
        ran.append(work)
        return work(*args)

    await GuessingPasswordRules(recording).check("correct horse", user_id="a", field="password")

    assert len(ran) == 1


def test_a_blocklist_is_a_file_of_lines(tmp_path):
    path = tmp_path / "blocklist"
    path.write_text("first one\n\n  second \r\nümlaut\n", "utf-8")

    assert read_blocklist(path) == ["first one", "  second ", "ümlaut"]
    assert read_blocklist(None) == []
