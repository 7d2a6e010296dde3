"""Measures, then writes the page: ``python -m benches.serve``."""

import sys

from benches.serve import report, run

if __name__ == "__main__":
    sys.exit(run.main() or report.main([]))
