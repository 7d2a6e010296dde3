"""The file of a managed forest: a ZIP archive of its trees' model files and their rows."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fastrcf import _fastrcf
from fastrcf.errors import FastRCFError, ModelFileError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from fastrcf._typing import Singles

_ABOUT, _ROWS, _TREE = "managed.json", "rows.f32", "tree-{:04}.rcf"
_FORMAT = 1
# The same bytes whenever they are written.
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class About:
    """What a forest is, beside its trees.

    Attributes
    ----------
    num_trees, num_samples_per_tree, feature_dim, seed
        As the forest was made.
    kind, tree_size, n_rows
        How it was fitted; see :class:`fastrcf.sagemaker.sampling.Plan`.
    n_features : int
        Columns.
    """

    num_trees: int
    num_samples_per_tree: int
    feature_dim: int | None
    seed: int
    kind: Literal["blocks", "random"]
    tree_size: int
    n_rows: int
    n_features: int


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Attributes
    ----------
    about : About
    trees : sequence of frozen forests
        Of one tree each.
    rows : numpy.ndarray of float32, shape (num_trees, tree_size, n_features)
        The rows that each tree holds.
    """

    about: About
    trees: Sequence[_fastrcf.FrozenForest]
    rows: Singles


def write(content: Content) -> bytes:
    """Give the file's bytes; equal forests have equal ones."""
    about = json.dumps({"format": _FORMAT, **asdict(content.about)}, indent=1).encode()
    parts = [(_ABOUT, about), (_ROWS, content.rows.astype("<f4").tobytes())]
    parts += [(_TREE.format(i), tree.to_bytes()) for i, tree in enumerate(content.trees)]
    out = io.BytesIO()
    # Stored as they are: what is not compressed cannot swell when it is read.
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        for name, data in parts:
            file.writestr(zipfile.ZipInfo(name, _DATE), data)
    return out.getvalue()


def read(path: str | PathLike[str]) -> Content:
    """Read a file.

    Raises
    ------
    ModelFileError
        If it is no such file, or damaged; names it.
    """
    try:
        return parse(Path(path).read_bytes())
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None


def is_archive(path: str | PathLike[str]) -> bool:
    """Whether a file begins as an archive does."""
    with Path(path).open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def parse(data: bytes) -> Content:
    """Check a file's bytes, and give what they hold.

    Raises
    ------
    ModelFileError
        If they are no such file, or damaged.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            return _content(file)
    except ModelFileError:
        raise
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
        KeyError,
        TypeError,
        FastRCFError,
    ) as error:
        raise ModelFileError(f"this is no file of a managed forest: {error}") from None


def _content(file: zipfile.ZipFile) -> Content:
    entries = {entry.filename: entry for entry in file.infolist()}
    if len(entries) != len(file.infolist()):
        raise ModelFileError("two parts have the same name")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
        raise ModelFileError("a part is compressed")
    about = _about(file.read(_ABOUT))
    names = [_TREE.format(i) for i in range(about.num_trees)]
    if set(entries) != {_ABOUT, _ROWS, *names}:
        raise ModelFileError(f"expected {len(names)} trees, their rows and a description")
    shape = (about.num_trees, about.tree_size, about.n_features)
    if entries[_ROWS].file_size != 4 * int(np.prod(shape, dtype=object)):
        raise ModelFileError("the rows are not as many as described")
    rows = np.frombuffer(file.read(_ROWS), "<f4").reshape(shape).astype(np.float32)
    if not np.isfinite(rows).all():
        raise ModelFileError("a row holds what is no number")
    trees = [_tree(file.read(name), name, about) for name in names]
    return Content(about, trees, rows)


def _about(data: bytes) -> About:
    told = json.loads(data)
    if not isinstance(told, dict) or told.pop("format", None) != _FORMAT:
        raise ModelFileError("the description is of another version")
    if set(told) != {field.name for field in fields(About)}:
        raise ModelFileError("the description is not whole")
    about = About(**told)
    _check(about)
    return about


def _check(about: About) -> None:
    """Hold a description to what a fit can give."""
    from fastrcf.sagemaker import managed
    from fastrcf.sagemaker.sampling import Plan

    numbers: dict[str, Any] = {
        name: value
        for name, value in asdict(about).items()
        if name not in ("kind", "feature_dim") or (name == "feature_dim" and value is not None)
    }
    for name, value in numbers.items():
        if type(value) is not int or value < 0:
            raise ModelFileError(f"{name}: {value!r} is no number of a forest")
    managed.within("num_trees", about.num_trees, managed.NUM_TREES)
    managed.within("num_samples_per_tree", about.num_samples_per_tree, managed.NUM_SAMPLES_PER_TREE)
    managed.within("n_features", about.n_features, managed.FEATURE_DIM)
    plan = Plan.of(about.n_rows, about.num_trees, about.num_samples_per_tree)
    if (plan.kind, plan.tree_size) != (about.kind, about.tree_size):
        raise ModelFileError("the trees are not what so many rows give")
    if about.feature_dim not in (None, about.n_features) or about.seed >= 2**64:
        raise ModelFileError("the description contradicts itself")


def _tree(data: bytes, name: str, about: About) -> _fastrcf.FrozenForest:
    tree = _fastrcf.loads(data, 1)
    if not isinstance(tree, _fastrcf.FrozenForest):
        raise ModelFileError(f"{name} is no frozen forest")
    told = tree.parameters()
    expected = (1, 1, max(2, about.tree_size), about.n_features, about.tree_size)
    found = (told["n_trees"], told["shingle_size"], told["sample_size"], tree.n_features)
    if (*found, tree.n_seen) != expected or told["feature_weights"] is not None:
        raise ModelFileError(f"{name} is no tree of this forest")
    return tree
