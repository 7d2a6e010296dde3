"""Names for array types."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Matrix: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Columns: TypeAlias = list[Any]
# What the engine takes: fastrcf._layout says how.
Rows: TypeAlias = Matrix | Columns | tuple[Columns, ...]
Singles: TypeAlias = NDArray[np.float32]
Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
