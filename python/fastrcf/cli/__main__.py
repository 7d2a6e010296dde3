"""``python -m fastrcf.cli``."""

import sys

from fastrcf.cli import main

sys.exit(main())
