"""`python -m netdaemon`, the same as the console script."""

import sys

from netdaemon.cli import main

if __name__ == "__main__":
    sys.exit(main())
