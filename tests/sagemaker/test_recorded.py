import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastrcf
from fastrcf.sagemaker.recorded import read

scores = st.lists(st.floats(0, 20), min_size=1, max_size=30)


@given(scores, st.booleans(), st.integers(0, 3))
def test_the_services_own_answers(tmp_path_factory, values, is_lines, indent):
    path = tmp_path_factory.mktemp("r") / "r.out"
    entries = [{"score": value} for value in values]
    if is_lines:
        path.write_text("\n".join(map(json.dumps, entries)) + "\n")
    else:
        path.write_text(json.dumps({"scores": entries}, indent=indent or None))
    found = read(path)
    assert found.rows is None
    np.testing.assert_array_equal(found.scores, values)


def test_csv_with_comments_and_row_numbers(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text('# from: a, "notebook"\nindex,when,score\n7,"a, b",1.5\n2,c,0.25\n7,d,1.5\n')
    found = read(path)
    assert found.rows.tolist() == [2, 7]
    assert found.scores.tolist() == [0.25, 1.5]
    path.write_text("at,s\n3,1e-1\n1,2\n")
    found = read(path, score="s")
    assert (found.rows, found.scores.tolist()) == (None, [0.1, 2.0])
    assert read(path, score="s", index="at").rows.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column 'score'"),
        ("score\n", "there are no scores"),
        ("# only a comment\n", "no column 'score'"),
        ("score,score\n1,2\n", "two columns are named 'score'"),
        ("index,score,index\n1,2,3\n", "two columns are named 'index'"),
        ("a,b\n1,2\n", "no column 'score' among a, b"),
        ("score\n1\nnan\n", "line 3: 'nan' is no finite number"),
        ("score\n1\n1e999\n", "line 3"),
        ("score\nx\n", "line 2: 'x'"),
        ("# c\nindex,score\n1\n", "line 3: 1 fields, but 2 names"),
        ("index,score\n-1,2\n", "line 2: '-1' is no number of a row"),
        ("index,score\n1.5,2\n", "line 2: '1.5'"),
        ("index,score\n99999999999999999999,2\n", "no number of a row"),
        ("index,score\n1,2\n1,3\n", "row 1 has two scores"),
        ('{"scores": 3}', "expected"),
        ('{"scores": [{"score": "1"}]}', "score 0: '1' is not a number"),
        ('{"scores": [{"score": 1}, 2]}', "score 1"),
        ('{"scores": []}', "there are no scores"),
        ('{"score": 1}\n{"score": true}\n', "line 2: True"),
        ('{"score": 1}\n{"score": NaN}\n', "line 2: nan"),
        ('{"score": 1}\noops\n', "line 2: this is no JSON"),
        ('{"score": 1}\n[]\n', "line 2: expected"),
        ("{" * 200_000, "expected"),
        ('{"a": ' * 100_000, "expected"),
    ],
)
def test_what_is_no_record_is_refused(tmp_path, text, said):
    path = tmp_path / "r.csv"
    path.write_text(text)
    with pytest.raises(fastrcf.InvalidInputError, match=r"r\.csv: ") as found:
        read(path)
    assert said in str(found.value)


def test_what_is_no_text_is_refused(tmp_path):
    (tmp_path / "r").write_bytes(b"\x89RCF\r\n\xff\xfe")
    with pytest.raises(fastrcf.InvalidInputError, match="no text"):
        read(tmp_path / "r")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none")
    (tmp_path / "r").write_text("score\n1\n")
    with pytest.raises(fastrcf.InvalidInputError, match="no column 'at'"):
        read(tmp_path / "r", index="at")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("r") / "r"
    path.write_text(text, encoding="utf-8")
    with contextlib.suppress(fastrcf.InvalidInputError):
        assert np.isfinite(read(path).scores).all()
