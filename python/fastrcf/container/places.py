"""Where SageMaker puts what a container reads, and looks for what it writes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

ROOT_VARIABLE = "FASTRCF_CONTAINER_ROOT"
_ROOT = "/opt/ml"


@dataclass(frozen=True)
class Places:
    """The folders and files of the contract, below one root.

    Attributes
    ----------
    root : Path
        ``/opt/ml`` on SageMaker.

    References
    ----------
    https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
    """

    root: Path

    @classmethod
    def below(cls, root: str | PathLike[str] | None = None) -> Places:
        """Give those below a root; default: the environment's, then ``/opt/ml``."""
        return cls(Path(root or os.environ.get(ROOT_VARIABLE) or _ROOT))

    @property
    def hyperparameters(self) -> Path:
        """The job's hyperparameters: names and texts."""
        return self.root / "input" / "config" / "hyperparameters.json"

    @property
    def channels(self) -> Path:
        """What the job's channels are."""
        return self.root / "input" / "config" / "inputdataconfig.json"

    @property
    def resources(self) -> Path:
        """The job's hosts."""
        return self.root / "input" / "config" / "resourceconfig.json"

    @property
    def data(self) -> Path:
        """The folder of channels: folders below it, or pipes in it."""
        return self.root / "input" / "data"

    @property
    def model(self) -> Path:
        """The folder that becomes ``model.tar.gz``."""
        return self.root / "model"

    @property
    def failure(self) -> Path:
        """The file that says why a job failed."""
        return self.root / "output" / "failure"
