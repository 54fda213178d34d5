import pytest

from blrcs.config.option import all_options
from blrcs.config.variables import read_variables


def problems(**environ):
    return [str(problem) for problem in read_variables(environ).problems]


def test_variables_are_nested_by_two_underscores():
    layer = read_variables({"BLRCS_SERVER__TLS__CERT_FILE": "c", "BLRCS_ENVIRONMENT": "test"})
    assert layer.values == {"server": {"tls": {"cert_file": "c"}}, "environment": "test"}
    assert layer.origin(("server", "tls", "cert_file")) == "BLRCS_SERVER__TLS__CERT_FILE"
    assert not layer.problems


def test_lists_and_tables_are_json():
    layer = read_variables(
        {"BLRCS_SERVICES__EXTRA": '["a.b:c"]', "BLRCS_POLICIES": '{"/a.B/C": {"disabled": true}}'}
    )
    assert layer.values == {
        "services": {"extra": ["a.b:c"]},
        "policies": {"/a.B/C": {"disabled": True}},
    }


def test_plain_text_for_a_list_is_a_problem():
    assert problems(BLRCS_SERVICES__EXTRA="a.b:c") == [
        "BLRCS_SERVICES__EXTRA: services.extra: is a list or a table, and is given as JSON"
    ]


def test_other_programs_variables_and_empty_ones_do_not_count():
    environ = {"PATH": "/bin", "BLRC": "1", "BLRCS_SERVER__UDS": "", "BLRCS_CONFIG_DIR": "/etc"}
    environ |= {"BLRCS_CONFIG": "/x", "BLRCS_TOKEN": "x", "BLRCS_PKCS11_PIN": "1234"}
    read = read_variables(environ)
    assert (read.values, read.problems) == ({}, ())


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("BLRCS_NONSENSE", "is unknown"),
        ("BLRCS_SERVER__PROT", "is unknown; is BLRCS_SERVER__PORT meant?"),
        ("BLRCS_SERVER_PORT", "is unknown; is BLRCS_SERVER__PORT meant?"),
        ("BLRCS_SERVER", "is unknown; is BLRCS_SERVER__UDS meant?"),
        ("BLRCS_SERVER__PORT_FILE", "is unknown; is BLRCS_SERVER__PORT meant?"),
        (
            "BLRCS_CACHE__NAMESPACES__X",
            "is no variable; BLRCS_CACHE__NAMESPACES gives the whole of cache.namespaces as JSON",
        ),
    ],
)
def test_an_unknown_variable_is_a_problem(name, reason):
    assert problems(**{name: "1"}) == [f"{name}: {reason}"]


def test_a_variable_in_lower_case_is_a_problem():
    assert "BLRCS_SERVER__PORT" not in read_variables({"BLRCS_server__port": "1"}).origins.values()
    assert problems(BLRCS_server__port="1")


def test_a_variable_that_is_not_utf8_is_a_problem():
    assert problems(BLRCS_AUTH__ISSUER="\udcff") == [
        "BLRCS_AUTH__ISSUER: auth.issuer: is not UTF-8"
    ]


def test_a_secret_given_twice_is_a_problem(tmp_path):
    file = tmp_path / "secret"
    file.write_text("from a file")
    name = "BLRCS_AUTH__INITIAL_ADMIN_PASSWORD"
    assert problems(**{name: "direct", f"{name}_FILE": str(file)}) == [
        f"{name}_FILE: auth.initial_admin_password: is given by {name} too"
    ]


def test_every_option_has_a_variable_of_its_own():
    names = [option.variable for option in all_options().values()]
    assert len(set(names)) == len(names) > 30
    layer = read_variables(dict.fromkeys(names, "{}"))
    assert not layer.problems
    assert len(layer.origins) == len(names)
