"""Training jobs as SageMaker lays them out, below a temporary folder."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

from fastrcf.container.train import train

ROOT = Path(__file__).resolve().parents[2]


class Job:
    """One job: what SageMaker writes before it starts the container, and what it looks at after."""

    def __init__(self, root):
        self.root = Path(root)
        self.channels = {}
        self.hyperparameters = {"num_trees": "20", "num_samples_per_tree": "64"}
        self.hosts = ["algo-1"]

    def channel(self, name="train", content_type="text/csv;label_size=0", mode="File", **more):
        self.channels[name] = {
            "TrainingInputMode": mode,
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
            **({"ContentType": content_type} if content_type else {}),
            **more,
        }
        return self

    def test_channel(self, content_type="text/csv;label_size=1", **more):
        return self.channel("test", content_type, **more)

    def file(self, name, data, channel="train"):
        path = self.root / "input" / "data" / channel / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        if channel not in self.channels:
            self.channel() if channel == "train" else self.test_channel()
        return self

    def set(self, **hyperparameters):
        self.hyperparameters |= hyperparameters
        return self

    def written(self):
        config = self.root / "input" / "config"
        config.mkdir(parents=True, exist_ok=True)
        for name in self.channels:
            (self.root / "input" / "data" / name).mkdir(parents=True, exist_ok=True)
        (config / "hyperparameters.json").write_text(json.dumps(self.hyperparameters))
        (config / "inputdataconfig.json").write_text(json.dumps(self.channels))
        (config / "resourceconfig.json").write_text(
            json.dumps({"current_host": self.hosts[0], "hosts": self.hosts})
        )
        return self

    def run(self):
        """Train in this process; gives the exit code."""
        self.written()
        return train(self.root)

    def start(self, *arguments, **environment):
        """Train in a process of its own, as the entry point does."""
        self.written()
        return subprocess.Popen(
            [sys.executable, "-m", "fastrcf.cli", "container", "train", *arguments],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT / "python"),
                "FASTRCF_CONTAINER_ROOT": str(self.root),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def pipe(self, data, channel="train", pieces=1):
        """Make a channel's pipe of the first epoch, and feed it from a thread."""
        path = self.root / "input" / "data" / f"{channel}_0"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(path)

        def feed():
            with path.open("wb", buffering=0) as file:
                size = max(1, -(-len(data) // pieces))
                for first in range(0, len(data), size):
                    file.write(data[first : first + size])

        thread = threading.Thread(target=feed, daemon=True)
        thread.start()
        return thread

    @property
    def model(self):
        return self.root / "model" / "model.rcf"

    @property
    def failure(self):
        path = self.root / "output" / "failure"
        return path.read_text() if path.exists() else None

    def fails(self, capsys=None):
        """Train what must fail; gives the reason."""
        assert self.run() == 1
        folder = self.root / "model"
        assert not folder.exists() or not list(folder.iterdir())
        assert self.failure
        return self.failure


def usual(n=400, d=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def labelled(n=300, odd=6, d=3, seed=1):
    """Rows with labels in front; anomalies are far away."""
    rng = np.random.default_rng(seed)
    rows = np.vstack([rng.normal(size=(n, d)), rng.normal(size=(odd, d)) + 9])
    return np.column_stack([np.r_[np.zeros(n), np.ones(odd)], rows])


def as_csv(rows):
    return "".join(",".join(repr(float(x)) for x in row) + "\n" for row in rows)
