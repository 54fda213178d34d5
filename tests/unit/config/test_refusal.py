import pytest
from pydantic import ValidationError

from blrcs.config.layer import Layer, merge
from blrcs.config.problem import Problem
from blrcs.config.refusal import problems_of
from blrcs.config.settings import Settings


def problems(*layers):
    with pytest.raises(ValidationError) as caught:
        Settings(**merge(layers))
    return [str(problem) for problem in problems_of(caught.value, layers)]


def file(values, **lines):
    origins = {tuple(key.split("__")): f"f.toml:{line}" for key, line in lines.items()}
    return Layer("f.toml", values, origins)


def test_a_problem_names_file_line_key_and_reason():
    layer = file({"server": {"port": 70_000}}, server=1, server__port=2)
    assert problems(layer) == ["f.toml:2: server.port: must be less than or equal to 65535"]


def test_the_layer_that_counts_is_blamed():
    low = Layer("low", {"server": {"port": 1}})
    high = Layer("high", {"server": {"port": "x"}})
    assert problems(low, high)[0].startswith("high: server.port: must be a valid integer")


def test_all_problems_are_told_at_once():
    found = problems(file({"server": {"port": -1}, "auth": {"leeway": "x"}, "cache": 3}))
    assert [line.split(": ")[1] for line in found] == ["server.port", "auth.leeway", "cache"]
    assert found[2] == "f.toml: cache: must be a table"


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"sever": {}}, "f.toml: sever: is unknown; is server meant?"),
        ({"zzz": 1}, "f.toml: zzz: is unknown"),
        ({"reflection": "on"}, "f.toml: reflection: is unknown; is server.reflection meant?"),
        ({"port": 1}, "f.toml: port: is unknown; is server.port or metrics.port meant?"),
        ({"server": {"tls": {"certfile": 1}}}, "server.tls.certfile: is unknown; is cert_file"),
        ({"limits": {"rules": 3}}, "limits.rules: must be a list"),
        (
            {"policies": {"/a.B/C": {"access": {"permision": "x.y", "permission": "x.y"}}}},
            'policies."/a.B/C".access.permision: is unknown; is permission meant?',
        ),
        (
            {"policies": {"/a.B/C": {"access": {}}}},
            'policies."/a.B/C".access.permission: is missing',
        ),
        ({"policies": {"/a.B/C": {"access": 3}}}, 'policies."/a.B/C".access: must be a table'),
        ({"policies": {"/a.B/C": {"acess": 3}}}, "acess: is unknown; is access meant?"),
        (
            {"policies": {"a.B/C": {}}},
            'policies."a.B/C": is not a method, such as /shop.v1.ShopService/GetItem, or',
        ),
        (
            {"policies": {"/a.B/C": {"access": {"permission": "read"}}}},
            'policies."/a.B/C".access.permission: is not a permission, such as orders.read',
        ),
        (
            {"services": {"extra": ["shop.service"]}},
            "services.extra[0]: is not a function of a module, such as shop.service:register",
        ),
        ({"cache": {"namespaces": {"A": {}}}}, "cache.namespaces.A: does not match ^["),
        ({"auth": {"leeway": "1y"}}, "auth.leeway: is not a duration, such as 30"),
    ],
)
def test_reasons_speak_of_keys(values, problem):
    found = problems(file(values))
    assert len(found) == 1
    assert problem in found[0]


def test_what_is_missing_in_a_list_is_blamed_on_its_element_alone():
    layer = Layer(
        "f.toml",
        {"limits": {"rules": [{"name": "a", "domain": "d", "match": [{}], "requests": 1}]}},
        {("limits", "rules", 0, "match", 0): "f.toml:7"},
    )
    assert problems(layer) == ["f.toml:7: limits.rules[0].match[0].key: is missing"]


def test_no_value_of_a_secret_is_told():
    found = problems(file({"auth": {"initial_admin_password": "hunter2"}}))
    assert found == ["f.toml: auth.initial_admin_password: has not 8 to 1024 characters"]
    assert "hunter2" not in problems(file({"auth": {"initial_admin_password": ["hunter2"]}}))[0]


def test_a_problem_without_a_key_is_of_the_whole_origin():
    assert str(Problem("f.toml", "", "is empty")) == "f.toml: is empty"
