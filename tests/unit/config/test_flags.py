from blrcs.config.flags import read_flags


def test_flags_are_named_by_key_and_none_is_not_given():
    layer = read_flags({"server.port": 1, "server.host": None})
    assert layer.values == {"server": {"port": 1}}
    assert layer.origin(("server", "port")) == "flag"


def test_an_unknown_key_is_a_problem():
    assert [str(problem) for problem in read_flags({"server": {}}).problems] == [
        "flag: server: is unknown"
    ]
