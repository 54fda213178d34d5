import pytest

from blrcs.redis.errors import RedisOpenError
from blrcs.redis.url import Place, RedisUrl


def test_one_server():
    url = RedisUrl.parse("redis://app:p%40ss%3A@cache.example:6380/3")
    assert url.kind == "single"
    assert url.places == (Place("cache.example", 6380),)
    assert (url.username, url.password, url.database) == ("app", "p@ss:", 3)
    assert not url.tls


def test_what_a_url_leaves_out():
    url = RedisUrl.parse("redis://localhost")
    assert url.places == (Place("localhost", 6379),)
    assert (url.username, url.password, url.database) == ("", "", 0)
    assert RedisUrl.parse("redis+sentinel://a/main").places == (Place("a", 26379),)


def test_tls_with_files():
    url = RedisUrl.parse("rediss://host/?ca=/ca.pem&cert=/c.pem&key=/k.pem")
    assert url.tls
    assert (url.ca, url.cert, url.key) == ("/ca.pem", "/c.pem", "/k.pem")


def test_a_unix_socket():
    url = RedisUrl.parse("unix://:secret@/run/my%20redis.sock?db=2")
    assert url.places == (Place("/run/my redis.sock"),)
    assert (url.password, url.database) == ("secret", 2)
    assert str(url.places[0]) == "/run/my redis.sock"


def test_sentinels():
    url = RedisUrl.parse(
        "rediss+sentinel://u:p@a:1,b,[::1]:3/main?db=4&sentinel_username=s&sentinel_password=t"
    )
    assert url.kind == "sentinel"
    assert url.tls
    assert url.places == (Place("a", 1), Place("b", 26379), Place("::1", 3))
    assert (url.service, url.database) == ("main", 4)
    assert (url.sentinel_username, url.sentinel_password) == ("s", "t")
    assert url.place == "Redis main by the Sentinels at a:1, b:26379, [::1]:3"


def test_a_cluster():
    url = RedisUrl.parse("redis+cluster://u:p@a:1,b:2")
    assert url.kind == "cluster"
    assert url.places == (Place("a", 1), Place("b", 2))


def test_passwords_are_not_shown():
    url = RedisUrl.parse("redis+sentinel://u:hush@a/main?sentinel_password=hush")
    assert "hush" not in repr(url) + url.place


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://hush@host", "begin with one of redis://"),
        ("", "begin with one of redis://"),
        ("redis://:hush@[::1", "not a URL"),
        ("redis://:hush@", "name host:port"),
        ("redis://:hush@host:port", "name host:port"),
        ("redis://:hush@host:0", "1 to 65535"),
        ("redis://:hush@host:65536", "1 to 65535"),
        ("redis://:hush@a,b", "several places"),
        ("redis://:hush@host/one", "has to be a number"),
        ("redis://:hush@host/1?db=2", "both name a database"),
        ("redis://:hush@host?ca=x", "unknown parameters: ca"),
        ("redis://:hush@host?hush", "not a URL"),
        ("rediss://:hush@host?key=x", "together with cert"),
        ("rediss+cluster://:hush@a?db=1", "unknown parameters: db"),
        ("redis+cluster://:hush@a/1", "no path"),
        ("redis+sentinel://:hush@a", "name of the Sentinels' service"),
        ("redis+sentinel://:hush@a/b/c", "name of the Sentinels' service"),
        ("unix://:hush@?db=1", "path of a socket"),
    ],
)
def test_what_is_wrong_is_told_without_the_password(url, problem):
    with pytest.raises(RedisOpenError) as caught:
        RedisUrl.parse(url)
    assert problem in str(caught.value)
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)
