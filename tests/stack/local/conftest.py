import pytest


@pytest.fixture
def cloud(model, tmp_path):
    pytest.importorskip("uvicorn", reason="the extra serve is not installed")
    from fastrcf.stack.local import LocalCloud

    with LocalCloud(model, tmp_path / "cloud", auth="none") as made:
        yield made
