from pathlib import Path

from blrcs.config.effective import effective_values
from blrcs.config.layer import Layer, merge
from blrcs.config.loading import LoadedSettings
from blrcs.config.option import all_options
from blrcs.config.settings import Settings


def effective(*layers):
    loaded = LoadedSettings(Settings(**merge(layers)), layers, (Path("f.toml"),))
    return {value.key: (value.text, value.origin) for value in effective_values(loaded)}


def test_defaults_show_every_option_with_its_unit():
    shown = effective()
    assert list(shown) == list(all_options())
    assert {origin for _, origin in shown.values()} == {"default"}
    assert shown["auth.access_token_ttl"][0] == "15m"
    assert shown["server.max_message_bytes"][0] == "4MiB"
    assert shown["server.uds"][0] == ""
    assert shown["services.builtin"][0] == "true"


def test_each_value_has_the_origin_that_won():
    low = Layer("f.toml", {"server": {"port": 1, "host": "h"}}, {("server", "port"): "f.toml:3"})
    high = Layer("variables", {"server": {"port": "2"}}, {("server", "port"): "BLRCS_SERVER__PORT"})
    shown = effective(low, high)
    assert shown["server.port"] == ("2", "BLRCS_SERVER__PORT")
    assert shown["server.host"][0] == "h"
    assert shown["auth.issuer"] == ("blrcs", "default")


def test_tables_of_the_users_own_show_what_is_given_in_them():
    layer = Layer(
        "f.toml",
        {
            "policies": {"/a.B/C": {"response_cache_ttl": 90, "shadow": ["validation"]}},
            "cache": {"namespaces": {"x.y": {"max_bytes": 1 << 20}}},
        },
        {("policies", "/a.B/C"): "f.toml:1", ("cache", "namespaces", "x.y"): "f.toml:4"},
    )
    shown = effective(layer)
    assert shown['policies."/a.B/C".response_cache_ttl'] == ("1m30s", "f.toml:1")
    assert shown['policies."/a.B/C".shadow'] == ('["validation"]', "f.toml:1")
    assert shown['cache.namespaces."x.y".max_bytes'] == ("1MiB", "f.toml:4")
    assert 'policies."/a.B/C".audit' not in shown


def test_lists_of_tables_show_each_element():
    rule = {"name": "r", "domain": "d", "match": [{"key": "k", "value": "v*"}], "requests": 3}
    shown = effective(Layer("f.toml", {"limits": {"rules": [rule]}}))
    assert shown["limits.rules[0].match[0].value"] == ("v*", "f.toml")
    assert "limits.rules[0].period" not in shown


def test_secrets_are_masked():
    shown = effective(Layer("flag", {"auth": {"initial_admin_password": "correct horse"}}))
    assert shown["auth.initial_admin_password"] == ("********", "flag")


def test_a_pin_that_was_written_where_it_is_refused_is_masked():
    text = "pkcs11:token=x;object=y;{}=4321?module-name=z"
    keys = {"master_key": text.format("pin-value"), "older_master_keys": [text.format("PIN-Value")]}
    shown = effective(Layer("flag", {"encryption": keys}))
    for name, given in (("master_key", "pin-value"), ("older_master_keys", "PIN-Value")):
        assert text.format(given).replace("4321", "********") in shown[f"encryption.{name}"][0]
