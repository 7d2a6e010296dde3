"""Measures, then writes the page: ``python -m benches.managed``."""

import sys

from benches.managed import report, run

if __name__ == "__main__":
    sys.exit(run.main() or report.main([]))
