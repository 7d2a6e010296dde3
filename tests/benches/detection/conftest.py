import pytest

from benches.detection.families import card, cicids, handbook, nsl_kdd
from tests.benches.detection import made


@pytest.fixture
def made_data(tmp_path, monkeypatch):
    """A folder with a small file of every format, which the bench takes for the data."""
    folder = tmp_path / "data"
    for make in made.ALL:
        make(folder)
    monkeypatch.setenv("FASTRCF_DATA", str(folder))
    yield folder
    for read in (card.read, cicids.read, nsl_kdd.read, handbook.read, handbook.features):
        read.cache_clear()
