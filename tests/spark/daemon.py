"""Spark's parent of Python workers, with what each of them would import first.

Workers whose task failed or was cut short are not used again, and tests have many such: to import
anew took a third of the tests' time. This package is not among them: what a worker does without
it, and where it gets it from, is tested.
"""

import gc

if __name__ == "__main__":
    import numpy  # noqa: F401
    import pandas  # noqa: F401
    import pyarrow.compute
    import pyarrow.pandas_compat  # noqa: F401
    import pyspark.worker  # noqa: F401
    from pyspark import daemon

    # Workers collect after every task, and need not look through all of these again.
    gc.collect()
    gc.freeze()
    daemon.manager()
