"""Detectors of other packages, on the features that ours looks at, trained on the days before."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from fastrcf._typing import Floats

#: Sessions that a one-class SVM is trained on, by chance: its kernel's map takes 800 bytes of each.
SVM_ROWS: Final = 100_000
_PARTS: Final = 16


def filled(train: Floats, judged: Floats) -> tuple[Floats, Floats]:
    """Fill missing values with the median of the training's, which neither of them takes.

    Parameters
    ----------
    train, judged : ndarray of float64, shape (sessions, features)
    """
    usual = np.nan_to_num(np.nanmedian(train, axis=0))
    return tuple(np.where(np.isnan(each), usual, each) for each in (train, judged))  # type: ignore[return-value]


def ecod(train: Floats, judged: Floats, random_state: int) -> Floats:
    """Score by pyod's ECOD with its own settings; it has no seed.

    Parameters
    ----------
    train : ndarray of float64, shape (sessions before, features)
    judged : ndarray of float64, shape (sessions after, features)
    random_state : int

    Returns
    -------
    ndarray of float64, shape (sessions after,)
        Higher is more unusual.

    Raises
    ------
    ImportError
        If pyod is not installed.
    """
    from pyod.models.ecod import ECOD

    train, judged = filled(train, judged)
    with warnings.catch_warnings():
        # Of columns that hardly vary, whose skewness SciPy is unsure of.
        warnings.filterwarnings("ignore", "Precision loss", RuntimeWarning)
        scores: Floats = ECOD().fit(train).decision_function(judged)
    return scores


def one_class_svm(train: Floats, judged: Floats, random_state: int) -> Floats:
    """Score by scikit-learn's one-class SVM in the form that it has for large tables.

    Features are brought to mean 0 and deviation 1, an RBF kernel is approximated by 100 sessions
    (Nystroem), and a linear one-class SVM is learnt by stochastic descent.

    Parameters and returns are those of :func:`ecod`.
    """
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import SGDOneClassSVM
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, judged = filled(train, judged)
    rng = np.random.default_rng(random_state)
    some = rng.permutation(len(train))[:SVM_ROWS]
    model = make_pipeline(
        StandardScaler(),
        Nystroem(gamma=1 / train.shape[1], n_components=100, random_state=random_state),
        SGDOneClassSVM(nu=0.01, random_state=random_state),
    ).fit(train[some])
    parts = [p for p in np.array_split(judged, _PARTS) if len(p)]
    return np.concatenate([-model.decision_function(part) for part in parts])


#: By the name that the page shows.
OTHERS: Final = {"one-class SVM": one_class_svm, "pyod ECOD": ecod}
