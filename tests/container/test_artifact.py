import numpy as np
import pytest

import fastrcf
from fastrcf.container import artifact
from fastrcf.errors import ModelFileError, NotFittedError
from fastrcf.sagemaker import ManagedForest
from tests.container.jobs import usual


def models():
    x = usual(500)
    forest = fastrcf.RandomCutForest(10, 64, random_state=1)
    forest.insert(x)
    return [
        fastrcf.Detector(n_trees=10, sample_size=64, random_state=1).fit(x),
        ManagedForest(50, 64, random_state=1).fit(x),
        forest,
    ]


@pytest.mark.parametrize("i", range(3))
def test_what_is_saved_is_loaded(tmp_path, i):
    model, x = models()[i], usual(20)
    path = artifact.save(model, tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "model.rcf"
    again = artifact.load(path.parent, n_threads=1)
    assert type(again) is type(model)
    np.testing.assert_array_equal(again.score(x), model.score(x))


def test_the_only_model_of_another_name_is_taken(tmp_path):
    detector, managed, _ = models()
    detector.save(tmp_path / "fraud-2026.rcf")
    (tmp_path / "README.txt").write_text("about it")
    (tmp_path / ".model.rcf.7-0.tmp").write_text("unfinished")
    (tmp_path / ".model.rcf").write_text("hidden")
    assert isinstance(artifact.load(tmp_path), fastrcf.Detector)
    managed.save(tmp_path / "other.rcf")
    with pytest.raises(ModelFileError, match=r"several models .*: fraud-2026\.rcf, other\.rcf"):
        artifact.load(tmp_path)
    managed.save(tmp_path / "model.rcf")
    assert isinstance(artifact.load(tmp_path), ManagedForest)


def test_folders_without_a_model(tmp_path):
    with pytest.raises(ModelFileError, match="it holds no file"):
        artifact.load(tmp_path)
    (tmp_path / "model_algo-1").write_text("the managed service's")
    with pytest.raises(ModelFileError, match="it holds model_algo-1"):
        artifact.load(tmp_path)
    with pytest.raises(ModelFileError, match="No such file"):
        artifact.load(tmp_path / "none")


def test_models_of_other_kinds_and_damaged_ones(tmp_path):
    *_, forest = models()
    forest.freeze().save(tmp_path / "model.rcf")
    with pytest.raises(ModelFileError, match="a FrozenForest cannot be served here"):
        artifact.load(tmp_path)
    for data in (b"", b"PK\x03\x04 and no more", b"not a model"):
        (tmp_path / "model.rcf").write_bytes(data)
        with pytest.raises(ModelFileError, match=r"model\.rcf"):
            artifact.load(tmp_path)


def test_nothing_is_written_of_a_model_that_is_not_fitted(tmp_path):
    with pytest.raises(NotFittedError):
        artifact.save(fastrcf.Detector(), tmp_path)
    assert list(tmp_path.iterdir()) == []
