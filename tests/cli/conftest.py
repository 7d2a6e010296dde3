import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fastrcf.cli import main


@pytest.fixture
def run(capfd):
    """Run the command line in this process; give its exit code and what it printed."""

    def call(*words):
        capfd.readouterr()
        code = main([str(word) for word in words])
        out, err = capfd.readouterr()
        return code, out, err

    return call


@pytest.fixture
def done(run):
    """Run the command line, which has to end well; give its standard output."""

    def call(*words):
        code, out, err = run(*words)
        assert code == 0, err
        return out

    return call


@pytest.fixture
def piped(run, tmp_path, monkeypatch):
    """Run ``stream`` in this process with a text on standard input; give what ``run`` gives."""

    def call(text, *words):
        given = tmp_path / "standard input"
        given.write_text(text)
        before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
        try:
            with given.open() as file, monkeypatch.context() as patch:
                patch.setattr(sys, "stdin", file)
                return run("stream", *words)
        finally:
            # The command takes these two for as long as its process lives.
            signal.signal(signal.SIGINT, before[0])
            signal.signal(signal.SIGTERM, before[1])

    return call


@pytest.fixture
def shell():
    """Start the command line as a process of its own."""

    def start(*words, **given):
        command = [sys.executable, "-m", "fastrcf.cli", *map(str, words)]
        given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | given
        return subprocess.Popen(command, **given)

    return start


@pytest.fixture(scope="session")
def payments():
    """Some payments; the last five are odd."""
    rng = np.random.default_rng(3)
    frame = pl.DataFrame(
        {
            "id": [f"t{i:05}" for i in range(3000)],
            "amount": rng.lognormal(3, 0.5, 3000).round(2),
            "items": rng.poisson(3, 3000),
            "online": rng.random(3000) < 0.3,
            "shop": rng.choice(["grocery", "fuel", "travel"], 3000, p=[0.7, 0.25, 0.05]),
            "time": np.arange(3000) * 60.0,
            "fraud": [0] * 2995 + [1] * 5,
        }
    )
    odd = frame.tail(5).with_columns(amount=pl.lit(9000.0), items=pl.lit(40, pl.Int64))
    return pl.concat([frame.head(2995), odd])


WRITERS = {
    "csv": pl.DataFrame.write_csv,
    "csv.gz": lambda f, path: path.write_bytes(__import__("gzip").compress(f.write_csv().encode())),
    "tsv": lambda f, path: f.write_csv(path, separator="\t"),
    "parquet": pl.DataFrame.write_parquet,
    "arrow": lambda f, path: f.write_ipc(path, compat_level=pl.CompatLevel.oldest()),
    "jsonl": pl.DataFrame.write_ndjson,
}


@pytest.fixture
def table(payments, tmp_path):
    """Write the payments, or another frame, in a format."""

    def write(ending="csv", frame=None, name="payments"):
        path = tmp_path / f"{name}.{ending}"
        WRITERS[ending](payments if frame is None else frame, path)
        return path

    return write


@pytest.fixture(scope="session")
def trained(payments, tmp_path_factory):
    """The file of a detector of the payments."""
    folder = tmp_path_factory.mktemp("trained")
    data, path = str(folder / "payments.parquet"), str(folder / "model.rcf")
    payments.write_parquet(data)
    words = ["--label", "fraud", "--time", "time", "--categorical", "shop", "--seed", "3"]
    assert main(["train", data, "-o", path, "--alert-rate", "0.002", *words]) == 0
    return path


@pytest.fixture
def model(trained, tmp_path):
    """A detector of the payments, in the folder of the test."""
    return Path(shutil.copy(trained, tmp_path / "model.rcf"))


def json_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]
