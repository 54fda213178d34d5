"""Each danger, one configuration at a time; and none where there is none."""

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import blrcs.doctor
from blrcs.config.doctor import CHECKS
from blrcs.config.settings import Settings
from blrcs.doctor import files as doctor_files
from blrcs.doctor.bindings import examine_bindings
from blrcs.doctor.certificates import examine_certificates
from blrcs.doctor.files import examine_files
from blrcs.doctor.finding import Severity
from blrcs.doctor.guards import examine_guards, examine_lives
from blrcs.doctor.listeners import examine_listeners
from blrcs.doctor.passwords import examine_passwords, is_known
from blrcs.doctor.stores import examine_stores
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding, Effect
from blrcs.domain.role import Role

DOCTOR = Path(blrcs.doctor.__file__).parent
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def found(findings):
    return [(each.check, each.severity.value) for each in findings]


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ({}, []),
        ({"host": "::1"}, []),
        ({"host": "127.8.8.8"}, []),
        ({"host": "localhost"}, []),
        ({"host": "0.0.0.0"}, [("plaintext", "critical")]),
        ({"host": "::"}, [("plaintext", "critical")]),
        ({"host": "10.0.0.1"}, [("plaintext", "critical")]),
        ({"host": "server.example"}, [("plaintext", "critical")]),
        ({"reflection": "on"}, [("reflection", "warning")]),
    ],
)
def test_where_it_listens(server, expected):
    assert found(examine_listeners(Settings(environment="production", server=server))) == expected


def test_where_it_listens_in_development():
    settings = Settings(server={"host": "0.0.0.0"}, metrics={"host": "0.0.0.0"})
    checks = [each.check for each in examine_listeners(settings)]
    assert checks == ["plaintext", "metrics", "environment"]


def test_with_a_certificate_it_is_no_plain_text(tmp_path):
    settings = Settings(environment="production", server={"host": "::", "tls": tls(tmp_path)})
    assert found(examine_listeners(settings)) == []


def tls(folder, key=None, not_after=NOW + dt.timedelta(days=90), not_before=NOW):
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, not_before, not_after)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    files = {"cert_file": folder / "cert.pem", "key_file": folder / "key.pem"}
    files["cert_file"].write_bytes(certificate)
    files["key_file"].write_bytes(b"the key")
    files["key_file"].chmod(0o600)
    return files


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"key": rsa.generate_private_key(65_537, 1024)}, [("certificate", "critical")]),
        ({"key": rsa.generate_private_key(65_537, 2048)}, []),
        ({"key": ec.generate_private_key(ec.SECP192R1())}, [("certificate", "critical")]),
        ({"not_after": NOW + dt.timedelta(days=1)}, [("certificate", "warning")]),
        (
            {"not_before": NOW - dt.timedelta(days=9), "not_after": NOW - dt.timedelta(days=1)},
            [("certificate", "warning")],
        ),
        ({"not_before": NOW + dt.timedelta(days=1)}, [("certificate", "warning")]),
    ],
)
def test_certificates(tmp_path, changes, expected):
    settings = Settings(server={"tls": tls(tmp_path, **changes)})
    assert found(examine_certificates(settings, NOW)) == expected


@pytest.mark.parametrize(
    ("directory", "file", "expected"),
    [
        (0o700, 0o666, []),
        (0o750, 0o600, [("key-files", "warning")]),
        (0o755, 0o600, [("key-files", "critical")]),
        (0o750, 0o640, [("key-files", "warning"), ("key-files", "warning")]),
        (0o755, 0o604, [("key-files", "critical"), ("key-files", "critical")]),
        (0o711, 0o600, []),
        (0o711, 0o644, [("key-files", "critical")]),
        (0o710, 0o640, [("key-files", "warning")]),
        (0o710, 0o644, [("key-files", "warning")]),
        (0o704, 0o644, [("key-files", "critical")]),
    ],
)
def test_files_of_the_data_directory(tmp_path, directory, file, expected):
    data = tmp_path / "data"
    data.mkdir()
    (data / "signing_key.pem").touch()
    (data / "signing_key.pem").chmod(file)
    data.chmod(directory)
    assert found(examine_files(Settings(data_directory=data), {}, {})) == expected


