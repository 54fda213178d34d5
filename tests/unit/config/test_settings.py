import ast
import inspect
from itertools import pairwise

import pytest
from pydantic import BaseModel, ValidationError

from blrcs.config.duration import Duration
from blrcs.config.settings import Settings

RULE = {"name": "r", "domain": "d", "match": [{"key": "user"}], "requests": 3}


def refusal(**values):
    with pytest.raises(ValidationError) as caught:
        Settings(**values)
    return " ".join(error["msg"] for error in caught.value.errors())


def is_section(annotation):
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def models(model=Settings):
    yield model
    for field in model.model_fields.values():
        if is_section(field.annotation):
            yield from models(field.annotation)


def test_defaults_are_valid_and_look_at_no_variables(monkeypatch):
    monkeypatch.setenv("BLRCS_SERVER__PORT", "1")
    monkeypatch.setenv("BLRCS_ENVIRONMENT", "nonsense")
    assert Settings().server.port == 50_051


@pytest.mark.parametrize("model", [*models()], ids=lambda model: model.__name__)
def test_every_section_is_closed_and_immutable(model):
    assert model.model_config["extra"] == "forbid"
    assert model.model_config["frozen"] is True


def test_nothing_inside_can_be_changed():
    settings = Settings(limits={"rules": [RULE]}, policies={"/a.B/C": {"access": "public"}})
    with pytest.raises(ValidationError):
        settings.server.port = 1
    with pytest.raises(TypeError):
        settings.policies["/a.B/D"] = settings.policies["/a.B/C"]
    assert isinstance(settings.limits.rules, tuple)


def described(model):
    """The fields of a section that a docstring stands below."""
    own = model.__mro__[: model.__mro__.index(BaseModel)]
    for declared in (ast.parse(inspect.getsource(each)).body[0] for each in own):
        for field, below in pairwise(declared.body):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(ast.Constant(str(said))):
                    if said:
                        yield name


@pytest.mark.parametrize("model", [*models()], ids=lambda model: model.__name__)
def test_every_option_is_described(model):
    options = [
        name for name, field in model.model_fields.items() if not is_section(field.annotation)
    ]
    assert [name for name in options if name not in {*described(model)}] == []


@pytest.mark.parametrize(
    ("given", "seconds"), [("0", 0.0), ("2", 2.0), ("1m", 60.0), ("1h", 3_600.0)]
)
def test_a_hang_is_told_after_no_less_than_what_a_sign_of_life_takes(given, seconds):
    assert Settings(server={"hang_timeout_s": given}).server.hang_timeout_s == seconds
    for refused in ("1", "1999ms", "1h1s"):
        with pytest.raises(ValidationError, match="hang_timeout_s"):
            Settings(server={"hang_timeout_s": refused})


def test_units_are_read_where_they_belong():
    settings = Settings(
        server={"max_message_bytes": "8MiB", "drain_grace_s": "1m30s"},
        auth={"access_token_ttl": "PT5M"},
    )
    assert settings.server.max_message_bytes == 8 << 20
    assert settings.server.drain_grace_s == 90.0
    assert settings.auth.access_token_ttl == Duration(300_000_000_000)


@pytest.mark.parametrize(
    ("environment", "asked", "reflection"),
    [
        ("development", "auto", True),
        ("test", "auto", True),
        ("production", "auto", False),
        ("production", "on", True),
        ("development", "off", False),
    ],
)
def test_reflection_is_off_in_production_unless_asked_for(environment, asked, reflection):
    settings = Settings(environment=environment, server={"reflection": asked})
    assert settings.reflection is reflection


@pytest.mark.parametrize(
    ("environment", "asked", "log_format"),
    [
        ("development", "auto", "console"),
        ("test", "auto", "json"),
        ("production", "auto", "json"),
        ("production", "console", "console"),
    ],
)
def test_the_log_is_for_people_in_development(environment, asked, log_format):
    assert Settings(environment=environment, logging={"format": asked}).log_format == log_format


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"server": {"port": 65_536}}, "65535"),
        ({"server": {"port": -1}}, "0"),
        ({"server": {"uds": ""}}, "is empty"),
        ({"server": {"max_message_bytes": "2GiB"}}, "2147483647"),
        ({"server": {"tls": {"require_client_certificate": True}}}, "needs client_ca_file"),
        (
            {
                "server": {
                    "tls": {
                        "cert_file": __file__,
                        "key_file": __file__,
                        "client_ca_file": __file__,
                    }
                }
            },
            "client_ca_file needs require_client_certificate",
        ),
        ({"auth": {"access_token_ttl": "2d"}}, "is not between 1s and 1d"),
        ({"auth": {"refresh_token_ttl": "31d"}}, "refresh_token_ttl is longer than session_ttl"),
        ({"auth": {"refresh_token_ttl": "1m"}}, "access_token_ttl is longer"),
        ({"auth": {"algorithm": "none"}}, "EdDSA"),
        ({"auth": {"token_cache_entries": 1}}, "is 0, or at least 2"),
        ({"auth": {"initial_admin_password": "short"}}, "has not 8 to 1024 characters"),
        ({"guards": {"shadow": ["firewall"]}}, "rate_limit"),
        ({"limits": {"rules": [RULE, RULE]}}, "2 rules are called 'r'"),
        ({"limits": {"rules": [RULE, RULE | {"name": "s"}]}}, "match the same descriptors"),
        ({"limits": {"rules": [RULE | {"requests": 0}]}}, "greater than or equal to 1"),
        ({"limits": {"rules": [RULE | {"period": "0s"}]}}, "is not between 1ms"),
        ({"limits": {"rules": [RULE | {"match": []}]}}, "at least 1"),
        ({"limits": {"rules": [RULE | {"name": "limitRules/r"}]}}, "pattern"),
        (
            {"limits": {"rules": [RULE | {"burst": 2, "algorithm": "fixed_window"}]}},
            "burst belongs to gcra",
        ),
        ({"services": {"extra": ["no_factory"]}}, "is not a function of a module"),
        ({"cache": {"namespaces": {"UPPER": {}}}}, "pattern"),
        ({"policies": {"blrcs.v1.X/Get": {}}}, "is not a method"),
        ({"policies": {"/X/*/": {}}}, "is not a method"),
        ({"policies": {"/a.B/C": {"access": "anyone"}}}, "'public' or 'authenticated'"),
        ({"policies": {"/a.B/C": {"access": {"permission": "nodot"}}}}, "not a permission"),
        ({"policies": {"/a.B/C": {"limits": [{"key": "host", "requests": 1}]}}}, "address"),
    ],
)
def test_what_the_server_could_not_honour_is_refused(values, reason):
    assert reason in refusal(**values)


def test_no_secret_is_shown():
    settings = Settings(auth={"initial_admin_password": "correct horse"})
    assert "horse" not in repr(settings) + settings.model_dump_json() + str(settings.model_dump())
    assert '"initial_admin_password":"********"' in settings.model_dump_json()
    assert settings.auth.initial_admin_password.get_secret_value() == "correct horse"


def test_a_namespace_takes_what_it_does_not_state_from_the_section():
    cache = Settings(
        cache={"default_ttl": "1m", "namespaces": {"small": {"max_bytes": "1MiB"}}}
    ).cache
    assert cache.namespace("small").max_bytes == 1 << 20
    assert cache.namespace("small").default_ttl == Duration.parse("1m")
    assert cache.namespace("other").max_bytes == cache.max_bytes
