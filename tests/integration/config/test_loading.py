import pytest

from blrcs.config.loading import load_settings
from blrcs.config.problem import ConfigError


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def load(tmp_path):
    def load(**options):
        options.setdefault("config_directory", tmp_path)
        options.setdefault("environ", {})
        return load_settings(**options)

    return load


@pytest.fixture
def problems(load, tmp_path):
    def problems(**options):
        with pytest.raises(ConfigError) as caught:
            load(**options)
        return [str(each).replace(f"{tmp_path}/", "") for each in caught.value.problems]

    return problems


def test_each_source_overrides_the_ones_below_it(write, load, tmp_path):
    write("blrcs.toml", "[server]\nhost = 'main'\nport = 1\nuds = 'main'\nmax_concurrent_calls = 5")
    write("blrcs.test.toml", "[server]\nport = 2\nuds = 'own'\nmax_concurrent_calls = 6")
    environ = {
        "BLRCS_ENVIRONMENT": "test",
        "BLRCS_SERVER__UDS": "variable",
        "BLRCS_SERVER__MAX_CONCURRENT_CALLS": "7",
    }
    loaded = load(environ=environ, flags={"server.max_concurrent_calls": 8})
    server = loaded.settings.server
    assert (server.host, server.port, str(server.uds)) == ("main", 2, "variable")
    assert server.max_concurrent_calls == 8
    assert server.reflection == "auto"
    provenance = {key: origin for key, origin in loaded.provenance.items() if "server." in key}
    assert provenance["server.host"] == f"{tmp_path}/blrcs.toml:2"
    assert provenance["server.port"] == f"{tmp_path}/blrcs.test.toml:2"
    assert provenance["server.uds"] == "BLRCS_SERVER__UDS"
    assert provenance["server.max_concurrent_calls"] == "flag"
    assert provenance["server.reflection"] == "default"
    assert loaded.files == (tmp_path / "blrcs.toml", tmp_path / "blrcs.test.toml")


@pytest.mark.parametrize(
    ("environ", "flags", "port"),
    [
        ({}, {}, 2),
        ({"BLRCS_ENVIRONMENT": "production"}, {}, 3),
        ({"BLRCS_ENVIRONMENT": "production"}, {"environment": "development"}, 1),
    ],
)
def test_the_environment_picks_the_second_file(write, load, environ, flags, port):
    write("blrcs.toml", 'environment = "test"')
    for name, number in (("development", 1), ("test", 2), ("production", 3)):
        write(f"blrcs.{name}.toml", f"server.port = {number}")
    assert load(environ=environ, flags=flags).settings.server.port == port


def test_tables_of_both_files_are_merged(write, load):
    write("blrcs.toml", '[policies."/a.B/C"]\naudit = "call"\n[policies."/a.B/D"]\ndisabled = true')
    write("blrcs.development.toml", '[policies."/a.B/C"]\naccess = "public"')
    policies = load().settings.policies
    assert (policies["/a.B/C"].audit, policies["/a.B/C"].access) == ("call", "public")
    assert policies["/a.B/D"].disabled


def test_one_named_file_is_read_instead_of_both(write, load):
    write("blrcs.toml", "server.port = 1")
    file = write("other.toml", "metrics.port = 2")
    loaded = load(config_directory=None, config_file=file)
    assert (loaded.settings.server.port, loaded.settings.metrics.port) == (50_051, 2)
    assert loaded.files == (file,)


def test_variables_name_the_directory_or_the_file(write, load, tmp_path):
    write("blrcs.toml", "server.port = 1")
    file = write("other.toml", "server.port = 2")
    environ = {"BLRCS_CONFIG_DIR": str(tmp_path)}
    assert load(config_directory=None, environ=environ).settings.server.port == 1
    environ["BLRCS_CONFIG"] = str(file)
    assert load(config_directory=None, environ=environ).settings.server.port == 2
    assert load(config_directory=tmp_path, environ=environ).settings.server.port == 1


def test_without_files_the_defaults_hold(load):
    assert set(load().provenance.values()) == {"default"}