@pytest.mark.parametrize(
    ("folder", "expected"), [(0o700, []), (0o711, ["x"]), (0o777, ["keys", "x"])]
)
def test_folders_of_the_data_directory(tmp_path, folder, expected):
    keys = tmp_path / "data" / "keys"
    keys.mkdir(parents=True)
    (keys / "x").touch(0o644)
    keys.chmod(folder)
    keys.parent.chmod(0o711)
    findings = examine_files(Settings(data_directory=keys.parent), {}, {})
    assert [each.problem.split()[0].rpartition("/")[2] for each in findings] == expected


def test_what_lies_below_a_folder_of_a_group_is_open_to_no_others(tmp_path):
    keys = tmp_path / "data" / "keys"
    keys.mkdir(parents=True)
    (keys / "x").touch(0o644)
    keys.chmod(0o711)
    keys.parent.chmod(0o710)
    findings = examine_files(Settings(data_directory=keys.parent), {}, {})
    assert found(findings) == [("key-files", "warning")]


def test_a_folder_elsewhere_is_not_judged_by_a_link_to_it(tmp_path):
    data, elsewhere, key = tmp_path / "data", tmp_path / "elsewhere", tmp_path / "key"
    for folder in (data, elsewhere):
        folder.mkdir(0o711)
        folder.chmod(0o711)
    (data / "folder").symlink_to(elsewhere)
    elsewhere.chmod(0o777)
    key.touch()
    key.chmod(0o644)
    (data / "key").symlink_to(key)
    (data / "round").symlink_to(data / "round")
    findings = examine_files(Settings(data_directory=data), {}, {})
    assert [each.problem.split()[0] for each in findings] == [str(data / "key")]


def test_so_many_files_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor_files, "MAX_FILES", 5)
    for name in ("one", "two"):
        (tmp_path / name).mkdir(0o711)
        for number in range(4):
            (tmp_path / name / f"{number}").touch()
            (tmp_path / name / f"{number}").chmod(0o644)
    tmp_path.chmod(0o711)
    *some, last = examine_files(Settings(data_directory=tmp_path), {}, {})
    assert len(some) == 3
    assert (last.check, last.severity, last.key) == ("key-files", "warning", "data_directory")
    assert last.problem.endswith("than the 5 that were looked at")
    monkeypatch.setattr(doctor_files, "MAX_FILES", 10)
    assert len(found(examine_files(Settings(data_directory=tmp_path), {}, {}))) == 8


@pytest.mark.parametrize(
    ("mode", "expected"), [(0o755, []), (0o1777, []), (0o777, ["critical"]), (0o775, ["warning"])]
)
def test_a_file_can_be_replaced_in_a_folder_that_others_can_change(tmp_path, mode, expected):
    folder = tmp_path / "etc"
    folder.mkdir()
    for name in ("blrcs.toml", "more.toml"):
        (folder / name).touch(0o644)
    folder.chmod(mode)
    provenance = {"server.port": f"{folder}/blrcs.toml:1", "log.level": f"{folder}/more.toml:1"}
    findings = list(examine_files(Settings(data_directory=tmp_path / "none"), provenance, {}))
    assert [each.severity.value for each in findings] == expected
    told = [(each.key, each.problem.split()[0]) for each in findings]
    assert told == [("server.port", str(folder))] * len(expected)


