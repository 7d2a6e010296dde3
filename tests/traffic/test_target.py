import pytest

from fastrcf.errors import InvalidInputError, InvalidParameterError
from fastrcf.traffic.auth import choose
from fastrcf.traffic.target import parse

GATEWAY = "https://abcde12345.execute-api.eu-west-3.amazonaws.com/prod/invocations"


def test_what_a_url_tells():
    here, there = parse("http://127.0.0.1:8080/v1/score?a=1#b"), parse(GATEWAY)
    assert here.url == "http://127.0.0.1:8080/v1/score?a=1"
    assert here.shown == "http://127.0.0.1:8080/v1/score"
    assert (here.is_loopback, here.is_encrypted, here.region) == (True, False, None)
    assert (there.is_loopback, there.is_encrypted, there.region) == (False, True, "eu-west-3")
    assert parse("http://[::1]:80/").is_loopback
    assert parse("http://localhost/").is_loopback
    assert not parse("http://localhost.example/").is_loopback
    assert parse("https://abc.execute-api.eu-west-3.amazonaws.com.example/").region is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:80/x",
        "ftp://host/",
        "http:///x",
        "http://host:0/",
        "http://host:99999/",
        "http://user:secret@host/",
        "http://host/a b",
        "http://host/\n",
        "file:///etc/passwd",
    ],
)
def test_what_is_no_url_is_refused_without_showing_secrets(url):
    with pytest.raises(InvalidParameterError) as refused:
        parse(url)
    assert "secret" not in str(refused.value)


def test_a_key_comes_from_the_environment_or_a_file(monkeypatch, tmp_path):
    monkeypatch.setenv("A_KEY", "k1\n")
    (tmp_path / "key").write_text("k2\n")
    for given, key in (({"key_env": "A_KEY"}, "k1"), ({"key_file": str(tmp_path / "key")}, "k2")):
        made = choose("key", parse(GATEWAY), **given).headers(GATEWAY, b"", "application/json")
        assert made == {"content-type": "application/json", "x-api-key": key}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "key"}, "one of them"),
        ({"kind": "key", "key_env": "A", "key_file": "b"}, "one of them"),
        ({"kind": "key", "key_env": "NO_SUCH_KEY"}, "no variable NO_SUCH_KEY"),
        ({"kind": "none", "key_env": "A"}, "--auth key"),
        ({"kind": "none", "region": "a"}, "--auth sigv4"),
        ({"kind": "basic"}, "none of"),
    ],
)
def test_what_identifies_nobody_is_refused(given, message):
    with pytest.raises((InvalidParameterError, InvalidInputError), match=message):
        choose(given.pop("kind"), parse(GATEWAY), **given)


@pytest.mark.parametrize("key", ["", "\u00e9", "a\nb", "x" * 5000])
def test_a_key_that_no_header_holds_is_refused(tmp_path, key):
    (tmp_path / "key").write_text(key)
    with pytest.raises(InvalidInputError) as refused:
        choose("key", parse(GATEWAY), key_file=str(tmp_path / "key"))
    assert not key or key not in str(refused.value)