def test_line_ends_of_windows_count_as_lines(write, problems):
    write("blrcs.toml", "[server]\r\n\r\nport = 1\r\nprot = 2\r\n")
    assert problems()[0] == "blrcs.toml:4: server.prot: is unknown; is port meant?"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a = 1\nb = = 2", "blrcs.toml:2: Invalid value"),
        ("a = 1\na = 2", "blrcs.toml:2: Cannot overwrite a value"),
        ("\na = 'x", "blrcs.toml:2: "),
        (b"a = 1\nb = '\xff'", "blrcs.toml:2: is not UTF-8"),
        ("a = " + "[" * 20_000, "blrcs.toml: is nested too deeply"),
        ("a = " + "9" * 5_000, "blrcs.toml: Exceeds the limit"),
        ("#" * (4 << 20) + "#", "blrcs.toml: is larger than 4 MiB"),
    ],
)
def test_a_file_that_is_no_toml_is_one_problem(write, problems, content, problem):
    write("blrcs.toml", content)
    (found,) = problems()
    assert found.startswith(problem)


def test_files_that_cannot_be_read_are_problems(tmp_path, problems):
    (tmp_path / "blrcs.toml").mkdir()
    assert problems() == ["blrcs.toml: cannot be read: Is a directory"]
    absent = tmp_path / "absent"
    assert problems(config_file=absent) == ["absent: cannot be read: No such file or directory"]
    assert problems(config_directory=absent) == [
        "absent: cannot be read: No such file or directory"
    ]


def test_a_file_of_no_environment_is_a_problem(write, problems):
    write("blrcs.prod.toml", "")
    (found,) = problems()
    assert found.startswith("blrcs.prod.toml: belongs to no environment; there are development")


def test_the_second_file_does_not_choose_itself(write, problems):
    write("blrcs.development.toml", '\nenvironment = "production"')
    assert problems() == [
        "blrcs.development.toml:2: environment: picks this file, so it is set elsewhere"
    ]


def test_an_unknown_environment_is_a_problem(problems):
    assert problems(flags={"environment": "staging"}) == [
        "flag: environment: must be 'development', 'test' or 'production'"
    ]


def test_problems_of_all_sources_are_told_at_once(write, problems):
    write("blrcs.toml", "[server]\nport = 'x'\n[autth]")
    found = problems(environ={"BLRCS_NONSENSE": "1"}, flags={"metrics.port": -1})
    assert [line.split(":")[0] for line in found] == [
        "BLRCS_NONSENSE",
        "blrcs.toml",
        "flag",
        "blrcs.toml",
    ]


def test_a_broken_file_leads_to_no_further_complaints(write, problems):
    write("blrcs.toml", "server.tls.cert_file = '/c'\n= 1")
    assert len(problems(environ={"BLRCS_SERVER__TLS__REQUIRE_CLIENT_CERTIFICATE": "true"})) == 1


def test_files_of_tls_must_be_there(write, problems, tmp_path):
    write("blrcs.toml", f"[server.tls]\ncert_file = '{tmp_path}/c'\nkey_file = '{tmp_path}'")
    assert problems() == [
        "blrcs.toml:2: server.tls.cert_file: is not a file that exists",
        "blrcs.toml:3: server.tls.key_file: is not a file that exists",
    ]


def test_a_secret_is_read_from_the_file_that_a_variable_names(write, load):
    file = write("secret", "correct horse \r\n")
    loaded = load(environ={"BLRCS_AUTH__INITIAL_ADMIN_PASSWORD_FILE": str(file)})
    password = loaded.settings.auth.initial_admin_password
    assert password.get_secret_value() == "correct horse "
    assert (
        loaded.provenance["auth.initial_admin_password"]
        == "BLRCS_AUTH__INITIAL_ADMIN_PASSWORD_FILE"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"\n", "is empty"),
        (b"\xff" * 9, "is not UTF-8"),
        (b"x" * 65_537, "is larger than 64 KiB"),
    ],
)
def test_a_secret_that_cannot_be_read_is_a_problem(write, problems, tmp_path, content, reason):
    if content is not None:
        write("secret", content)
    name = "BLRCS_AUTH__INITIAL_ADMIN_PASSWORD_FILE"
    assert problems(environ={name: f"{tmp_path}/secret"}) == [
        f"{name}: auth.initial_admin_password: secret {reason}"
    ]