def test_files_that_others_can_change(tmp_path):
    toml, authorities = tmp_path / "blrcs.toml", tmp_path / "clients.pem"
    for file, mode in ((toml, 0o646), (authorities, 0o664)):
        file.touch()
        file.chmod(mode)
    server = {"tls": tls(tmp_path) | {"client_ca_file": authorities}}
    server["tls"]["require_client_certificate"] = True
    settings = Settings(data_directory=tmp_path / "none", server=server)
    provenance = {"guards.shadow": f"{toml}:3", "server.port": f"{toml}:1"}
    findings = list(examine_files(settings, provenance, {}))
    assert found(findings) == [("config-files", "critical"), ("config-files", "warning")]
    assert [each.key for each in findings] == ["guards.shadow", "server.tls.client_ca_file"]
    toml.chmod(0o644)
    authorities.chmod(0o644)
    assert found(examine_files(settings, provenance, {})) == []


def test_files_that_secrets_come_from(tmp_path):
    files = tls(tmp_path)
    files["key_file"].chmod(0o644)
    toml, secret = tmp_path / "blrcs.toml", tmp_path / "secret"
    for file, mode in ((toml, 0o644), (secret, 0o640)):
        file.touch()
        file.chmod(mode)
    settings = Settings(data_directory=tmp_path / "none", server={"tls": files})
    findings = examine_files(
        settings,
        {"database.url": f"{toml}:3", "server.port": f"{toml}:1", "redis.url": "BLRCS_REDIS__URL"},
        {"BLRCS_REDIS__URL_FILE": str(secret), "BLRCS_DATABASE__URL_FILE": ""},
    )
    assert [(each.key, each.severity.value) for each in findings] == [
        ("server.tls.key_file", "critical"),
        ("database.url", "critical"),
        ("redis.url", "warning"),
    ]


def test_the_file_that_a_variable_names_for_a_master_key(tmp_path):
    key = tmp_path / "key"
    key.touch()
    key.chmod(0o644)
    settings = Settings(data_directory=tmp_path / "none", encryption={"master_key": "env:KEY"})
    (found,) = examine_files(settings, {}, {"KEY_FILE": str(key)})
    assert (found.check, found.key) == ("secret-files", "encryption.master_key")
    assert found.severity.value == "critical"
    key.chmod(0o600)
    assert not list(examine_files(settings, {}, {"KEY_FILE": str(key)}))


@pytest.mark.parametrize("name", ["master_key", "older_master_keys"])
@pytest.mark.parametrize("place", ["file:{}", "pkcs11:token=t;object=o;pin-file={}"])
def test_the_file_of_a_master_key_or_of_its_pin(tmp_path, name, place):
    file = tmp_path / "file"
    file.touch()
    file.chmod(0o644)
    named = place.format(file)
    settings = Settings(
        data_directory=tmp_path / "none",
        encryption={name: named if name == "master_key" else [named]},
    )
    (found,) = examine_files(settings, {}, {})
    assert (found.check, found.key) == ("secret-files", f"encryption.{name}")
    assert found.severity.value == "critical"
    file.chmod(0o600)
    assert not list(examine_files(settings, {}, {}))


@pytest.mark.parametrize(
    "password",
    ["admin123", "Password1!", "ADMINadmin", "changeme2026", "12345678", "postgres", "blrcs-2026"],
)
def test_passwords_that_everybody_tries(password):
    assert is_known(password, "admin")
    settings = Settings(auth={"initial_admin_password": password})
    assert found(examine_passwords(settings)) == [("known-password", "critical")]


@pytest.mark.parametrize("password", ["correct horse battery", "administer nothing", "x7Gq-91kLm"])
def test_other_passwords(password):
    assert not is_known(password, "admin")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////tmp/x.db", []),
        ("postgresql://u:x7Gq91kLm@127.0.0.1/d", []),
        ("postgresql://u:x7Gq91kLm@db/d?sslmode=verify-full", []),
        ("postgresql://u:x7Gq91kLm@db/d?sslmode=prefer", ["store-plaintext"]),
        ("postgresql://u:x7Gq91kLm@db/d", ["store-plaintext"]),
        ("postgresql://postgres:postgres@db/d?sslmode=require", ["store-password"]),
        ("postgresql://u@db/d", ["store-password", "store-plaintext"]),
    ],
)
def test_how_stores_are_reached(url, expected):
    settings = Settings(database={"url": url, "replicas": [url]})
    assert [each.check for each in examine_stores(settings)] == expected * 2


