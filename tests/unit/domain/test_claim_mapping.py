import pytest

from blrcs.domain.claim_mapping import ClaimMapping, check_template, may_name


def identify(claims, **settings):
    chosen = {"principal": "issuers/x/subjects/{sub}"} | settings
    return ClaimMapping(**chosen).identify({"sub": "abc"} | claims)


@pytest.mark.parametrize("sub", ["abc", "auth0|1", "a@b.example", "0", "-", "x" * 128, "..."])
def test_a_subject_is_one_segment_as_it_is(sub):
    assert identify({"sub": sub}) == (f"issuers/x/subjects/{sub}", ())


@pytest.mark.parametrize(
    "sub",
    ["", "a/b", "../admin", ".", "..", "a b", "a\n", "\u00e4", "a\x00", "x" * 129, "%2f", "{sub}",
     None, 7, True, ["a"], {"a": 1}],
)  # fmt: skip
def test_a_subject_that_could_be_another_name_is_nobody(sub):
    assert identify({"sub": sub}) is None


def test_several_claims_make_a_name():
    found = identify({"tid": "acme"}, principal="tenants/{tid}/members/{sub}")
    assert found == ("tenants/acme/members/abc", ())
    assert identify({}, principal="tenants/{tid}/members/{sub}") is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("issuers/x/subjects/abc", True),
        ("issuers/y/subjects/abc", False),
        ("issuers/x/subjects", False),
        ("issuers/x/subjects/", False),
        ("issuers/x/subjects/..", False),
        ("issuers/x/subjects/a/b", False),
    ],
)
def test_what_names_a_template_makes(name, expected):
    assert may_name("issuers/x/subjects/{sub}", name) is expected


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (["devs", "ops", "devs"], ("groups/a", "groups/b")),
        ("ops", ("groups/b",)),
        (["groups/admins", "other", 1, None], ()),
        (None, ()),
        ({"devs": 1}, ()),
    ],
)
def test_only_groups_that_are_mapped_count(listed, expected):
    found = identify(
        {"roles": listed},
        groups_claim="roles",
        groups={"devs": "groups/a", "ops": "groups/b"},
    )
    assert found == ("issuers/x/subjects/abc", expected)


@pytest.mark.parametrize(
    ("value", "accepted"),
    [("acme", True), (["x", "acme"], True), ("other", False), (["x"], False), (None, False),
     (7, False), ({"acme": 1}, False)],
)  # fmt: skip
def test_a_required_claim_has_one_of_its_values(value, accepted):
    assert bool(identify({"tid": value}, required={"tid": ("acme",)})) is accepted


def test_a_required_claim_may_be_a_truth_value():
    assert identify({"email_verified": True}, required={"email_verified": ("true",)})
    assert not identify({"email_verified": False}, required={"email_verified": ("true",)})
    assert not identify({}, required={"email_verified": ("true",)})


@pytest.mark.parametrize("template", ["issuers/x/{sub}", "users/{sub}", "workloads/{tid}/{sub}"])
def test_a_template_is_taken(template):
    assert check_template(template) == template


@pytest.mark.parametrize(
    "template",
    ["", "users", "users/admin", "{sub}", "{sub}/x", "users/x-{sub}", "users//{sub}", "../{sub}",
     "users/{}", "users/{sub}/", "/{sub}", "groups/{sub}", "tenants/{sub}"],
)  # fmt: skip
def test_a_template_that_names_no_one_in_particular_is_refused(template):
    with pytest.raises(ValueError, match=r"names no claim|begin|segment"):
        check_template(template)
