import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastrcf.service.keys import ApiKeys, KeyFileError, hash_of, new_key, read
from fastrcf.serving.problems import Problem


def test_a_new_key_opens_and_its_file_does_not_have_it(tmp_path):
    path = tmp_path / "keys"
    first, second = new_key(path, "web"), new_key(path, "job-2")
    assert first != second
    assert len(first) > 40
    keys = ApiKeys.load(path)
    assert keys.head({"x-api-key": first}) == "web"
    assert keys.head({"authorization": f"bearer {second}"}) == "job-2"
    text = path.read_text()
    assert first not in text
    assert second not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_people_wrote_goes_on(tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"# ours\n\nold   sha256:{hash_of('k')} # of last year")
    key = new_key(path, "new")
    keys = ApiKeys.load(path)
    assert keys.head({"x-api-key": "k"}) == "old"
    assert keys.head({"x-api-key": key}) == "new"
    assert path.read_text().startswith("# ours\n")


@pytest.mark.parametrize("name", ["", "a b", "-a", "a" * 65, "a\nb", "é", "../x"])
def test_names_that_cannot_be(tmp_path, name):
    with pytest.raises(KeyFileError):
        new_key(tmp_path / "keys", name)
    assert not (tmp_path / "keys").exists()


def test_a_name_is_there_once(tmp_path):
    new_key(tmp_path / "keys", "web")
    before = (tmp_path / "keys").read_bytes()
    with pytest.raises(KeyFileError, match="already"):
        new_key(tmp_path / "keys", "web")
    assert (tmp_path / "keys").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no key"),
        ("# nothing\n", "there is no key"),
        ("web frcf_thekeyitself", "line 1"),
        ("\nweb sha256:12", "line 2"),
        (f"web sha256:{'a' * 64}\nweb sha256:{'b' * 64}", "line 2: 'web' is there twice"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, text, words):
    (tmp_path / "keys").write_text(text)
    with pytest.raises(KeyFileError, match=words) as caught:
        ApiKeys.load(tmp_path / "keys")
    assert "thekeyitself" not in str(caught.value)


def test_a_file_of_bytes_is_no_file_of_keys(tmp_path):
    path = tmp_path / "keys"
    path.write_bytes(b"\xff\xfe")
    for act in (ApiKeys.load, lambda path: new_key(path, "web")):
        with pytest.raises(KeyFileError, match="not UTF-8"):
            act(path)
    assert path.read_bytes() == b"\xff\xfe"


def test_when_all_are_withdrawn_nobody_may_ask(tmp_path):
    path = tmp_path / "keys"
    key = new_key(path, "web")
    path.write_text("# withdrawn\n")
    keys = ApiKeys.load(path, withdrawn=True)
    assert len(keys) == 0
    with pytest.raises(Problem) as caught:
        keys.head({"x-api-key": key})
    assert caught.value.status == 403


@given(st.text(max_size=60))
def test_no_other_key_opens(text):
    keys = ApiKeys({"web": hash_of("right")})
    with pytest.raises(Problem) as caught:
        keys.head({"x-api-key": text})
    assert caught.value.status in (401, 403)
    assert "right" not in str(caught.value)


def test_the_hash_is_sha256():
    assert hash_of("abc").startswith("ba7816bf")
    assert read.__doc__
