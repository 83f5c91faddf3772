"""`python -m hitscanner.prober`."""

import sys

from .cli import main

sys.exit(main())