def test_how_redis_is_reached():
    urls = {"redis://r:6379/0": 2, "rediss://:x7Gq91kLm@r:6379/0": 0, "unix:///run/r.sock": 0}
    for url, count in urls.items():
        assert len(list(examine_stores(Settings(redis={"url": url})))) == count, url


def test_no_finding_shows_a_password():
    settings = Settings(
        database={"url": "postgresql://u:password1@db/d"},
        auth={"initial_admin_password": "admin1234"},
    )
    told = str([*examine_stores(settings), *examine_passwords(settings)])
    assert "password1" not in told
    assert "admin1234" not in told


def test_guards_that_let_pass():
    settings = Settings(
        guards={"shadow": ["authentication", "rate_limit"]},
        policies={
            "/a.B/*": {"access": "public", "shadow": ["authorization", "validation"]},
            "/a.B/C": {"access": "authenticated"},
        },
    )
    assert found(examine_guards(settings)) == [
        ("shadow", "critical"),
        ("shadow", "warning"),
        ("shadow", "critical"),
        ("public", "warning"),
    ]


def test_tokens_that_last():
    settings = Settings(auth={"access_token_ttl": "2h", "service_token_ttl": "1h"})
    assert [each.key for each in examine_lives(settings)] == ["auth.access_token_ttl"]


@pytest.mark.parametrize(
    ("role", "member", "expected"),
    [
        ("roles/administrator", "allUsers", [("everyone", "critical")]),
        ("roles/administrator", "users/alice", []),
        ("roles/viewer", "allAuthenticated", [("everyone", "warning")]),
        ("roles/records.editor", "allAuthenticated", [("everyone", "critical")]),
        ("roles/shop", "allUsers", [("everyone", "warning")]),
        ("roles/gone", "allUsers", [("everyone", "warning")]),
        ("roles/wrapped", "allUsers", [("everyone", "critical")]),
        ("roles/customer", "allAuthenticated", [("everyone", "warning")]),
    ],
)
def test_what_everybody_may_do(role, member, expected):
    binding = Binding(
        name="bindings/b", role=role, members=(member,), create_time_ns=1, update_time_ns=1
    )
    policy = AccessPolicy(
        roles={
            "roles/shop": Role(name="roles/shop", permissions=("orders.create",)),
            "roles/wrapped": Role(name="roles/wrapped", included_roles=("roles/inner",)),
            "roles/customer": Role(
                name="roles/customer",
                permissions=("orders.create",),
                included_roles=("roles/records.viewer",),
            ),
            "roles/inner": Role(name="roles/inner", included_roles=("roles/administrator",)),
        },
        groups={},
        bindings={"bindings/b": binding},
        epoch=1,
    )
    assert found(examine_bindings(policy, 1)) == expected


@pytest.mark.parametrize("changes", [{"effect": Effect.DENY}, {"expire_time_ns": 1}])
def test_what_is_given_to_nobody_is_no_danger(changes):
    binding = Binding(
        name="bindings/b",
        role="roles/administrator",
        members=("allUsers",),
        create_time_ns=1,
        update_time_ns=1,
        **changes,
    )
    policy = AccessPolicy(roles={}, groups={}, bindings={"bindings/b": binding}, epoch=1)
    assert found(examine_bindings(policy, 1)) == []


def test_every_check_can_find_something():
    """No name that nothing stands behind."""
    sources = "".join(each.read_text() for each in DOCTOR.glob("*.py"))
    assert [check for check in CHECKS if f'"{check}"' not in sources] == []
    assert {each.value for each in Severity} == {"critical", "warning"}
