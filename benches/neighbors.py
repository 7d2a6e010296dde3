"""How many of the nearest points of a forest's sample its neighbours are.

python -m benches.neighbors prints the table of docs/questions.md.
"""

from __future__ import annotations

import numpy as np

import fastrcf
from benches.rows import mixture

COUNTS = (1, 10, 50)
COLUMNS = (2, 8, 30)


def recall(n_columns: int, k: int) -> float:
    """Compare with the nearest of the whole sample, which all trees together hold."""
    forest = fastrcf.RandomCutForest(random_state=7)
    forest.insert(mixture(20_000, n_columns, seed=1))
    asked = mixture(300, n_columns, seed=2)
    # 128 and more reach every row of a tree of 256.
    whole = forest.neighbors(asked, max(k, 128)).ids[:, :k]
    found = forest.neighbors(asked, k).ids
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(whole, found, strict=True)]))


def main() -> None:
    """Print a row for each number of columns."""
    print("| columns |" + "".join(f" k = {k} |" for k in COUNTS))
    print("|---|" + "---|" * len(COUNTS))
    for n_columns in COLUMNS:
        cells = (f" {recall(n_columns, k):.2f} |" for k in COUNTS)
        print(f"| {n_columns} |" + "".join(cells))


if __name__ == "__main__":
    main()
